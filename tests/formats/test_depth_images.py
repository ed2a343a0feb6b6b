"""Depth beside pictures: found in every layout, read in metres, refused where it is no depth."""

import builtins
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from recon.formats.depth_files import DepthFile, find_depth
from recon.formats.depth_images import read_depth
from recon.geometry import Camera, View
from recon.workspace.errors import UserError

METRES = np.array([[0.5, 1.25, 0.0], [2.0, 4.75, 3.0]])


def view_of(image: Path, *, time_s: float | None = None, size_hw: tuple[int, int] = (20, 30)) -> View:
    image.parent.mkdir(parents=True, exist_ok=True)
    image.touch()
    return View(image.stem, image, Camera("PINHOLE", size_hw, 25.0, 25.0, 15.0, 10.0), np.eye(4), time_s=time_s)


def write(path: Path, counts_a_metre: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.round(METRES * counts_a_metre).astype(np.uint16))
    return path


def found(view: View) -> np.ndarray:
    file = find_depth(view)
    assert file is not None
    return read_depth(file).depth_m


def test_seven_scenes(tmp_path: Path) -> None:
    view = view_of(tmp_path / "seq-01/frame-000003.color.png")
    write(tmp_path / "seq-01/frame-000003.depth.png", 1000)
    np.testing.assert_allclose(found(view), METRES, atol=1e-6)


def test_tum_belongs_together_by_time(tmp_path: Path) -> None:
    view, late = (view_of(tmp_path / f"rgb/{t}.png", time_s=float(t)) for t in ("10.000", "11.000"))
    write(tmp_path / "depth/10.012.png", 5000)
    (tmp_path / "depth.txt").write_text("# timestamp filename\n9.5 depth/9.5.png\n10.012 depth/10.012.png\n")
    np.testing.assert_allclose(found(view), METRES, atol=2e-4)
    assert find_depth(late) is None


def test_tum_by_names_that_are_times(tmp_path: Path) -> None:
    """Photos of a capture have no time, but the names that the set gave them."""
    view = view_of(tmp_path / "rgb/1305031102.175304.png")
    write(tmp_path / "depth/1305031102.160407.png", 5000)
    (tmp_path / "depth.txt").write_text("1305031102.160407 depth/1305031102.160407.png\n")
    np.testing.assert_allclose(found(view), METRES, atol=2e-4)


@pytest.mark.parametrize(
    ("name", "line"), [("depth.txt", "10.0 ../../secret.png"), ("associations.txt", "1 rgb/10.0.png 1 ../secret.png")]
)
def test_no_path_of_a_list_leads_out_of_its_folder(tmp_path: Path, name: str, line: str) -> None:
    write(tmp_path / "secret.png", 5000)
    view = view_of(tmp_path / "set/rgb/10.0.png")
    (tmp_path / "set" / name).write_text(line + "\n")
    with pytest.raises(UserError, match="leads out of the capture's folder"):
        find_depth(view)


@pytest.mark.parametrize(
    "line", ["{t} rgb/7.png {t} depth/b.png", "{t} depth/b.png {t} rgb/7.png", "{t} ./rgb/7.png {t} ./depth/b.png"]
)
def test_tum_by_pairs(tmp_path: Path, line: str) -> None:
    view = view_of(tmp_path / "rgb/7.png")
    write(tmp_path / "depth/b.png", 5000)
    (tmp_path / "associations.txt").write_text(line.format(t=0.25) + "\n")
    np.testing.assert_allclose(found(view), METRES, atol=2e-4)
    assert find_depth(view_of(tmp_path / "rgb/8.png")) is None


@pytest.mark.parametrize(
    ("picture", "depth", "counts_a_metre"),
    [
        ("frame-000003.color.jpg", "frame-000003.depth.png", 1000),
        ("00012-color.png", "00012-depth.png", 1000),
        ("a_rgb.png", "a_depth.png", 1000),
        ("frame000007.jpg", "depth000007.png", 6553.5),
    ],
)
def test_beside_the_picture_under_its_name(tmp_path: Path, picture: str, depth: str, counts_a_metre: float) -> None:
    view = view_of(tmp_path / picture)
    write(tmp_path / depth, counts_a_metre)
    np.testing.assert_allclose(found(view), METRES, atol=1e-4)


def test_frames_of_a_film_have_the_depth_of_their_number(tmp_path: Path) -> None:
    write(tmp_path / "stray/depth/000012.png", 1000)
    (tmp_path / "stray/confidence").mkdir()
    cv2.imwrite(str(tmp_path / "stray/confidence/000012.png"), np.array([[0, 1, 2], [2, 2, 2]], np.uint8))
    frames = [{"image": "f0.jpg", "source_index": 12}, {"image": "f1.jpg", "source_index": 13}]
    view, without = view_of(tmp_path / "run/f0.jpg", time_s=0.4), view_of(tmp_path / "run/f1.jpg", time_s=0.5)
    listing = {"source": str(tmp_path / "stray/rgb.mp4"), "kind": "video", "frames": frames}
    (tmp_path / "run/frames.json").write_text(json.dumps(listing))
    file = find_depth(view)
    assert file is not None and find_depth(without) is None
    image = read_depth(file)
    np.testing.assert_allclose(image.depth_m, METRES, atol=1e-6)
    np.testing.assert_allclose(
        image.confidence, [[0, 0.5, 0], [1, 1, 1]]
    )  # levels of ARKit; the third depth is unknown


def test_polycam_with_confidence(tmp_path: Path) -> None:
    view = view_of(tmp_path / "keyframes/corrected_images/17.jpg")
    write(tmp_path / "keyframes/depth/17.png", 1000)
    confidence = np.array([[255, 51, 255], [0, 255, 255]], np.uint8)
    (tmp_path / "keyframes/confidence").mkdir()
    cv2.imwrite(str(tmp_path / "keyframes/confidence/17.png"), confidence)
    file = find_depth(view)
    assert file is not None
    image = read_depth(file)
    np.testing.assert_allclose(image.confidence, np.where(METRES > 0, confidence / 255, 0), atol=1e-6)
    np.testing.assert_allclose(image.depth_m, METRES, atol=1e-6)


@pytest.mark.parametrize(
    ("key", "picture", "unit", "counts_a_metre"),
    [
        ("depth_file_path", "images/7.jpg", None, 1000),
        ("depth_file_path", "./images/7", None, 1000),
        ("depth_path", "images\\7.jpg", 0.0005, 2000),
    ],
)
def test_named_by_a_frame_of_transforms_json(
    tmp_path: Path, key: str, picture: str, unit: float | None, counts_a_metre: float
) -> None:
    view = view_of(tmp_path / "images/7.jpg")
    write(tmp_path / "sensor/a7.png", counts_a_metre)
    scale = {} if unit is None else {"integer_depth_scale": unit}
    frames = [{"file_path": "images/8.jpg"}, {"file_path": picture, key: "sensor/a7.png"}, 3]
    (tmp_path / "transforms.json").write_text(json.dumps({"frames": frames} | scale))
    np.testing.assert_allclose(found(view), METRES, atol=1e-6)
    assert find_depth(view_of(tmp_path / "images/8.jpg")) is None


def test_depth_that_is_named_and_not_there_is_none(tmp_path: Path) -> None:
    view = view_of(tmp_path / "images/7.jpg")
    frames = [{"file_path": "images/7.jpg", "depth_file_path": "gone.png"}]
    (tmp_path / "transforms.json").write_text(json.dumps({"frames": frames}))
    assert find_depth(view) is None


@pytest.mark.parametrize("text", ["[]", "{", '{"frames": 3}', '{"frames": [{"file_path": 1, "depth_file_path": []}]}'])
def test_what_is_no_transforms_json_names_no_depth(tmp_path: Path, text: str) -> None:
    (tmp_path / "transforms.json").write_text(text)
    assert find_depth(view_of(tmp_path / "7.jpg")) is None


@pytest.mark.parametrize("folder", ["images/depth", "depth"])
def test_a_plain_folder_of_arrays_in_metres(tmp_path: Path, folder: str) -> None:
    view = view_of(tmp_path / "images/chair.jpg")
    (tmp_path / folder).mkdir(parents=True)
    np.save(tmp_path / folder / "chair.npy", np.where(METRES == 3, np.nan, METRES))
    np.testing.assert_allclose(found(view), np.where(METRES == 3, 0, METRES))


@pytest.mark.parametrize("is_portrait", [False, True])
def test_record3d(tmp_path: Path, is_portrait: bool) -> None:
    lzfse = pytest.importorskip("liblzfse", reason="pyliblzfse is an extra: recon[record3d]")
    h, w = (256, 192) if is_portrait else (192, 256)
    depth = np.linspace(0.5, 4, h * w, dtype=np.float32).reshape(h, w)
    view = view_of(tmp_path / "rgbd/4.jpg", size_hw=(4 * h, 4 * w))
    (tmp_path / "rgbd/4.depth").write_bytes(lzfse.compress(depth.tobytes()))
    (tmp_path / "rgbd/4.conf").write_bytes(lzfse.compress(np.full(h * w, 1, np.uint8).tobytes()))
    file = find_depth(view)
    assert file is not None
    image = read_depth(file)
    np.testing.assert_array_equal(image.depth_m, depth)
    assert (image.confidence == 0.5).all()


def test_record3d_without_its_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "4.depth").write_bytes(b"bvx2")
    imported = builtins.__import__

    def without(name: str, *args, **kwargs):
        if name == "liblzfse":
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match="pip install pyliblzfse"):
        read_depth(DepthFile(tmp_path / "4.depth", 1.0))


def test_pictures_without_depth_have_none(tmp_path: Path) -> None:
    assert find_depth(view_of(tmp_path / "images/chair.jpg")) is None


def test_too_far_is_unknown(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.array([[65535, 1000]], np.uint16))
    image = read_depth(DepthFile(tmp_path / "a.png", 1e-3))
    assert image.depth_m.tolist() == [[0, 1]] and image.confidence.tolist() == [[0, 1]]


def test_what_is_no_depth_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((4, 5), 90, np.uint8))
    (tmp_path / "text.png").write_text("no picture")
    np.save(tmp_path / "flat.npy", np.ones(7))
    for name, words in (("grey.png", "8 bits"), ("text.png", "cannot be decoded"), ("flat.npy", r"shape \[7\]")):
        with pytest.raises(UserError, match=f"{name}.*{words}"):
            read_depth(DepthFile(tmp_path / name, 1e-3))
