"""Captures without pictures: points of the box room seen by posed cameras, as a COLMAP database and as an exact model.

Every point looks like nothing else, so matching finds just the features that were put in, in milliseconds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycolmap

from recon.formats.frame_set import FrameImage, FrameSet
from recon.geometry import Similarity, align_points, invert_rigid
from tests.poses import room

SIZE_HW = (480, 640)
FOCAL_PX = 560.0


@dataclass(frozen=True)
class Scene:
    """What each of n frames sees of m points. Frame i is image i + 1 of the database and of models."""

    frames: FrameSet
    poses: list[np.ndarray]  # [n] world_from_camera
    points: np.ndarray  # [m, 3]
    seen: list[np.ndarray]  # [n] places of the points that each frame sees, feature by feature
    pixels: list[np.ndarray]  # [n] of [k, 2] where it sees them

    def shared(self, i: int, j: int) -> np.ndarray:
        """Features of frames i and j that see the same points [k, 2]."""
        return np.stack(np.intersect1d(self.seen[i], self.seen[j], return_indices=True)[1:], 1).astype(np.uint32)


def wall_points(n: int, rng: np.random.Generator, depth_m: float = 0.3) -> np.ndarray:
    """Points [n, 3] on the walls of the room and up to `depth_m` before them."""
    points = rng.uniform(-1, 1, (n, 3)) * room.HALF_SIZE
    axis, side = rng.integers(0, 3, n), rng.choice([-1.0, 1.0], n)
    points[np.arange(n), axis] = side * (room.HALF_SIZE[axis] - rng.uniform(0, depth_m, n))
    return points


def scene(
    poses: Sequence[np.ndarray],
    *,
    points: np.ndarray | int = 600,
    noise_px: float = 0.0,
    kind: str = "video",
    blank: Iterable[int] = (),
    most: int | None = None,
    seed: int = 0,
) -> Scene:
    """The room's points seen from `poses` with Gaussian noise; frames in `blank` see none, no frame more than `most`."""
    rng = np.random.default_rng(seed)
    points = wall_points(points, rng) if isinstance(points, int) else points
    h, w = SIZE_HW
    seen, pixels = [], []
    for i, pose in enumerate(poses):
        local = (points - pose[:3, 3]) @ pose[:3, :3]
        uv = local[:, :2] / np.maximum(local[:, 2:], 1e-9) * FOCAL_PX + [w / 2, h / 2]
        inside = np.flatnonzero((local[:, 2] > 0.1) & (uv > 0).all(1) & (uv < [w, h]).all(1))
        visible = rng.permutation(inside)[:most] if i not in set(blank) else inside[:0]
        seen.append(visible)
        pixels.append(uv[visible] + noise_px * rng.normal(size=(len(visible), 2)))
    names = [f"{i:05d}" for i in range(len(poses))]
    frames = tuple(FrameImage(name, f"{name}.png", i / 5, None, SIZE_HW) for i, name in enumerate(names))
    return Scene(FrameSet(kind, frames, is_camera_shared=True), list(poses), points, seen, pixels)


def camera(camera_id: int = 1) -> pycolmap.Camera:
    h, w = SIZE_HW
    params = [FOCAL_PX, w / 2, h / 2, 0]
    return pycolmap.Camera(model="SIMPLE_RADIAL", width=w, height=h, params=params, camera_id=camera_id)


def write_database(
    file: Path,
    given: Scene,
    pairs: Iterable[tuple[int, int]] | None = None,
    *,
    looks: np.ndarray | None = None,
    matches: dict[tuple[int, int], np.ndarray] | None = None,
    seed: int = 0,
) -> Path:
    """Cameras that guess, features, and matches verified as they are of `pairs` (none: matching is left to do).

    `looks` [n, m] numbers what each frame takes each point for (the same number, the same descriptor); `matches` replaces
    those of single pairs.
    """
    lens = camera()
    lens.params = [1.2 * SIZE_HW[1], *lens.params[1:]]
    with pycolmap.Database.open(file) as opened:
        rig = pycolmap.Rig()
        rig.rig_id = 1
        rig.add_ref_sensor(lens.sensor_id)
        opened.write_camera(lens, use_camera_id=True)
        opened.write_rig(rig, use_rig_id=True)
        for i, (name, seen, pixels) in enumerate(zip(given.frames.images, given.seen, given.pixels, strict=True)):
            image = pycolmap.Image(name=name, camera_id=1, image_id=i + 1)
            frame = pycolmap.Frame()
            frame.frame_id, frame.rig_id = i + 1, 1
            frame.add_data_id(image.data_id)
            opened.write_image(image, use_image_id=True)
            opened.write_frame(frame, use_frame_id=True)
            shape = np.tile([4.0, 0, 0, 4.0], (len(seen), 1))
            opened.write_keypoints(i + 1, np.column_stack([pixels, shape]).astype(np.float32))
            descriptors = _descriptors(seen if looks is None else looks[i, seen], seed)
            sift = pycolmap.FeatureExtractorType.SIFT
            opened.write_descriptors(i + 1, pycolmap.FeatureDescriptors(sift, descriptors))
        for i, j in pairs or ():
            _write_pair(opened, given, i, j, (matches or {}).get((i, j), given.shared(i, j)))
    return file


def _descriptors(looks: np.ndarray, seed: int) -> np.ndarray:
    """RootSIFT-like [k, 128]: sparse, of norm 512, independent for different looks."""
    values = [np.random.default_rng((seed, look)).exponential(size=128) ** 2 for look in looks.tolist()]
    flat = np.array(values).reshape(-1, 128)
    return np.clip(np.round(512 * np.sqrt(flat / np.maximum(flat.sum(1, keepdims=True), 1e-9))), 0, 255).astype(
        np.uint8
    )


def _write_pair(opened: pycolmap.Database, given: Scene, i: int, j: int, matches: np.ndarray) -> None:
    opened.write_matches(i + 1, j + 1, matches)
    second_from_first = invert_rigid(given.poses[j]) @ given.poses[i]
    geometry = pycolmap.TwoViewGeometry()
    geometry.config = int(pycolmap.TwoViewGeometryConfiguration.CALIBRATED)
    geometry.inlier_matches = matches
    geometry.cam2_from_cam1 = pycolmap.Rigid3d(second_from_first[:3])
    opened.write_two_view_geometry(i + 1, j + 1, geometry)


def model_of(given: Scene, places: Iterable[int] | None = None, *, camera_id: int = 1) -> pycolmap.Reconstruction:
    """The exact model of the frames at `places` (all of them), with the points that at least two of them see."""
    model = pycolmap.Reconstruction()
    model.add_camera_with_trivial_rig(camera(camera_id))
    tracks: dict[int, pycolmap.Track] = {}
    for i in range(len(given.poses)) if places is None else places:
        name = given.frames.images[i]
        image = pycolmap.Image(name=name, keypoints=given.pixels[i], camera_id=camera_id, image_id=i + 1)
        model.add_image_with_trivial_frame(image, pycolmap.Rigid3d(invert_rigid(given.poses[i])[:3]))
        for feature, point in enumerate(given.seen[i].tolist()):
            tracks.setdefault(point, pycolmap.Track()).add_element(i + 1, feature)
    for point, track in sorted(tracks.items()):
        if track.length() >= 2:
            model.add_point3D(given.points[point], track)
    model.update_point_3d_errors()
    return model


def posed(model: pycolmap.Reconstruction) -> list[int]:
    """Places of the posed frames."""
    return sorted(image_id - 1 for image_id in model.reg_image_ids())


def moved(model: pycolmap.Reconstruction, change: Similarity) -> pycolmap.Reconstruction:
    """The same model in another frame."""
    model.transform(pycolmap.Sim3d(change.scale, pycolmap.Rotation3d(change.rotation), change.translation))
    return model


def move_frame(model: pycolmap.Reconstruction, place: int, by: Sequence[float]) -> None:
    """Shift the camera of one frame by `by` [3], in its own frame."""
    frame = model.frame(place + 1)
    frame.rig_from_world = pycolmap.Rigid3d(pycolmap.Rotation3d(), -np.asarray(by)) * frame.rig_from_world


def center_errors(model: pycolmap.Reconstruction, given: Scene) -> np.ndarray:
    """Distances of the posed cameras [k] from the truth in metres, after the best similarity."""
    places = posed(model)
    centers = np.array([model.image(i + 1).projection_center() for i in places])
    truth = np.array([given.poses[i][:3, 3] for i in places])
    return np.linalg.norm(align_points(centers, truth).points(centers) - truth, axis=1)
