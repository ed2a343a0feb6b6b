"""Which photos share a camera, and what of a folder is left out."""

from pathlib import Path

import pytest
from PIL import Image

from recon.capture.cameras import group_by_camera
from recon.capture.source import source_kind
from recon.capture.survey import list_photos, tell_depth, tell_left_out, tell_mirrored
from recon.formats.image_files import ImageHeader, has_heif, read_header
from recon.workspace.console import take_warnings
from recon.workspace.errors import UserError


def header(
    size_hw: tuple[int, int], *, camera: str | None = None, focal_px: float | None = None, tag: int = 1
) -> tuple[Path, ImageHeader]:
    return Path("x.jpg"), ImageHeader(size_hw, tag, "JPEG", "RGB", focal_px, camera)


def cameras_of(*headers: tuple[Path, ImageHeader]) -> list[int]:
    photos, _ = group_by_camera(headers)
    return [photo.camera for photo in photos]


def test_a_device_a_zoom_and_a_size_make_a_camera() -> None:
    phone, other = header((30, 40), camera="A", focal_px=33.0), header((30, 40), camera="B", focal_px=33.0)
    rounded, tele = header((30, 40), camera="A", focal_px=33.3), header((30, 40), camera="A", focal_px=66.0)
    cropped, silent = header((20, 40), camera="A", focal_px=33.0), header((30, 40), camera="A")
    assert cameras_of(phone, phone, rounded, other, tele, cropped, silent) == [0, 0, 0, 1, 2, 3, 0]


def test_photos_without_exif_are_of_the_camera_of_their_size() -> None:
    assert cameras_of(header((30, 40), camera="A"), header((30, 40)), header((20, 40))) == [0, 0, 1]
    two = header((30, 40), camera="A"), header((30, 40), camera="B"), header((30, 40))
    assert cameras_of(*two) == [0, 1, 2]  # of one of them, but which?


def test_a_phone_turned_by_a_quarter_is_the_same_camera() -> None:
    photos, cameras = group_by_camera(
        [header((30, 40), camera="A"), header((30, 40), camera="A"), header((40, 30), camera="A", tag=6)]
    )
    assert [photo.camera for photo in photos] == [0, 0, 0] and len(cameras) == 1
    assert {photo.size_hw for photo in photos} == {(30, 40)} and photos[2].orientation == 1


def test_the_focal_length_follows_the_working_size() -> None:
    _, cameras = group_by_camera([header((3000, 4000), camera="A", focal_px=3300.0)])
    assert cameras[0].working_hw(1000) == (750, 1000) and cameras[0].working_focal_px(1000) == pytest.approx(825)


def folder_of(folder: Path, names: list[str]) -> Path:
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith((".jpg", ".JPG")):
            Image.new("RGB", (40, 30), (i, 2 * i, 3 * i)).save(folder / name, "JPEG")
        else:
            (folder / name).write_bytes(b"ftypheic")
    return folder


def test_what_is_left_out_is_counted_by_kind(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ["a.JPG", "b.HEIC", "c.heic", "d.DNG", "e.mov", "._a.JPG", "Thumbs.db", "notes.txt"])
    photos = list_photos(folder, subfolders=False)
    tell_left_out(folder, photos, subfolders=False)
    (warning,) = take_warnings()
    assert "1 .dng" in warning and "1 .mov" in warning and "Thumbs" not in warning
    if not has_heif():
        assert "1 of 5 pictures and films are read" in warning and "2 .heic" in warning and "pi-heif" in warning


def test_sub_folders_are_named_and_read_when_asked_for(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path, ["1.jpg", "camA/2.jpg", "camA/3.jpg", "camB/deep/4.jpg", "masks/1.jpg", ".thumbs/1.jpg"]
    )
    tell_left_out(folder, list_photos(folder, subfolders=False), subfolders=False)
    (warning,) = take_warnings()
    assert "3 more photos" in warning and "camA/ 2" in warning and "camB/deep/ 1" in warning
    found = [path.relative_to(folder).as_posix() for path in list_photos(folder, subfolders=True)]
    assert found == ["1.jpg", "camA/2.jpg", "camA/3.jpg", "camB/deep/4.jpg"]
    (folder / "1.jpg").unlink()
    with pytest.raises(UserError, match=r"3 in sub-folders \(camA/ 2, camB/deep/ 1\)"):
        source_kind(folder, subfolders=False)
    assert source_kind(folder, subfolders=True) == "photos"


def test_what_nobody_reads_in_sub_folders_is_told_too(tmp_path: Path) -> None:
    """Folders of raw files only, with and without `subfolders`."""
    folder = folder_of(tmp_path, ["1.jpg", "raw/1.DNG", "raw/2.DNG", "old/3.jpg", "old/4.nef"])
    tell_left_out(folder, list_photos(folder, subfolders=False), subfolders=False)
    assert any("2 .dng" in told and "1 .nef" in told for told in take_warnings())
    tell_left_out(folder, list_photos(folder, subfolders=True), subfolders=True)
    (warning,) = take_warnings()
    assert "2 of 5 pictures and films are read" in warning and "2 .dng" in warning and "1 .nef" in warning


def test_pictures_without_a_suffix_are_told(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ["1.jpg", "2.jpg", "3.jpg", "4.jpg", "notes.txt"])
    (folder / "2.jpg").rename(folder / "IMG_2")
    (folder / "3.jpg").rename(folder / "photo.jpg~")
    (folder / "4.jpg").rename(folder / "4.jpg_original")
    tell_left_out(folder, list_photos(folder, subfolders=False), subfolders=False)
    (warning,) = take_warnings()
    assert "1 of 3 pictures and films are read; left out: 2 of no suffix that pictures have" in warning
    (folder / "1.jpg").unlink()
    with pytest.raises(UserError, match=r"rename them to \.jpg"):
        source_kind(folder, subfolders=False)


def test_chapters_of_a_film_are_counted(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ["GH010042.MP4", "GH020042.MP4"])
    with pytest.raises(UserError, match="holds 2 films and no photos, and one film is read"):
        source_kind(folder, subfolders=False)


def test_photos_that_are_shown_mirrored_are_told_once(tmp_path: Path) -> None:
    folder, headers = folder_of(tmp_path, ["1.jpg", "2.jpg", "3.jpg"]), {}
    for orientation, path in zip((1, 5, 6), sorted(folder.iterdir()), strict=True):
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.open(path).save(path, exif=exif)
        headers[path] = read_header(path)
    tell_mirrored(headers)
    (warning,) = take_warnings()
    assert "1 of 3 photos are mirrored by their EXIF orientation" in warning and "(2.jpg)" in warning


def test_depth_is_no_photo_and_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_of(tmp_path / "a", ["1.jpg", "2.jpg", "depth/1.jpg", "confidence/1.jpg"])
    (folder / "depth/1.jpg").rename(folder / "depth/1.png")
    tell_left_out(folder, list_photos(folder, subfolders=False), subfolders=False)
    tell_depth(folder, list_photos(folder, subfolders=True))
    assert not take_warnings() and "depth lies beside 1 of 2 photos" in capsys.readouterr().out
    (folder / "depth/1.png").rename(folder / "depth/000.png")
    tell_depth(folder, list_photos(folder, subfolders=False))
    assert "none of its 1 files (000.png, ...) belongs to a photo by its name (1.jpg, ...)" in take_warnings()[0]
    scenes = folder_of(tmp_path / "b", ["frame-0.color.jpg", "frame-0.depth.jpg", "frame-1.color.jpg"])
    (scenes / "frame-0.depth.jpg").rename(scenes / "frame-0.depth.png")
    assert [path.name for path in list_photos(scenes, subfolders=False)] == ["frame-0.color.jpg", "frame-1.color.jpg"]
