"""360-degree captures: told apart from plain pictures, and cut into views that show what lies in their directions."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin

from recon.capture.keyframes import Spacing
from recon.capture.motion import Motion
from recon.capture.panorama import plan_views
from recon.formats import images, video
from recon.formats.frames_json import FrameRecord
from recon.formats.video_writing import write_video
from recon.geometry import Camera, pixel_centers
from recon.geometry.panorama import directions_of_panorama
from recon.workspace import Workspace, read_metrics
from recon.workspace.errors import UserError
from tests.capture.spherical import mark_spherical
from tests.capture.test_stage import SETTINGS
from tests.stages import capture_frames

HW = (100, 200)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" GPano:ProjectionType="equirectangular"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


def colour_of(directions: torch.Tensor, phase: float) -> np.ndarray:
    """A smooth picture on the sphere, another one for every phase. uint8 [.., 3]"""
    x, y, z = directions.double().unbind(-1)
    waves = [torch.sin(3 * x + phase) + y, torch.cos(2 * z - phase) * y + x, torch.sin(4 * y) - z]
    return (128 + 60 * torch.stack(waves, -1)).clamp(0, 255).round().numpy().astype(np.uint8)


def panorama(phase: float, size_hw: tuple[int, int] = HW) -> np.ndarray:
    return colour_of(directions_of_panorama(pixel_centers(size_hw).double(), size_hw), phase)


def photo_folder(folder: Path, *, xmp: bytes | None, size_hw: tuple[int, int] = HW, suffix: str = "jpg") -> Path:
    folder.mkdir()
    for i in range(4):
        options: dict[str, Any] = {"quality": 98, "subsampling": 0} if suffix == "jpg" else {}
        if suffix == "webp":
            options["lossless"] = True
        if xmp is not None and suffix == "png":
            options["pnginfo"] = PngImagePlugin.PngInfo()
            options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode())
        elif xmp is not None and suffix == "tiff":
            options["tiffinfo"] = {700: xmp}
        elif xmp is not None:
            options["xmp"] = xmp
        Image.fromarray(panorama(i, size_hw)).save(folder / f"P_{i}.{suffix}", **options)
    return folder


def capture(root: Path, source: Path, **changes: Any) -> dict[str, Any]:
    workspace = Workspace(root / "run")
    capture_frames(workspace, source=source, **{**SETTINGS, **changes})
    return json.loads(workspace.frames_json.read_text())


def refused(root: Path, source: Path, message: str, **changes: Any) -> None:
    with pytest.raises(UserError, match=message) as error:
        capture(root, source, **changes)
    assert "\n" not in str(error.value) and not (root / "run/frames").exists()


def check_views(root: Path, value: dict[str, Any], phase_of: dict[str, float], *, tolerance: float) -> None:
    """Every written view shows the sphere's own colours along its rays."""
    side, focal = value["size_hw"][0], value["focal_prior_px"]
    camera = Camera("PINHOLE", (side, side), focal, focal, side / 2, side / 2)
    rays = camera.unproject(pixel_centers((side, side)).double())
    for frame in (frame for frame in value["frames"] if frame["kept"]):
        rig_from_camera = torch.tensor(value["rig"][frame["sensor"]], dtype=torch.float64)
        assert frame["name"] == f"{frame['rig_frame']}_{frame['sensor']}" and frame["image"] == f"{frame['name']}.jpg"
        expected = colour_of(rays @ rig_from_camera[:3, :3].T, phase_of[frame["rig_frame"]]).astype(int)
        written = images.read_image(root / "run/frames" / frame["image"]).astype(int)
        assert np.abs(written - expected).mean() < tolerance, frame["name"]


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
def test_photos_that_say_so_become_views(tmp_path: Path, suffix: str) -> None:
    source = photo_folder(tmp_path / "photos", xmp=XMP, suffix=suffix)
    value = capture(tmp_path, source, panorama_views=4, panorama_poles="both")
    assert value["is_focal_exact"] and value["shared_camera"] and value["kind"] == "photos"
    assert value["size_hw"] == [64, 64] and value["focal_prior_px"] == pytest.approx(32)  # 200 / pi, 90 degrees
    assert list(value["rig"]) == ["000", "090", "180", "270", "down", "up"] and len(value["frames"]) == 24
    files = {path.name for path in (tmp_path / "run/frames").iterdir()}
    assert files == {"frames.json", "stage.json"} | {frame["image"] for frame in value["frames"]}
    check_views(tmp_path, value, {f"P_{i}": i for i in range(4)}, tolerance=1.5)
    metrics = read_metrics(Workspace(tmp_path / "run"))["capture"]
    assert (metrics["frames_read"], metrics["frames_kept"], metrics["views_per_frame"]) == (4, 4, 6)


def test_max_size_is_that_of_the_views(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "photos", xmp=XMP, size_hw=(250, 500))
    value = capture(tmp_path, source, max_size=64, panorama_fov_deg=80)
    assert value["size_hw"] == [64, 64]
    assert value["focal_prior_px"] == pytest.approx(32 / np.tan(np.radians(40)))
    check_views(tmp_path, value, {f"P_{i}": i for i in range(4)}, tolerance=1.5)


def test_a_spherical_video_becomes_views(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    phases = np.linspace(0, 1.5, 30)
    clip = write_video(tmp_path / "walk.mp4", [panorama(phase) for phase in phases], fps=10, crf=4)
    refused(tmp_path, clip, r"200x100 is exactly 2:1.*capture\.projection=equirectangular if")
    mark_spherical(clip)
    assert video.read_video_info(clip).projection == "equirectangular"
    value = capture(tmp_path, clip)
    assert "panoramas at 64x64, 5 views each" in capsys.readouterr().out
    kept = {frame["rig_frame"] for frame in value["frames"] if frame["kept"]}
    assert len(kept) >= 3 and len([f for f in value["frames"] if f["kept"]]) == 5 * len(kept)
    dropped = [frame for frame in value["frames"] if not frame["kept"]]
    assert len(dropped) + len(kept) == 30 and all(frame["sensor"] is None for frame in dropped)
    phase_of = {f"frame_{i:05d}": phase for i, phase in enumerate(phases)}
    check_views(tmp_path, value, phase_of, tolerance=4)  # H.264 halves the colour's resolution


def test_what_says_nothing_is_asked_about(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "photos", xmp=None)
    refused(tmp_path, source, r"exactly 2:1.*projection=equirectangular if it is.*projection=perspective if not")
    plain = capture(tmp_path, source, projection="perspective")
    assert plain["size_hw"] == [100, 200] and plain["rig"] is None and not plain["is_focal_exact"]
    assert capture(tmp_path, source, projection="equirectangular")["rig"] is not None


def test_panoramas_of_other_kinds_are_refused(tmp_path: Path) -> None:
    partial = photo_folder(tmp_path / "partial", xmp=XMP, size_hw=(60, 200))
    refused(tmp_path, partial, r"P_0\.jpg is 200x60; expected whole.*2:1.*projection=perspective")
    stereo = photo_folder(tmp_path / "stereo", xmp=XMP, size_hw=(200, 200))
    refused(tmp_path, stereo, "two eyes")
    cylinder = photo_folder(tmp_path / "cylinder", xmp=XMP.replace(b"equirectangular", b"cylindrical"))
    refused(tmp_path, cylinder, "projection 'cylindrical'")
    plain = photo_folder(tmp_path / "plain", xmp=None, size_hw=(90, 160))
    refused(tmp_path, plain, "160x90; expected whole", projection="equirectangular")
    assert capture(tmp_path, plain)["rig"] is None


def hole_of(value: dict[str, Any], frame: dict[str, Any]) -> np.ndarray:
    """Where a view of the panoramas looks within 60 degrees of straight down, seen from its pixels. bool [side, side]"""
    side, focal = value["size_hw"][0], value["focal_prior_px"]
    camera = Camera("PINHOLE", (side, side), focal, focal, side / 2, side / 2)
    rig_from_camera = torch.tensor(value["rig"][frame["sensor"]], dtype=torch.float64)
    rays = camera.unproject(pixel_centers((side, side)).double()) @ rig_from_camera[:3, :3].T
    down = directions_of_panorama(torch.tensor([[HW[1] / 2, HW[0]]], dtype=torch.float64), HW)[0]
    return (rays @ down > 0.5).numpy()


def check_masks(root: Path, value: dict[str, Any]) -> None:
    """Every view's mask hides the hole, and a margin of the few pixels that sampling reaches, and nothing else."""
    assert not list((root / "run/frames/masks").glob("P_?.png"))  # those of whole panoramas
    for frame in value["frames"]:
        assert frame["mask"] == f"masks/{frame['name']}.png"
        hidden, hole = images.read_image(root / "run/frames" / frame["mask"])[..., 0] == 0, hole_of(value, frame)
        assert hidden.shape == hole.shape and (hidden | ~hole).all()
        assert (hidden & ~hole).mean() < 0.2 and hole.any() == (frame["sensor"] != "up")


def test_transparent_parts_do_not_count_in_the_views(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "photos", xmp=XMP, suffix="png")
    for i in range(4):
        holed = np.dstack([panorama(i), np.full(HW, 255, np.uint8)])
        holed[67:, :, 3] = 0  # 120 degrees from straight up
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
        Image.fromarray(holed).save(source / f"P_{i}.png", pnginfo=info)
    check_masks(tmp_path, capture(tmp_path, source, panorama_poles="both"))
    shutil.rmtree(tmp_path / "run")
    refused(tmp_path, source, r"P_0\.png has transparent parts.*capture\.alpha=mask", alpha="empty")


def test_mask_files_and_a_function_hide_parts_of_views(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = photo_folder(tmp_path / "photos", xmp=XMP)
    (source / "masks").mkdir()
    mask = np.full(HW, 255, np.uint8)
    mask[67:] = 0
    for i in range(4):
        Image.fromarray(mask).save(source / f"masks/P_{i}.png")
    value = capture(tmp_path, source, panorama_poles="both")
    check_masks(tmp_path, value)
    of_files = {f["name"]: images.read_image(tmp_path / "run/frames" / f["mask"])[..., 0] > 0 for f in value["frames"]}
    (tmp_path / "my_views.py").write_text(
        "import numpy as np\ndef left(image):\n    h, w = image.shape[:2]\n    assert h == w\n"
        "    return np.broadcast_to(np.arange(w) >= w // 4, (h, w)).copy()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    value = capture(
        tmp_path, source, panorama_poles="both", mask_fn="my_views:left"
    )  # called with views, not panoramas
    for frame in value["frames"]:
        both = images.read_image(tmp_path / "run/frames" / frame["mask"])[..., 0] > 0
        assert not both[:, :16].any() and np.array_equal(both[:, 16:], of_files[frame["name"]][:, 16:])


def test_spacing_of_a_panorama_is_that_of_its_views() -> None:
    plan = plan_views(n_around=5, fov_deg=90, poles="none")
    spacing = Spacing(target_count=None, min_count=5, max_count=40, max_parallax=0.04, min_overlap=0.8)
    of_view, of_panorama = Motion(parallax=0.1, turnover=0.5), Motion(parallax=0.025, turnover=0.125)
    for part in (Motion(0.1, 0.0), Motion(0.0, 0.5)):
        quarter = Motion(part.parallax / 4, part.turnover / 4)
        assert plan.spacing(spacing).steps(quarter) == pytest.approx(spacing.steps(part))
    record = FrameRecord(
        name="a",
        image="a.jpg",
        source_index=0,
        source_name=None,
        time_s=0.0,
        sharpness=1.0,
        kept=True,
        reason=None,
        exposure=0.5,
        parallax=of_panorama.parallax,
        overlap=of_panorama.overlap,
    )
    assert plan.as_of_view(record).parallax == pytest.approx(of_view.parallax)
    assert plan.as_of_view(record).overlap == pytest.approx(of_view.overlap, abs=1e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"projection": "cubemap"}, "auto, perspective, equirectangular"),
        ({"panorama_views": 2}, r"capture\.panorama_views=2"),
        ({"panorama_fov_deg": 130}, r"capture\.panorama_fov_deg=130"),
        ({"panorama_fov_deg": 60}, r"gaps.*at least 72 degrees"),
        ({"panorama_poles": "north"}, r"capture\.panorama_poles='north'"),
    ],
)
def test_impossible_settings(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    refused(tmp_path, photo_folder(tmp_path / "photos", xmp=XMP), message, **changes)


def test_only_three_different_panoramas_make_a_capture(tmp_path: Path) -> None:
    """Views of two panoramas would be enough pictures, but not enough places."""
    source = photo_folder(tmp_path / "photos", xmp=XMP)
    for i in (2, 3):
        (source / f"P_{i}.jpg").unlink()
    refused(tmp_path, source, "only 2 of 2 photos")
