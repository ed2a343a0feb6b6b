"""LLFF: column order, scaled pictures, depth bounds, bad tables."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recon.formats import llff
from recon.geometry import look_at
from recon.workspace.errors import UserError


def pose(i: int) -> np.ndarray:
    return look_at(np.array([0.3 * i, 0.2, -4.0]), np.zeros(3), np.array([0.0, 1.0, 0.0]))


def capture(folder: Path, n: int = 3, pictures: str = "images_8") -> np.ndarray:
    (folder / pictures).mkdir(parents=True)
    rows = []
    for i in range(n):
        Image.new("RGB", (50, 38)).save(folder / pictures / f"{i:02d}.png")
        right, down, forward, center = pose(i)[:3].T
        matrix = np.stack([down, right, -forward, center, [302.0, 402.0, 325.0]], axis=1)
        rows.append([*matrix.ravel(), 1.5 + i, 9.0])
    np.save(folder / "poses_bounds.npy", np.array(rows))
    return np.array(rows)


def test_poses_and_cameras(tmp_path: Path) -> None:
    capture(tmp_path)
    read = llff.read(tmp_path, images=None)
    assert [view.name for view in read.views] == ["00", "01", "02"]
    for i, view in enumerate(read.views):
        np.testing.assert_allclose(view.world_from_camera, pose(i), atol=1e-12)
    camera = read.views[0].camera
    assert camera.size_hw == (38, 50)
    assert camera.fx == pytest.approx(325 * 50 / 402) and camera.fy == pytest.approx(325 * 38 / 302)


def test_picture_folder_by_name(tmp_path: Path) -> None:
    capture(tmp_path, pictures="thumbnails")
    with pytest.raises(UserError, match="picture folder"):
        llff.read(tmp_path, images=None)
    assert len(llff.read(tmp_path / "poses_bounds.npy", images="thumbnails").views) == 3
    with pytest.raises(UserError, match="leads out"):
        llff.read(tmp_path, images="../thumbnails")


def _nan(rows: np.ndarray) -> np.ndarray:
    rows[1, 3] = np.nan
    return rows


def _mirrored(rows: np.ndarray) -> np.ndarray:
    rows[0, [0, 5, 10]] *= -1
    return rows


def _wrong_size(rows: np.ndarray) -> np.ndarray:
    rows[0, 4] = 402.0
    return rows


@pytest.mark.parametrize(
    ("message", "change"),
    [
        ("01.png: the pose holds NaN", _nan),
        ("not rigid", _mirrored),
        ("scaled copies", _wrong_size),
        ("2 poses, but 3 pictures", lambda rows: rows[:2]),
        (r"\[n, 17\]", lambda rows: rows[:, :15]),
        (r"\[n, 17\]", lambda rows: np.array([{"a": 1}], dtype=object)),
    ],
)
def test_bad_tables_are_named(tmp_path: Path, message: str, change: object) -> None:
    rows = change(capture(tmp_path))  # type: ignore[operator]
    np.save(tmp_path / "poses_bounds.npy", rows, allow_pickle=True)
    with pytest.raises(UserError, match=message):
        llff.read(tmp_path, images=None)


def test_junk_bytes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        llff.read(tmp_path, images=None)
    (tmp_path / "poses_bounds.npy").write_bytes(b"not numpy")
    with pytest.raises(UserError, match=r"\[n, 17\]"):
        llff.read(tmp_path, images=None)
