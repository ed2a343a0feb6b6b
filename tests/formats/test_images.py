"""Pictures come in as a person sees them, whatever the file says and however it is broken."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image

from recon.formats import image_files, images
from recon.workspace.errors import UserError

H, W = 22, 34


@pytest.fixture
def picture() -> np.ndarray:
    """Four flat quarters and a white corner, so that every turn and mirror image looks different. [22, 34, 3]"""
    picture = np.zeros((H, W, 3), np.uint8)
    picture[: H // 2, : W // 2], picture[: H // 2, W // 2 :] = (200, 30, 40), (20, 180, 60)
    picture[H // 2 :, : W // 2], picture[H // 2 :, W // 2 :] = (30, 60, 220), (120, 120, 120)
    picture[:6, :6] = 255
    return picture


def with_exif(path: Path, picture: np.ndarray, tags: dict[int, object], camera_tags: dict[int, object]) -> Path:
    exif = Image.Exif()
    exif.update(tags)
    exif.get_ifd(ExifTags.IFD.Exif).update(camera_tags)
    Image.fromarray(picture).save(path, exif=exif, quality=98, subsampling=0)
    return path


# Stored -> seen, from the EXIF specification's table of where row 0 and column 0 are.
UPRIGHT_FROM_STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_size_agrees(tmp_path: Path, picture: np.ndarray, orientation: int) -> None:
    path = with_exif(tmp_path / "a.jpg", picture, {ExifTags.Base.Orientation: orientation}, {})
    expected = UPRIGHT_FROM_STORED[orientation](picture)
    read = images.read_image(path)
    assert read.shape == expected.shape and image_files.image_size_hw(path) == expected.shape[:2]
    assert np.abs(read.astype(int) - expected).mean() < 4  # JPEG loss; any other turn is off by 50
    assert images.read_image(path, orientation=1).shape == picture.shape


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".webp", ".tif", ".PNG"])
def test_lossless_formats_round_trip(tmp_path: Path, picture: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(picture).save(path, **({"lossless": True} if suffix == ".webp" else {}))
    assert np.array_equal(images.read_image(path), picture)


def test_alpha_stays_straight(tmp_path: Path, picture: np.ndarray) -> None:
    rgba = np.dstack([picture, np.full((H, W), 77, np.uint8)])
    images.write_image(tmp_path / "a.png", rgba)
    assert np.array_equal(images.read_image(tmp_path / "a.png"), rgba)


def test_resizing_weighs_colours_by_alpha() -> None:
    """A transparent red neighbour must not bleed into an opaque green one."""
    rgba = np.zeros((8, 12, 4), np.uint8)
    rgba[:, ::2], rgba[:, 1::2] = (255, 0, 0, 0), (0, 200, 0, 255)
    small = images.resize_image(rgba, (4, 6))
    assert (small[:, 1:-1, 0] <= 1).all() and np.abs(small[:, 1:-1, 1].astype(int) - 200).max() <= 1


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_scale_to_eight(tmp_path: Path, suffix: str) -> None:
    values = (np.arange(H * W, dtype=np.uint32).reshape(H, W) * 65535 // (H * W - 1)).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / f"a{suffix}")
    read = images.read_image(tmp_path / f"a{suffix}")
    assert read.shape == (H, W, 3)
    assert np.abs(read[..., 0] - values / 257.0).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_of_colour_scale_to_eight(tmp_path: Path, picture: np.ndarray, suffix: str) -> None:
    deep = picture.astype(np.uint16) * 257 + np.random.default_rng(0).integers(-100, 100, picture.shape)
    cv2.imwrite(str(tmp_path / f"a{suffix}"), deep.clip(0, 65535).astype(np.uint16)[..., ::-1])
    assert np.abs(images.read_image(tmp_path / f"a{suffix}").astype(int) - picture).max() <= 1


def test_cmyk_jpeg_keeps_its_colours(tmp_path: Path, picture: np.ndarray) -> None:
    Image.fromarray(picture).convert("CMYK").save(tmp_path / "a.jpg", quality=98, subsampling=0)
    read = images.read_image(tmp_path / "a.jpg")
    assert image_files.read_header(tmp_path / "a.jpg").mode == "CMYK"
    assert read.shape == (H, W, 3) and np.abs(read.astype(int) - picture).mean() < 4


def test_grey_jpeg_becomes_rgb(tmp_path: Path, picture: np.ndarray) -> None:
    Image.fromarray(picture[..., 1]).save(tmp_path / "a.jpg", quality=98)
    read = images.read_image(tmp_path / "a.jpg")
    assert read.shape == (H, W, 3) and np.abs(read.astype(int) - picture[..., 1:2]).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_arrays_is_turning_pictures(picture: np.ndarray, orientation: int) -> None:
    assert np.array_equal(images.turned(picture, orientation), UPRIGHT_FROM_STORED[orientation](picture))


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "LA"])
def test_other_modes_become_rgb(tmp_path: Path, picture: np.ndarray, mode: str) -> None:
    Image.fromarray(picture).convert(mode).save(tmp_path / "a.tif")
    assert images.read_image(tmp_path / "a.tif").shape == (H, W, 4 if mode == "LA" else 3)


def test_jpeg_is_written_with_full_chroma(tmp_path: Path, picture: np.ndarray) -> None:
    images.write_image(tmp_path / "a.jpg", picture)
    assert np.abs(images.read_image(tmp_path / "a.jpg").astype(int) - picture).mean() < 2
    with Image.open(tmp_path / "a.jpg") as image:
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3  # sampling factors  # type: ignore[attr-defined]


# ---- EXIF focal length ---------------------------------------------------------------------------------------------


def test_focal_from_35mm_equivalent(tmp_path: Path, picture: np.ndarray) -> None:
    path = with_exif(tmp_path / "a.jpg", picture, {}, {ExifTags.Base.FocalLengthIn35mmFilm: 28})
    assert image_files.exif_focal_px(path) == pytest.approx(28 * np.hypot(H, W) / np.hypot(24, 36))


def test_focal_from_focal_plane_resolution_of_a_downscaled_photo(tmp_path: Path, picture: np.ndarray) -> None:
    tags = {
        ExifTags.Base.FocalLength: 5.0,
        ExifTags.Base.FocalPlaneXResolution: 20.0,  # pixels per mm, of the original
        ExifTags.Base.FocalPlaneResolutionUnit: 4,
        ExifTags.Base.ExifImageWidth: 2 * W,
    }
    assert image_files.exif_focal_px(with_exif(tmp_path / "a.jpg", picture, {}, tags)) == pytest.approx(50.0)


@pytest.mark.parametrize(
    "tags", [{}, {ExifTags.Base.FocalLengthIn35mmFilm: 0}, {ExifTags.Base.FocalLengthIn35mmFilm: 60000}]
)
def test_no_or_absurd_focal_is_none(tmp_path: Path, picture: np.ndarray, tags: dict[int, object]) -> None:
    assert image_files.exif_focal_px(with_exif(tmp_path / "a.jpg", picture, {}, tags)) is None


# ---- names ---------------------------------------------------------------------------------------------------------


def test_images_are_listed_in_natural_order_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b10.jpg", "b9.JPG", "a.png", "._a.png", "notes.txt", "c.webp", "10.tif", "9.tif"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [p.name for p in images.list_images(tmp_path)] == ["9.tif", "10.tif", "a.png", "b9.JPG", "b10.jpg", "c.webp"]


@pytest.mark.parametrize(
    ("size", "expected"), [((1080, 1920), (540, 960)), ((300, 200), (300, 200)), ((1, 9000), (1, 960))]
)
def test_fit_within(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert images.fit_within(size, 960) == expected and images.fit_within(size, None) == size


# ---- bad input -----------------------------------------------------------------------------------------------------


def test_text_empty_missing_and_truncated_files_are_user_errors(tmp_path: Path, picture: np.ndarray) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.jpg").touch()
    noise = np.random.default_rng(0).integers(0, 255, (90, 70, 3), dtype=np.uint8)
    images.write_image(tmp_path / "whole.png", noise)
    images.write_image(tmp_path / "whole.jpg", noise)
    for name in ("whole.png", "whole.jpg"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / f"cut_{name}").write_bytes(data[: len(data) // 2])
    expected = {
        "text.jpg": "not an image",
        "empty.jpg": "empty",
        "missing.jpg": "no such image",
        "cut_whole.png": "cut off",
        "cut_whole.jpg": "cut off",
    }
    for name, message in expected.items():
        with pytest.raises(UserError, match=message) as error:
            images.read_image(tmp_path / name)
        assert name in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("side", [13_000, 60_000])
def test_decompression_bombs_are_refused(tmp_path: Path, side: int) -> None:
    """A png header that claims far more pixels than the few bytes behind it hold."""
    path = tmp_path / "bomb.png"
    Image.new("L", (3, 2)).save(path)
    data = bytearray(path.read_bytes())
    import zlib

    data[16:24] = side.to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    path.write_bytes(data)
    with pytest.raises(UserError, match="claims"):
        images.read_image(path)
