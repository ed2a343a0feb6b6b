"""Film a synthetic place: a video as a phone would make it, and the truth it was made from.

video.mp4        what the capture stage reads
truth.json       intrinsics, and time, exposure and world_from_camera of every frame of the video
truth_mesh.ply   the geometry, metres, z up
preview.png      eight frames
rgbd/            where it is asked for: photos with a sensor's depth beside them, which a capture can be made of too
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recon.bench.synthetic.courtyard import courtyard
from recon.bench.synthetic.facade import facade
from recon.bench.synthetic.furnished_room import furnished_room
from recon.bench.synthetic.kitchen import kitchen
from recon.bench.synthetic.renderer import TexturedWorld, render_color
from recon.bench.synthetic.rgbd import write_rgbd
from recon.bench.synthetic.tabletop import tabletop
from recon.bench.synthetic.walk import Along, Round, Walk, exposures, sensor_image, walk_poses
from recon.formats.images import resize_image, write_image
from recon.formats.meshes import write_ply
from recon.formats.video_writing import write_video
from recon.geometry import Camera, TriangleMesh
from recon.geometry.transforms import Array
from recon.workspace import replace_folder, write_json
from recon.workspace.console import progress
from recon.workspace.errors import UserError

FPS = 15
FOCAL_OF_WIDTH = 0.735  # 68 degrees across, the main camera of a phone
NOISE_SIGMA_255 = 2.0
EXPOSURE_SPREAD = 0.04
FILES = {"video.mp4", "truth.json", "truth_mesh.ply", "preview.png", "rgbd"}
CONVENTIONS = (
    "world z up, metres; world_from_camera in OpenCV axes (x right, y down, z forward); pixel centre of the top-left "
    "pixel at (0.5, 0.5); no lens distortion; global shutter"
)


@dataclass(frozen=True)
class Place:
    """A world that can be filmed, and the walk through it."""

    world_fn: Callable[..., TexturedWorld]  # (seed=, texel_m=)
    walk: Walk


PLACES = {
    "courtyard": Place(courtyard, Round()),
    "facade": Place(facade, Along()),
    "furnished_room": Place(
        furnished_room,
        Round(radii=(1.85, 1.4), height=(1.3, 1.62), target_height=(0.55, 1.3), sway_deg=24.0),
    ),
    "kitchen": Place(
        kitchen,
        Round(radii=(0.95, 0.7), height=(1.42, 1.66), target_height=(0.6, 1.25), across=0.9, sway_deg=22.0),
    ),
    "tabletop": Place(
        tabletop,
        Round(radii=(1.15, 0.95), height=(1.05, 1.5), target_height=(0.74, 0.84), across=0.0, sway_deg=6.0),
    ),
}


def make_capture(
    folder: Path,
    *,
    place: str = "courtyard",
    seed: int,
    n_frames: int,
    size_hw: tuple[int, int],
    texel_m: float,
    crf: int,
    with_depth: bool = False,
) -> Path:
    """Write the capture of one seed of one of the `PLACES` to `folder`, which it replaces.

    Args:
        n_frames, size_hw: of the film; crf: its quality, 0 lossless to 51 worst.
        texel_m: metres per texel of the place's textures.
        with_depth: write `rgbd/` too.

    Raises:
        UserError: a place that does not exist, a size that H.264 cannot store, fewer than 8 frames, a texel that is not
            of sensible size, or a folder that holds other files.
    """
    h, w = size_hw
    if h % 2 or w % 2 or min(h, w) < 32 or n_frames < 8 or not 0.001 <= texel_m <= 0.1:
        raise UserError(
            f"sample: expected an even size of at least 32 pixels, at least 8 frames and a texel of 0.001 to 0.1 m, "
            f"found {h} x {w}, {n_frames} frames, {texel_m} m."
        )
    if place not in PLACES:
        raise UserError(f"place {place}: expected {' or '.join(PLACES)}.")
    foreign = sorted({path.name for path in folder.iterdir()} - FILES) if folder.is_dir() else []
    if foreign or folder.is_file():
        raise UserError(
            f"{folder}: holds other files ({', '.join(foreign[:3]) or 'it is a file'}); choose a new folder."
        )
    camera = Camera("PINHOLE", size_hw, FOCAL_OF_WIDTH * w, FOCAL_OF_WIDTH * w, w / 2, h / 2)
    rng = np.random.default_rng(seed)
    times_s = np.arange(n_frames) / FPS
    poses = np.round(walk_poses(PLACES[place].walk, times_s, duration_s=n_frames / FPS, rng=rng), 8)
    gains = np.round(exposures(n_frames, spread=EXPOSURE_SPREAD, rng=rng), 5)
    world = PLACES[place].world_fn(seed=seed, texel_m=texel_m)
    with replace_folder(folder) as temporary:
        previews: list[NDArray[np.uint8]] = []
        shown = set(np.linspace(0, n_frames - 1, 8).round().astype(int))
        frames = _film(world, camera, poses, gains, seed=seed, shown=shown, previews=previews)
        write_video(temporary / "video.mp4", frames, fps=FPS, crf=crf)
        write_json(temporary / "truth.json", _truth(camera, times_s, poses, gains))
        write_ply(temporary / "truth_mesh.ply", _merged(world.mesh))
        write_image(temporary / "preview.png", _contact_sheet(previews))
        if with_depth:
            write_rgbd(temporary / "rgbd", world, camera, poses, gains, noise_sigma=NOISE_SIGMA_255 / 255, seed=seed)
    return folder


def _film(
    world: TexturedWorld,
    camera: Camera,
    poses: Array,
    gains: NDArray[np.float64],
    *,
    seed: int,
    shown: set[int],
    previews: list[NDArray[np.uint8]],
) -> Iterator[NDArray[np.uint8]]:
    """The frames one by one, keeping those in `shown`; each has its own noise generator.

    world, camera, poses: what is filmed, with what, from where [n, 4, 4]. gains: exposure of each frame. seed: of the noise.
    previews: takes the frames that are kept.
    """
    with progress("filming", len(poses)) as bar:
        for i, (pose, gain) in enumerate(zip(poses, gains, strict=True)):
            color = render_color(world, camera, pose, supersampling=2)
            rng = np.random.default_rng((seed, i))
            frame = sensor_image(color, exposure=float(gain), noise_sigma=NOISE_SIGMA_255 / 255, rng=rng)
            if i in shown:
                previews.append(frame)
            yield frame
            bar.advance()


def _truth(camera: Camera, times_s: Array, poses: Array, gains: NDArray[np.float64]) -> dict[str, Any]:
    return {
        "conventions": CONVENTIONS,
        "video": "video.mp4",
        "mesh": "truth_mesh.ply",
        "size_hw": list(camera.size_hw),
        "camera_model": camera.model,
        "intrinsics": {name: getattr(camera, name) for name in ("fx", "fy", "cx", "cy")},
        "fps": FPS,
        "noise_sigma_255": NOISE_SIGMA_255,
        "frames": [
            {"index": i, "time_s": round(float(time_s), 6), "exposure": float(gain), "world_from_camera": pose}
            for i, (time_s, pose, gain) in enumerate(zip(times_s, poses, gains, strict=True))
        ],
    }


def _merged(mesh: TriangleMesh) -> TriangleMesh:
    """Corners at the same place (to a tenth of a millimetre) made one."""
    keys = np.round(mesh.vertices, 4)
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return TriangleMesh(mesh.vertices[first], inverse.reshape(-1)[mesh.faces].astype(np.int32))


def _contact_sheet(frames: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Eight frames at half size in two rows."""
    half = [resize_image(frame, (frame.shape[0] // 2, frame.shape[1] // 2)) for frame in frames]
    return np.concatenate([np.concatenate(half[i : i + 4], 1) for i in (0, 4)], 0)
