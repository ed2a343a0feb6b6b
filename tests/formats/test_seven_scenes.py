"""7-Scenes: round trip with splits, the published intrinsics, one sequence alone, bad input."""

from pathlib import Path

import numpy as np
import pytest

from recon.formats import seven_scenes
from recon.geometry import Reconstruction, Split
from recon.workspace.console import take_warnings
from recon.workspace.errors import UserError
from tests.formats.captures import OPENCV, assert_same_views, capture, picture

SPLITS: tuple[Split, ...] = ("train", "train", "test", "test", "train")


def made(folder: Path) -> Reconstruction:
    """Three sequences; the second one is the test split."""
    stems = [f"seq-{s:02d}/frame-{i:06d}" for s, i in ((1, 0), (1, 1), (2, 0), (2, 1), (10, 0))]
    names = [stem.replace("/", "_") for stem in stems]
    return capture([folder / f"{stem}.color.png" for stem in stems], names, OPENCV, SPLITS)


def test_round_trip(tmp_path: Path) -> None:
    written = made(tmp_path)
    seven_scenes.write(tmp_path, written)
    assert_same_views(seven_scenes.read(tmp_path, intrinsics=None), written, times=False)
    assert (tmp_path / "TrainSplit.txt").read_text() == "sequence1\nsequence10\n"


def test_one_sequence_alone_has_no_split(tmp_path: Path) -> None:
    seven_scenes.write(tmp_path, made(tmp_path))
    read = seven_scenes.read(tmp_path / "seq-02", intrinsics=[40, 41, 17, 11])
    assert [(view.name, view.split) for view in read.views] == [("frame-000000", None), ("frame-000001", None)]


def test_published_intrinsics_fit_any_size_of_the_pictures(tmp_path: Path) -> None:
    for i, size_hw in enumerate([(480, 640), (240, 320)]):
        picture(tmp_path / f"seq-01/frame-{i:06d}.color.png", size_hw)
        np.savetxt(tmp_path / f"seq-01/frame-{i:06d}.pose.txt", np.eye(4), fmt="%.7e", delimiter="\t ")
    full, half = (view.camera for view in seven_scenes.read(tmp_path, intrinsics=None).views)
    assert (full.fx, full.fy, full.cx, full.cy) == (585, 585, 320, 240)
    assert (half.fx, half.fy, half.cx, half.cy) == (292.5, 292.5, 160, 120)
    picture(tmp_path / "seq-01/frame-000000.color.png", (24, 36))
    with pytest.raises(UserError, match="36x24"):
        seven_scenes.read(tmp_path, intrinsics=None)


def test_pictures_without_a_pose_are_skipped_with_one_warning(tmp_path: Path) -> None:
    seven_scenes.write(tmp_path, made(tmp_path))
    (tmp_path / "seq-01/frame-000001.pose.txt").unlink()
    take_warnings()
    assert len(seven_scenes.read(tmp_path, intrinsics=None).views) == 4
    (warning,) = take_warnings()
    assert "1 of 5" in warning


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 0 0 0\n0 1 0 0\n0 0 1 0\n", "found 3 rows"),
        ("1 0 0 0\n0 1 0\n0 0 1 0\n0 0 0 1\n", "line 2: expected 4 numbers, found 3"),
        ("1 0 0 0\n0 1 0 0\n0 0 1 x\n0 0 0 1\n", "line 3, column 4"),
        ("inf 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n", "NaN or infinity"),
        ("1 0 0 0\n0 1 0 0\n0 0 -1 0\n0 0 0 1\n", "mirrored"),
        ("1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 2\n", "not rigid"),
    ],
)
def test_bad_poses_are_named(tmp_path: Path, text: str, message: str) -> None:
    seven_scenes.write(tmp_path, made(tmp_path))
    files = sorted(tmp_path.glob("seq-*/*.pose.txt"))
    files[1].write_text(text)
    take_warnings()
    if text.startswith("inf"):  # one lost pose does not spoil the set
        assert len(seven_scenes.read(tmp_path, intrinsics=None).views) == len(files) - 1
        assert f"1 of {len(files)} pictures" in take_warnings()[0]
    for file in files:
        file.write_text(text)
    with pytest.raises(UserError, match=rf"\.pose\.txt.*{message}"):
        seven_scenes.read(tmp_path, intrinsics=None)


def test_what_is_missing_and_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no frame-\*\.color\.png"):
        seven_scenes.read(tmp_path, intrinsics=None)
    written = made(tmp_path)
    seven_scenes.write(tmp_path, written)
    (tmp_path / "TestSplit.txt").write_text("sequence" + "1" * 5000)
    with pytest.raises(UserError, match="expected a name like"):
        seven_scenes.read(tmp_path, intrinsics=None)
    (tmp_path / "TestSplit.txt").write_text("the second\n")
    with pytest.raises(UserError, match="'the'"):
        seven_scenes.read(tmp_path, intrinsics=None)
    stems = ["seq-01/frame-000000", "seq-01/frame-000001"]
    mixed = capture([tmp_path / f"{stem}.color.png" for stem in stems], stems, splits=("train", "test"))
    with pytest.raises(UserError, match="whole sequences"):
        seven_scenes.write(tmp_path, mixed)
