"""Masks from files, from alpha and from a function reach frames/masks/, and hide all that touches what they hide."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from recon.capture.masks import shrink_mask
from recon.formats import images
from recon.formats.video_writing import write_video
from recon.workspace import Workspace
from recon.workspace.errors import UserError
from tests.capture.test_stage import SETTINGS, photo_folder
from tests.stages import capture_frames

H, W = 90, 160


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "run")


@pytest.fixture(scope="module")
def views() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    wide = np.repeat(np.repeat(rng.integers(0, 255, (H // 3, 120, 3), dtype=np.uint8), 3, 0), 3, 1)
    return [np.ascontiguousarray(wide[:, 6 * i : 6 * i + W]) for i in range(30)]


def capture(workspace: Workspace, source: Path, **changes: Any) -> list[dict[str, Any]]:
    capture_frames(workspace, source=source, **{**SETTINGS, **changes})
    return json.loads(workspace.frames_json.read_text())["frames"]


def mask_of(workspace: Workspace, frame: dict[str, Any]) -> np.ndarray:
    """[h, w] bool"""
    assert frame["mask"] == f"masks/{frame['name']}.png"
    with Image.open(workspace.frames / frame["mask"]) as image:
        assert image.mode == "L"
        values = np.asarray(image)
    assert set(np.unique(values)) <= {0, 255}
    return values == 255


def corner(h: int = H, w: int = W) -> np.ndarray:
    """A mask that hides the top left ninth, given as 0 and 1."""
    mask = np.ones((h, w), np.uint8)
    mask[: h // 3, : w // 3] = 0
    return mask


def masks_beside(source: Path, names: list[str], mask: np.ndarray) -> Path:
    folder = source / "masks" if source.is_dir() else source.with_name(f"{source.stem}_masks")
    folder.mkdir()
    for name in names:
        images.write_image(folder / name, mask)
    return folder


# ---- where they come from ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["IMG_{}.png", "IMG_{}.jpg.png"])
def test_files_beside_photos(workspace: Workspace, tmp_path: Path, views: list[np.ndarray], name: str) -> None:
    source = photo_folder(tmp_path / "photos", views[:4], "jpg")
    masks_beside(source, [name.format(i) for i in range(8, 12)], corner())
    for frame in capture(workspace, source):
        assert np.array_equal(mask_of(workspace, frame), corner() > 0)


@pytest.mark.parametrize(
    "place", ["Masks/IMG_{}.png", "mask/IMG_{}.png", "masks/IMG_{}_mask.png", "masks/IMG_{}.jpg.mask.png"]
)
def test_masks_as_other_programs_name_them(
    workspace: Workspace, tmp_path: Path, views: list[np.ndarray], place: str
) -> None:
    """Not pictures of another folder, as they once were taken for."""
    source = photo_folder(tmp_path / "photos", views[:4], "jpg")
    (source / place).parent.mkdir()
    for i in range(8, 12):
        images.write_image(source / place.format(i), corner())
    frames = capture(workspace, source, subfolders=True)
    assert len(frames) == 4
    for frame in frames:
        assert np.array_equal(mask_of(workspace, frame), corner() > 0)


@pytest.mark.parametrize("name", ["IMG_{}_mask.png", "IMG_{}.jpg.mask.png", "IMG_{} Mask.PNG"])
def test_masks_among_the_photos_are_no_photos(
    workspace: Workspace, tmp_path: Path, views: list[np.ndarray], name: str, capsys: Any
) -> None:
    source = photo_folder(tmp_path / "photos", views[:4], "jpg")
    for i in range(8, 12):
        images.write_image(tmp_path / "mask.png", corner())
        (tmp_path / "mask.png").rename(source / name.format(i))
    images.write_image(source / "of_nothing_mask.png", views[20])  # a photo with such a name
    frames = capture(workspace, source)
    assert [frame["source_name"] for frame in frames][:4] == [f"IMG_{i}.jpg" for i in range(8, 12)] and len(frames) == 5
    for frame in frames[:4]:
        assert np.array_equal(mask_of(workspace, frame), corner() > 0)
    assert "4 masks lie among the photos" in capsys.readouterr().out


def test_masks_of_a_video_without_numbers_are_told(
    workspace: Workspace, tmp_path: Path, views: list, capsys: Any
) -> None:
    source = write_video(tmp_path / "walk.mp4", views, fps=10)
    folder = masks_beside(source, ["overlay.png"], corner())
    with pytest.raises(UserError, match=r"numbered from 0.*overlay\.png"):
        capture(workspace, source)
    folder.rename(tmp_path / "walk_Mask")
    images.write_image(tmp_path / "walk_Mask/0.png", corner())
    capture(workspace, source)
    assert "1 masks have no number and are left out: overlay.png" in capsys.readouterr().out


def test_files_beside_a_video_are_numbered_from_0(workspace: Workspace, tmp_path: Path, views: list) -> None:
    source = write_video(tmp_path / "walk.mp4", views, fps=10)
    folder = masks_beside(source, [], corner())
    for i in range(30):
        mask = np.ones((H, W), np.uint8)
        mask[:, i] = 0
        images.write_image(folder / f"frame_{i:05d}.png", mask)
    kept = [frame for frame in capture(workspace, source) if frame["kept"]]
    assert len(kept) > 5
    for frame in kept:
        assert np.flatnonzero(~mask_of(workspace, frame)[0]).tolist() == [frame["source_index"]]


def test_masks_numbered_from_1_are_refused(workspace: Workspace, tmp_path: Path, views: list) -> None:
    source = write_video(tmp_path / "walk.mp4", views, fps=10)
    masks_beside(source, [f"{i:04d}.png" for i in range(1, 31)], corner())
    with pytest.raises(UserError, match="expected numbers from 0"):
        capture(workspace, source)


def test_alpha_of_photos(workspace: Workspace, tmp_path: Path, views: list[np.ndarray]) -> None:
    cut = [np.dstack([view, 255 * corner()]) for view in views[:3]]
    frames = capture(workspace, photo_folder(tmp_path / "photos", [*cut, views[3]]))
    assert [frame["image"][-4:] for frame in frames] == [".jpg"] * 3 + [".png"]
    for frame in frames:
        assert images.read_image(workspace.frames / frame["image"]).shape == (H, W, 3)
    for frame in frames[:3]:
        assert np.array_equal(mask_of(workspace, frame), corner() > 0)
    assert mask_of(workspace, frames[3]).all()  # opaque


def test_a_function(workspace: Workspace, tmp_path: Path, views: list, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "people_a.py").write_text(
        "def bright(image):\n    assert image.ndim == 3\n    return image[..., 0] > 100\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    source = photo_folder(tmp_path / "photos", views[:4])
    for frame in capture(workspace, source, mask_fn="people_a:bright"):
        shown = images.read_image(workspace.frames / frame["image"])
        assert np.array_equal(mask_of(workspace, frame), shown[..., 0] > 100)


def test_all_masks_of_a_frame_count_together(
    workspace: Workspace, tmp_path: Path, views: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "people_b.py").write_text(
        "def lower(image):\n    m = image[..., 0] >= 0\n    m[-9:] = False\n    return m\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    alpha = np.full((H, W), 255, np.uint8)
    alpha[:, -20:] = 100  # half transparent does not count
    source = photo_folder(tmp_path / "photos", [np.dstack([view, alpha]) for view in views[:3]])
    masks_beside(source, ["IMG_8.png", "IMG_9.png", "IMG_10.png"], corner())
    expected = corner() > 0
    expected[-9:], expected[:, -20:] = False, False
    for frame in capture(workspace, source, mask_fn="people_b:lower"):
        assert np.array_equal(mask_of(workspace, frame), expected)


def test_frames_without_a_mask_count_wholly(workspace: Workspace, tmp_path: Path, views: list, capsys: Any) -> None:
    source = photo_folder(tmp_path / "photos", views[:4])
    masks_beside(source, ["IMG_9.png", "IMG_99.png"], corner())
    frames = capture(workspace, source)
    assert [bool(mask_of(workspace, frame).all()) for frame in frames] == [True, False, True, True]
    said = capsys.readouterr().out
    assert "3 of 4 kept frames have no mask" in said and "IMG_99.png" in said


@pytest.mark.parametrize("alpha", ["mask", "empty"])
def test_pictures_that_are_transparent_all_over_are_left_out(
    workspace: Workspace, tmp_path: Path, views: list, capsys: Any, alpha: str
) -> None:
    hidden = [np.dstack([view, np.zeros((H, W), np.uint8)]) for view in views[3:4]]
    frames = capture(workspace, photo_folder(tmp_path / "photos", [*views[:3], *hidden]), alpha=alpha)
    assert [frame["reason"] for frame in frames] == [None, None, None, "transparent"]
    assert "kept 3 of 4 photos" in (said := capsys.readouterr().out) and "dropped 1 transparent" in said


def test_pictures_that_their_masks_hide_are_left_out(
    workspace: Workspace, tmp_path: Path, views: list, capsys: Any
) -> None:
    photos = photo_folder(tmp_path / "photos", views[:5])
    names = sorted(path.name for path in photos.iterdir())
    masks = masks_beside(photos, names, corner() * 255)
    images.write_image(masks / names[3], np.zeros((H, W), np.uint8))
    frames = capture(workspace, photos)
    (hidden,) = [frame for frame in frames if not frame["kept"]]
    assert hidden["source_name"] == names[3] and hidden["reason"] == "hidden by its mask"
    said = capsys.readouterr().out
    assert "1 of 5 masks hide their picture whole" in said and "kept 4 of 5 photos" in said
    assert "dropped 1 hidden by its mask" in said
    assert hidden["image"] is None and hidden["mask"] is None
    left = {path.stem for path in workspace.frames.rglob("*.png")} | {p.stem for p in workspace.frames.glob("*.jpg")}
    assert left == {frame["name"] for frame in frames if frame["kept"]}


def test_without_masks_there_is_no_folder(workspace: Workspace, tmp_path: Path, views: list[np.ndarray]) -> None:
    frames = capture(workspace, photo_folder(tmp_path / "photos", views[:3]))
    assert [frame["mask"] for frame in frames] == [None] * 3 and not (workspace.frames / "masks").exists()


def test_changed_masks_run_the_stage_again(workspace: Workspace, tmp_path: Path, views: list[np.ndarray]) -> None:
    source = photo_folder(tmp_path / "photos", views[:3])
    folder = masks_beside(source, [f"IMG_{i}.png" for i in (8, 9, 10)], corner())
    capture(workspace, source)
    images.write_image(folder / "IMG_8.png", np.ascontiguousarray(corner()[::-1]))
    frames = capture(workspace, source)
    assert np.array_equal(mask_of(workspace, frames[0]), corner()[::-1] > 0)


# ---- size and orientation ------------------------------------------------------------------------------------------


def test_shrunk_masks_hide_all_that_touches_the_hidden() -> None:
    counts = np.ones((40, 60), bool)
    counts[11, 17] = False
    small = shrink_mask(counts, (13, 20))  # three and a bit source pixels to one
    assert not small[11 * 13 // 40, 17 // 3] and 1 <= (~small).sum() <= 4
    assert shrink_mask(np.ones((7, 9), bool), (3, 4)).all() and not shrink_mask(np.zeros((7, 9), bool), (3, 4)).any()
    assert np.array_equal(shrink_mask(counts, (80, 120)), counts.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize("orientation", [6, 8, 5, 7])
def test_masks_turn_with_photos_that_were_held_upright(
    workspace: Workspace, tmp_path: Path, views: list, orientation: int
) -> None:
    """All have the sensor's layout; one is tagged upright and its mask is drawn as it is seen."""
    (tmp_path / "photos" / "masks").mkdir(parents=True)
    for i, view in enumerate(views[:5]):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation if i == 3 else 1
        Image.fromarray(view).save(tmp_path / "photos" / f"{i}.png", exif=exif)
        seen = images.turned(corner(), orientation if i == 3 else 1)
        images.write_image(tmp_path / "photos" / "masks" / f"{i}.png", seen)
    frames = capture(workspace, tmp_path / "photos")
    assert frames[3]["rotated_by_orientation"] == 1
    for frame in frames:
        assert np.array_equal(mask_of(workspace, frame), corner() > 0)


def test_smaller_pictures_get_smaller_masks(workspace: Workspace, tmp_path: Path, views: list[np.ndarray]) -> None:
    source = photo_folder(tmp_path / "photos", views[:3])
    masks_beside(source, [f"IMG_{i}.png" for i in (8, 9, 10)], corner(2 * H, 2 * W))
    for frame in capture(workspace, source, max_size=80):
        assert mask_of(workspace, frame).shape == (45, 80)


# ---- mistakes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "mask", "message"),
    [
        ([], corner(), "holds no masks"),
        (["other.png"], corner(), "none of its masks matches"),
        (["IMG_8.png"], corner(W, H), "expected the shape of the upright picture"),
        (["IMG_8.png"], np.zeros((H, W), np.uint8), "masks are white where the picture counts"),
    ],
)
def test_wrong_files(
    workspace: Workspace, tmp_path: Path, views: list, names: list[str], mask: np.ndarray, message: str
) -> None:
    source = photo_folder(tmp_path / "photos", views[:3])
    masks_beside(source, names, mask)
    with pytest.raises(UserError, match=message) as error:
        capture(workspace, source)
    assert "\n" not in str(error.value) and not workspace.frames.exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("people", "expected text like package.module:function"),
        ("os.system('x'):y", "expected text like package.module:function"),
        ("not_installed_anywhere:mask", "on PYTHONPATH"),
        ("bad_people_import:mask", "importing bad_people_import failed: ZeroDivisionError"),
        ("bad_people:missing", "found nothing of that name"),
        ("bad_people:NUMBER", "found a int"),
        ("bad_people:raises", "failed on IMG_08: ValueError: two lines"),
        ("bad_people:shape", r"expected a bool array \(90, 160\).*found bool \(3, 4\)"),
        ("bad_people:kind", "expected a bool array.*found uint8"),
        ("bad_people:nothing", "expected a bool array.*found NoneType"),
    ],
)
def test_wrong_functions(
    workspace: Workspace, tmp_path: Path, views: list, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    (tmp_path / "bad_people_import.py").write_text("1 / 0\n")
    (tmp_path / "bad_people.py").write_text(
        "import numpy as np\nNUMBER = 3\n"
        "def raises(image):\n    raise ValueError('two\\nlines')\n"
        "def shape(image):\n    return np.ones((3, 4), bool)\n"
        "def kind(image):\n    return image[..., 0]\n"
        "def nothing(image):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=message) as error:
        capture(workspace, photo_folder(tmp_path / "photos", views[:3]), mask_fn=name)
    assert "\n" not in str(error.value)
