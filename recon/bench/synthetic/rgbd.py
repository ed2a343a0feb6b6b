"""Photos with a sensor's depth beside them, as a phone that measures depth stores them: `NAME.jpg` and `depth/NAME.png`."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.bench.synthetic.depth_sensor import sensed_depth
from recon.bench.synthetic.renderer import TexturedWorld, render_color, render_depth_and_cosine
from recon.bench.synthetic.walk import sensor_image
from recon.formats.images import write_image
from recon.geometry import Camera
from recon.geometry.transforms import Array
from recon.workspace.console import progress

EVERY = 2  # frames of the film
SCALE_ERROR = 0.02  # such sensors are calibrated to a few per cent


def write_rgbd(
    folder: Path,
    world: TexturedWorld,
    camera: Camera,
    poses: Array,  # [n, 4, 4] world_from_camera of all frames of the film
    gains: NDArray[np.float64],  # [n] their exposures
    *,
    noise_sigma: float,
    seed: int,
) -> None:
    """Every second frame as a photo, numbered as in the film, with depth of half its size.

    folder: to make. world, camera: what is filmed and with what. noise_sigma: of the photos, in units of 1; seed: of all noise.
    """
    h, w = camera.size_hw
    half = camera.resized((h // 2, w // 2))
    (folder / "depth").mkdir(parents=True)
    with progress("measuring depth", len(poses)) as bar:
        for i in range(0, len(poses), EVERY):
            rng = np.random.default_rng((seed, i, 1))
            color = render_color(world, camera, poses[i], supersampling=2)
            photo = sensor_image(color, exposure=float(gains[i]), noise_sigma=noise_sigma, rng=rng)
            depth, cosine = render_depth_and_cosine(world, half, poses[i])
            measured = sensed_depth(depth, cosine, focal_px=half.fx, scale_error=SCALE_ERROR, rng=rng)
            write_image(folder / f"{i:05d}.jpg", photo)
            cv2.imwrite(str(folder / "depth" / f"{i:05d}.png"), measured)
            bar.advance(EVERY)
