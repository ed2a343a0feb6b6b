"""How far a mapped model can be trusted: what the ladder of attempts (recon.poses.sfm.ladder) judges each by."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycolmap
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from recon.formats.frame_set import FrameSet
from recon.geometry.transforms import Array
from recon.poses.sfm.colmap_model import Model
from recon.poses.sfm.database import verified
from recon.poses.sfm.lens import family_of

MAX_ERROR = 0.0016  # of the longer side, two pixels of 1280: matches further from their epipolar line disagree
MIN_SHARED_POINTS = 15  # two frames that see fewer points in common do not hold each other

# A model that misses one of these is tried again another way. Measured on captures that came out right: agreement 0.77 to
# 0.99, error 0.2 to 0.6 pixels of 1280, tracks of 3.9 to 16 frames.
_MIN_AGREEMENT = 0.6
_MAX_REPROJECTION = 0.0012  # of the longer side
_MIN_TRACK = 2.8
# Of the longer side, by family of lenses: 0.3 is 118 degrees across for a perspective lens, 0.2 is 287 for a fisheye.
_FOCAL_RATIOS = {"perspective": (0.3, 4.0), "fisheye": (0.2, 4.0)}
_SQUARE = 0.05  # pixels of frames are square: two focal lengths agree within 2 % where the model is right
_MAX_DISTORTION = 1.0  # action cameras have 0.3
# Below this the depth of most points is a guess: COLMAP itself drops points under 1.5 degrees.
MIN_MEDIAN_ANGLE_DEG = 2.0


@dataclass(frozen=True)
class Quality:
    """Measures of one model, and in words what is wrong with it."""

    registered: int
    total: int
    agreement: float  # median over frames of the share of their verified matches that fit the poses
    close_matches: (
        float  # share of all verified matches that fit twice as closely: what tells two good-looking models apart
    )
    reprojection_error_px: float
    mean_track_length: float
    n_points: int
    median_angle_deg: float  # triangulation angle
    parts: int  # pieces that share too few points to hold each other
    problems: tuple[str, ...]

    @property
    def rank(self) -> tuple[float, float]:
        """Larger is better: posed frames first, then matches that fit closely; a hundredth of either does not decide."""
        return round(self.registered / self.total, 2), round(self.close_matches, 2)


def judge(model: Model, database: Path, frames: FrameSet, *, min_registered: float) -> Quality:
    """Measure `model`; it is fine when `problems` is empty."""
    errors = list(_match_errors(model, database))
    shares = [agree / all_ for agree, all_ in _count_by_frame(model, errors).values() if all_]
    every_error = np.concatenate([np.zeros(0), *(pair_errors for _, _, pair_errors in errors)])
    quality = Quality(
        registered=model.num_reg_images(),
        total=len(frames.frames),
        agreement=float(np.median(shares)) if shares else 0.0,
        close_matches=float(np.mean(every_error < MAX_ERROR / 2)) if len(every_error) else 0.0,
        reprojection_error_px=model.compute_mean_reprojection_error(),
        mean_track_length=model.compute_mean_track_length(),
        n_points=model.num_points3D(),
        median_angle_deg=float(np.median(triangulation_angles_deg(model))) if model.num_points3D() else 0.0,
        parts=int(parts(model).max(initial=-1)) + 1,
        problems=(),
    )
    longest = max(max(frame.size_hw) for frame in frames.frames)
    checks = (
        (quality.registered < min_registered * quality.total, f"{quality.registered} of {quality.total} frames posed"),
        (quality.agreement < _MIN_AGREEMENT, f"only {quality.agreement:.0%} of the matches fit the poses"),
        (
            quality.reprojection_error_px > _MAX_REPROJECTION * longest,
            f"points are {quality.reprojection_error_px:.1f} px off",
        ),
        (quality.mean_track_length < _MIN_TRACK, f"points are seen by {quality.mean_track_length:.1f} frames only"),
        (quality.median_angle_deg < MIN_MEDIAN_ANGLE_DEG, f"rays meet at {quality.median_angle_deg:.1f} degrees"),
        (quality.parts > 1, f"it falls into {quality.parts} parts that share too few points"),
        (not all(map(_is_focal_plausible, model.cameras.values())), "the focal length is implausible"),
        (not all(map(_is_distortion_plausible, model.cameras.values())), "the lens distortion is implausible"),
    )
    return Quality(**{**vars(quality), "problems": tuple(text for is_wrong, text in checks if is_wrong)})


def _is_focal_plausible(camera: pycolmap.Camera) -> bool:
    focal = [camera.params[i] for i in camera.focal_length_idxs()]  # one, or across and down
    if abs(focal[0] / focal[-1] - 1) > _SQUARE:
        return False
    low, high = _FOCAL_RATIOS[family_of(camera.model_name)]
    return low < camera.mean_focal_length() / max(camera.width, camera.height) < high


def _is_distortion_plausible(camera: pycolmap.Camera) -> bool:
    """Whether no coefficient is beyond `_MAX_DISTORTION`: such lenses fold the picture over."""
    return all(abs(camera.params[i]) < _MAX_DISTORTION for i in camera.extra_params_idxs())


def agreement(model: Model, database: Path) -> dict[int, tuple[int, int]]:
    """For each posed frame (COLMAP's id): how many of its verified matches with other frames fit the poses, of how many.

    A match fits when both its pixels lie within `MAX_ERROR` of the other's epipolar line (Sampson distance).
    """
    return _count_by_frame(model, _match_errors(model, database))


_PairErrors = tuple[int, int, Array]  # ids of two frames; errors [n] of their matches, as shares of the longer side


def _count_by_frame(model: Model, errors: Iterable[_PairErrors]) -> dict[int, tuple[int, int]]:
    counts = {frame_id: np.zeros(2, np.int64) for frame_id in model.reg_frame_ids()}
    for first, second, pair_errors in errors:
        for frame_id in (first, second):
            counts[frame_id] += np.array([np.count_nonzero(pair_errors < MAX_ERROR), len(pair_errors)])
    return {frame_id: (int(agree), int(all_)) for frame_id, (agree, all_) in counts.items()}


def _match_errors(model: Model, database: Path) -> Iterator[_PairErrors]:
    for first, second, points_a, points_b in _posed_pairs(model, database):
        camera = model.camera(first.camera_id)
        errors = _epipolar_errors(model, first, second, points_a, points_b)
        yield first.frame_id, second.frame_id, errors / max(camera.width, camera.height)


def _posed_pairs(model: Model, database: Path) -> Iterator[tuple[pycolmap.Image, pycolmap.Image, Array, Array]]:
    """Pairs of posed images of different frames, with their matched pixels [n, 2] each."""
    posed = {image_id: model.image(image_id) for image_id in model.reg_image_ids()}
    with pycolmap.Database.open(database) as opened:
        keypoints = {i: opened.read_keypoints(i)[:, :2].astype(np.float64) for i in posed}
        found = list(verified(opened))
    for (a, b), geometry in found:
        matches = geometry.inlier_matches
        if len(matches) and a in posed and b in posed and posed[a].frame_id != posed[b].frame_id:
            yield posed[a], posed[b], keypoints[a][matches[:, 0]], keypoints[b][matches[:, 1]]


def _epipolar_errors(
    model: Model, first: pycolmap.Image, second: pycolmap.Image, points_a: Array, points_b: Array
) -> Array:
    """Sampson distance [n] in pixels of matched pixels to the poses of their images; infinite where a pixel has no ray."""
    camera_a, camera_b = model.camera(first.camera_id), model.camera(second.camera_id)
    on_a = np.column_stack([np.asarray(camera_a.cam_from_img(points_a)), np.ones(len(points_a))])
    on_b = np.column_stack([np.asarray(camera_b.cam_from_img(points_b)), np.ones(len(points_b))])
    second_from_first = second.cam_from_world() * first.cam_from_world().inverse()
    x, y, z = second_from_first.translation
    essential = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ second_from_first.rotation.matrix()
    lines_b, lines_a = on_a @ essential.T, on_b @ essential
    slopes = np.sqrt((lines_a[:, :2] ** 2).sum(1) + (lines_b[:, :2] ** 2).sum(1))
    errors = np.abs((on_b * lines_b).sum(1)) / np.maximum(slopes, 1e-12) * camera_a.mean_focal_length()
    return np.nan_to_num(errors, nan=np.inf)


def parts(model: Model) -> NDArray[np.int64]:
    """Which piece each posed frame is in [n], 0 is the largest: only frames with `MIN_SHARED_POINTS` in common hold each other."""
    labels = connected_components(shared_points(model) >= MIN_SHARED_POINTS, directed=False)[1]
    sizes = np.bincount(labels) if len(labels) else np.zeros(0, np.int64)
    rank = np.empty(len(sizes), np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return rank[labels]


def shared_points(model: Model) -> Array:
    """How many points each two posed frames see in common [n, n], in the order of `reg_frame_ids`."""
    place = {frame_id: i for i, frame_id in enumerate(model.reg_frame_ids())}
    frame_of: Mapping[int, int] = {i: place[model.image(i).frame_id] for i in model.reg_image_ids()}
    tracks = [{frame_of[e.image_id] for e in point.track.elements} for point in model.points3D.values()]
    rows = np.concatenate([[], *([i] * len(track) for i, track in enumerate(tracks))]).astype(np.int64)
    columns = np.array([frame for track in tracks for frame in track], np.int64)
    sees = coo_array((np.ones(len(rows), np.int64), (rows, columns)), shape=(len(tracks), len(place))).tocsr()
    return (sees.T @ sees).toarray()


def triangulation_angles_deg(model: Model, *, at_most: int = 2000) -> Array:
    """Widest angle between the rays to each of up to `at_most` points [n]: near 0 means no parallax."""
    centers = {i: model.image(i).projection_center() for i in model.reg_image_ids()}
    points = list(model.points3D.values())
    angles = []
    for point in points[:: max(1, len(points) // at_most)]:
        rays = np.array([centers[element.image_id] - point.xyz for element in point.track.elements])
        rays /= np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-12)
        angles.append(np.degrees(np.arccos(np.clip((rays @ rays.T).min(), -1.0, 1.0))))
    return np.array(angles)
