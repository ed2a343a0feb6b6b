"""Posed captures of tiny pictures for round trips, and the law that they obey. `from tests.formats.captures import ...`"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from recon.geometry import Camera, Reconstruction, Split, View, look_at

SIZE_HW = (24, 36)
PINHOLE = Camera("PINHOLE", SIZE_HW, 40.0, 41.0, 17.7, 12.3)
OPENCV = Camera("OPENCV", SIZE_HW, 40.0, 41.0, 17.7, 12.3, (0.1, 0.02, 0.001, -0.002))
FISHEYE = Camera("OPENCV_FISHEYE", SIZE_HW, 20.0, 21.0, 17.7, 12.3, (0.05, -0.02, 0.001, 0.0003))


def pose(i: int) -> np.ndarray:
    """A camera on an arc, tilted a little more with every step. [4, 4]"""
    eye = np.array([3.0 * np.cos(0.2 * i), 3.0 * np.sin(0.2 * i), 1.0 + 0.1 * i])
    return look_at(eye, np.array([0.1, 0.0, 0.05 * i]), np.array([0.1 * i, 0.0, 1.0]))


def picture(path: Path, size_hw: tuple[int, int] = SIZE_HW) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size_hw[1], size_hw[0]), (90, 120, 60)).save(path)
    return path


def capture(
    paths: Sequence[Path], names: Sequence[str], camera: Camera = PINHOLE, splits: Sequence[Split | None] | None = None
) -> Reconstruction:
    """A view of each picture, which is made; times 10 to the second."""
    splits = [None] * len(paths) if splits is None else splits
    views = zip(paths, names, splits, strict=True)
    return Reconstruction(
        tuple(
            View(name, picture(path, camera.size_hw), camera, pose(i), time_s=100.0 + 0.1 * i, split=split)
            for i, (path, name, split) in enumerate(views)
        )
    )


def assert_same_views(
    read: Reconstruction, written: Reconstruction, *, times: bool = True, splits: bool = True
) -> None:
    """Names, pictures, cameras and poses agree, and times and splits where the format has them."""
    assert [view.name for view in read.views] == [view.name for view in written.views]
    for a, b in zip(read.views, written.views, strict=True):
        assert a.image.resolve() == b.image.resolve()
        assert (a.camera.model, a.camera.size_hw) == (b.camera.model, b.camera.size_hw)
        numbers_a, numbers_b = ([c.fx, c.fy, c.cx, c.cy, *c.distortion] for c in (a.camera, b.camera))
        np.testing.assert_allclose(numbers_a, numbers_b, rtol=1e-14)
        np.testing.assert_allclose(a.world_from_camera, b.world_from_camera, atol=1e-12)
        assert not times or a.time_s == b.time_s
        assert not splits or a.split == b.split
