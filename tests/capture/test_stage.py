"""The capture stage on videos and photo folders made here, good and bad."""

import json
import os
import tracemalloc
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image

from recon.capture.photos import ordered_names
from recon.capture.posed_folders import poses_beside
from recon.formats import images
from recon.formats.video_writing import write_video
from recon.workspace import Workspace, read_metrics, stage_warnings
from recon.workspace.errors import UserError
from tests.stages import capture_frames

H, W = 90, 160
SETTINGS: dict[str, Any] = {"target_count": 12, "min_count": 10, "max_count": 40}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "run")


@pytest.fixture(scope="module")
def texture() -> np.ndarray:
    """A large coloured pattern to pan across. [200, 700, 3]"""
    rng = np.random.default_rng(0)
    layers = [cv2.GaussianBlur(rng.normal(size=(200, 700, 3)), (0, 0), s) * s for s in (0.8, 4, 12)]
    total = sum(layers)
    return np.clip(128 + 45 * total / total.std(), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def views(texture: np.ndarray) -> list[np.ndarray]:
    """A pan of 60 frames, four pixels per frame; every fourth one blurred."""
    pan = [texture[40 : 40 + H, 10 + 4 * i : 10 + 4 * i + W] for i in range(60)]
    return [cv2.blur(view, (9, 1)) if i % 4 == 3 else np.ascontiguousarray(view) for i, view in enumerate(pan)]


@pytest.fixture
def clip(tmp_path: Path, views: list[np.ndarray]) -> Path:
    # Little compression: at more, the encoder mends blurred frames from their crisp neighbours.
    return write_video(tmp_path / "walk.mp4", views, fps=20, crf=6)


def photo_folder(folder: Path, pictures: list[np.ndarray], suffix: str = "png") -> Path:
    folder.mkdir(exist_ok=True)
    for i, picture in enumerate(pictures):
        images.write_image(folder / f"IMG_{i + 8}.{suffix}", picture)
    return folder


def capture(workspace: Workspace, source: Path | None, **changes: Any) -> dict[str, Any]:
    capture_frames(workspace, source=source, **{**SETTINGS, **changes})
    return json.loads(workspace.frames_json.read_text())


def refused(workspace: Workspace, source: Path | None, message: str, **changes: Any) -> str:
    """The stage must raise a one-line `UserError` and leave nothing behind."""
    with pytest.raises(UserError, match=message) as error:
        capture(workspace, source, **changes)
    assert "\n" not in str(error.value)
    assert not workspace.root.exists() or list(workspace.root.iterdir()) == []
    return str(error.value)


# ---- video ---------------------------------------------------------------------------------------------------------


def test_video_becomes_frames(workspace: Workspace, clip: Path, views: list[np.ndarray]) -> None:
    report = capture(workspace, clip)
    kept = [frame for frame in report["frames"] if frame["kept"]]
    assert (report["kind"], report["shared_camera"], report["size_hw"]) == ("video", True, [H, W])
    assert len(report["frames"]) == 60 and 11 <= len(kept) <= 12
    for frame in kept:
        image = images.read_image(workspace.frames / frame["image"]).astype(int)
        assert np.argmin([np.abs(image - view).mean() for view in views]) == frame["source_index"]
        assert frame["time_s"] == pytest.approx(frame["source_index"] / 20, abs=1e-6)
        assert frame["reason"] is None and frame["source_index"] % 4 != 3  # the blurred ones lose
    assert {f["reason"] for f in report["frames"] if f["source_index"] % 4 == 3} == {"blurred"}
    names = [frame["name"] for frame in report["frames"]]
    assert names == sorted(names) and names[12] == "frame_00012"
    files = {p.name for p in workspace.frames.iterdir()}
    assert files == {"frames.json", "stage.json"} | {frame["image"] for frame in kept}


def test_metrics_and_rerun(workspace: Workspace, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = capture(workspace, clip, max_size=80)
    metrics = read_metrics(workspace)["capture"]
    n_kept = sum(frame["kept"] for frame in report["frames"])
    assert (metrics["frames_read"], metrics["frames_kept"], metrics["size_hw"]) == (60, n_kept, [45, 80])
    assert metrics["fps"] == pytest.approx(20) and metrics["duration_s"] == pytest.approx(3)
    before = workspace.frames_json.stat().st_mtime_ns
    capture(workspace, clip, max_size=80)
    assert "up to date" in capsys.readouterr().out and workspace.frames_json.stat().st_mtime_ns == before
    capture(workspace, clip, max_size=64)
    assert json.loads(workspace.frames_json.read_text())["size_hw"] == [36, 64]


def test_capture_is_deterministic(tmp_path: Path, clip: Path) -> None:
    first, second = Workspace(tmp_path / "a"), Workspace(tmp_path / "b")
    assert capture(first, clip) == capture(second, clip)
    for path in first.frames.glob("*.jpg"):
        assert path.read_bytes() == (second.frames / path.name).read_bytes()


def test_truncated_video_is_used_as_far_as_it_goes(
    workspace: Workspace, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = clip.read_bytes()
    clip.write_bytes(data[: int(0.6 * len(data))])
    report = capture(workspace, clip)
    assert 10 < len(report["frames"]) < 58
    assert capsys.readouterr().out.count("damaged or cut off") == 1
    assert "cut off" in json.loads((workspace.frames / "stage.json").read_text())["warnings"][0]


def test_the_number_of_frames_follows_from_the_motion(workspace: Workspace, clip: Path) -> None:
    """A pan over one and a half widths: no parallax, so only overlap asks, one view for every 16 % of the width."""
    report = capture(workspace, clip, target_count="auto", min_count=3)
    kept = [frame for frame in report["frames"] if frame["kept"]]
    assert 9 <= len(kept) <= 11
    assert all(frame["overlap"] > 0.75 and frame["parallax"] < 0.03 for frame in kept[1:])
    assert kept[0]["overlap"] is None
    assert len([f for f in capture(workspace, clip, target_count="auto")["frames"] if f["kept"]]) >= 10  # min_count


def test_a_limit_below_the_least_number_lowers_it_and_says_so(
    workspace: Workspace, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def n_kept(**limits: int) -> int:
        return sum(frame["kept"] for frame in capture(workspace, clip, target_count="auto", **limits)["frames"])

    assert n_kept(min_count=90, max_count=8) == 8
    assert "at most 8 frames (capture.max_count), so no longer at least 90 (capture.min_count)" in (
        " ".join(capsys.readouterr().out.split())
    )
    assert n_kept(min_count=8, max_count=8) == 8
    assert "capture.max_count" not in capsys.readouterr().out


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_videos_held_upright_come_out_upright(
    workspace: Workspace, tmp_path: Path, views: list[np.ndarray], degrees: int
) -> None:
    path = tmp_path / "phone.mp4"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=20, options={"crf": "6"})
        stream.height, stream.width, stream.pix_fmt = H, W, "yuv420p"
        stream.set_display_rotation(degrees)
        for view in views:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(view, format="rgb24")))
        container.mux(stream.encode())
    report = capture(workspace, path)
    seen = [np.rot90(view, degrees // 90) for view in views]
    assert report["size_hw"] == list(seen[0].shape[:2])
    kept = [frame for frame in report["frames"] if frame["kept"]]
    assert len(kept) >= 10
    for frame in kept:
        image = images.read_image(workspace.frames / frame["image"]).astype(int)
        assert np.argmin([np.abs(image - view).mean() for view in seen]) == frame["source_index"]


def test_frames_at_uneven_times_keep_their_times(workspace: Workspace, tmp_path: Path, views: list[np.ndarray]) -> None:
    """A phone in the dark: twenty frames per second, then five, and a stretch in which the recording froze."""
    shown = [*views[:20], *[views[20]] * 12, *views[21:60]]
    times_ms = np.cumsum([0, *[50] * 19, *[50] * 12, *[200] * 39])
    path = tmp_path / "uneven.mkv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=20, options={"crf": "6"})
        stream.height, stream.width, stream.pix_fmt = H, W, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for view, time_ms in zip(shown, times_ms, strict=True):
            frame = av.VideoFrame.from_ndarray(view, format="rgb24")
            frame.pts, frame.time_base = int(time_ms), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    frames = capture(workspace, path)["frames"]
    assert np.allclose([frame["time_s"] for frame in frames], times_ms / 1000, atol=1e-6)
    kept = np.array([frame["source_index"] for frame in frames if frame["kept"]])
    assert ((kept >= 20) & (kept < 32)).sum() <= 1 and len(kept) >= 10
    assert sum(frame["reason"] == "duplicate" for frame in frames[20:32]) >= 10


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_of_any_orientation_come_out_as_seen(
    workspace: Workspace, tmp_path: Path, views: list[np.ndarray], orientation: int
) -> None:
    (tmp_path / "photos").mkdir()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    for i, view in enumerate(views[:3]):
        Image.fromarray(view).save(tmp_path / "photos" / f"{i}.png", exif=exif)
    for view, frame in zip(views, capture(workspace, tmp_path / "photos")["frames"], strict=False):
        written = workspace.frames / frame["image"]
        with Image.open(written) as image:
            assert image.getexif().get(ExifTags.Base.Orientation, 1) == 1  # applied, so no other tool turns it again
        assert np.abs(images.read_image(written).astype(int) - images.turned(view, orientation)).mean() < 3


def test_too_few_frames_for_the_motion_are_warned_of(
    workspace: Workspace, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture(workspace, clip)
    assert "warning" not in capsys.readouterr().out
    capture(workspace, clip, target_count=3)
    assert "of 3 kept frames share less than 60% of the picture" in capsys.readouterr().out


def test_exposure_jumps_and_blur_are_noted(workspace: Workspace, tmp_path: Path, views: list[np.ndarray]) -> None:
    filmed = [view for i, view in enumerate(views) if i % 4 != 3]
    filmed[20:26] = [cv2.blur(view, (9, 9)) for view in filmed[20:26]]
    filmed[34:] = [(view * 0.6).astype(np.uint8) for view in filmed[34:]]
    frames = capture(workspace, write_video(tmp_path / "noted.mp4", filmed, fps=20, crf=6))["frames"]
    assert [f["source_index"] for f in frames if "exposure jump" in f["notes"]] == [34]
    assert [f["source_index"] for f in frames if "blur run" in f["notes"]] == list(range(20, 26))
    assert frames[34]["exposure"] == pytest.approx(frames[33]["exposure"] * 0.6**2.2, rel=0.1)


def test_memory_and_disk_do_not_grow_with_the_video(tmp_path: Path, views: list[np.ndarray]) -> None:
    def peak_of(n_rounds: int, run: str) -> int:
        frames = [view for _ in range(n_rounds) for view in (*views, *views[::-1])]
        path = write_video(tmp_path / f"{n_rounds}.mp4", frames, fps=20, crf=25)
        tracemalloc.start()
        capture(Workspace(tmp_path / run), path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_of(1, "first")  # what is loaded once
    assert peak_of(6, "long") < peak_of(1, "short") + 60 * H * W * 3  # of 600 frames more


def test_noise_is_still_a_capture(workspace: Workspace, tmp_path: Path) -> None:
    """That noise makes no scene is for the poses stage to say."""
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (H, W, 3), dtype=np.uint8) for _ in range(20)]
    assert len(capture(workspace, write_video(tmp_path / "noise.mp4", noise, fps=10))["frames"]) == 20


# ---- photos --------------------------------------------------------------------------------------------------------


def test_photos_are_copied_byte_for_byte(workspace: Workspace, tmp_path: Path, views: list[np.ndarray]) -> None:
    folder = photo_folder(tmp_path / "photos", views[:5], "jpg")
    report = capture(workspace, folder)
    assert [frame["name"] for frame in report["frames"]] == ["IMG_08", "IMG_09", "IMG_10", "IMG_11", "IMG_12"]
    assert all(frame["kept"] for frame in report["frames"]) and report["shared_camera"]
    for frame in report["frames"]:
        assert (workspace.frames / frame["image"]).read_bytes() == (folder / frame["source_name"]).read_bytes()


def test_photos_are_downscaled_with_their_focal_length(
    workspace: Workspace, tmp_path: Path, views: list[np.ndarray]
) -> None:
    (tmp_path / "photos").mkdir()
    for i, view in enumerate(views[:4]):
        exif = Image.Exif()
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = 26
        Image.fromarray(view).save(tmp_path / "photos" / f"{i}.jpg", exif=exif)
    report = capture(workspace, tmp_path / "photos", max_size=80)
    assert {frame["exif_focal_px"] for frame in report["frames"]} == {None}  # the prior stands for all
    assert report["size_hw"] == [45, 80] and report["shared_camera"]
    assert report["focal_prior_px"] == pytest.approx(26 * np.hypot(45, 80) / np.hypot(24, 36), rel=1e-4)
    assert images.read_image(workspace.frames / "2.jpg").shape == (45, 80, 3)


def test_photos_keep_their_gps(workspace: Workspace, tmp_path: Path, views: list[np.ndarray]) -> None:
    (tmp_path / "photos").mkdir()
    for i, view in enumerate(views[:4]):
        exif = Image.Exif()
        exif[ExifTags.Base.Make] = "phone"
        if i != 1:
            gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
            gps |= {ExifTags.GPS.GPSLatitudeRef: "S", ExifTags.GPS.GPSLatitude: (33.0, 30.0, 18.0 + i)}
            gps |= {ExifTags.GPS.GPSLongitudeRef: "E", ExifTags.GPS.GPSLongitude: (151.0, 0.0, 36.0)}
        Image.fromarray(view).save(tmp_path / "photos" / f"{i}.jpg", exif=exif)
    fixes = [frame["gps"] for frame in capture(workspace, tmp_path / "photos", max_size=80)["frames"]]
    assert fixes[1] is None and fixes[0]["altitude_m"] is None
    assert fixes[3]["latitude_deg"] == pytest.approx(-(33.5 + 21 / 3600))
    assert fixes[3]["longitude_deg"] == pytest.approx(151.01)


def test_two_lenses_do_not_share_a_camera(workspace: Workspace, tmp_path: Path, views: list[np.ndarray]) -> None:
    (tmp_path / "photos").mkdir()
    for i, view in enumerate(views[:4]):
        exif = Image.Exif()
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = 13 if i == 2 else 26
        Image.fromarray(view).save(tmp_path / "photos" / f"{i}.jpg", exif=exif)
    report = capture(workspace, tmp_path / "photos")
    focals = [frame["exif_focal_px"] for frame in report["frames"]]
    assert not report["shared_camera"] and report["focal_prior_px"] is None
    assert focals[2] == pytest.approx(focals[0] / 2, rel=1e-4)


def test_empty_alpha_is_kept(workspace: Workspace, tmp_path: Path, views: list[np.ndarray]) -> None:
    alpha = np.tile(np.linspace(0, 255, W).astype(np.uint8), (H, 1))
    folder = photo_folder(tmp_path / "photos", [np.dstack([view, alpha]) for view in views[:4]])
    report = capture(workspace, folder, max_size=80, alpha="empty")
    assert images.read_image(workspace.frames / report["frames"][0]["image"]).shape == (45, 80, 4)
    assert report["frames"][0]["mask"] is None


def test_duplicates_are_dropped(workspace: Workspace, tmp_path: Path, views: list[np.ndarray]) -> None:
    folder = photo_folder(tmp_path / "photos", [*views[:4], views[1]])
    images.write_image(folder / "IMG_20.jpg", views[2])  # the same picture, compressed
    reasons = [frame["reason"] for frame in capture(workspace, folder)["frames"]]
    assert reasons == [None, None, None, None, "duplicate", "duplicate"]


def test_small_copies_of_photos_are_dropped(workspace: Workspace, tmp_path: Path, views: list[np.ndarray]) -> None:
    """Thumbnails beside the photos: the same view twice, and perhaps on both sides of what is held out."""
    folder = photo_folder(tmp_path / "photos", views[:8:2])
    for i, size in enumerate(((100, 56), (80, 45), (64, 36))):
        small = np.asarray(Image.fromarray(views[2 * i]).resize(size, Image.Resampling.BICUBIC))
        images.write_image(folder / f"z_thumb_{i}.jpg", small)
    reasons = [frame["reason"] for frame in capture(workspace, folder)["frames"]]
    assert reasons == [None] * 4 + ["duplicate"] * 3


def test_of_a_photo_and_a_small_copy_that_comes_first_the_photo_is_kept(
    workspace: Workspace, tmp_path: Path, views: list[np.ndarray]
) -> None:
    folder = photo_folder(tmp_path / "photos", views[:8:2])
    small = np.asarray(Image.fromarray(views[2]).resize((100, 56), Image.Resampling.BICUBIC))
    images.write_image(folder / "a_copy.jpg", small)
    frames = capture(workspace, folder)["frames"]
    assert [frame["reason"] for frame in frames] == ["duplicate"] + [None] * 4
    assert [frame["source_index"] for frame in frames] == list(range(5))


def test_other_exposures_and_edited_copies_are_one_view(
    workspace: Workspace, tmp_path: Path, views: list[np.ndarray]
) -> None:
    """Brackets of a drone and what a phone's editor saves beside the photo; steps of the camera stay what they are."""
    folder = photo_folder(tmp_path / "photos", views[:8:2])
    for name, tones in {
        "dark": lambda v: 0.5 * v,
        "bright": lambda v: 1.2 * v,
        "curve": lambda v: 255 * (v / 255) ** 0.7,
    }.items():
        images.write_image(folder / f"z_{name}.jpg", np.clip(tones(views[2].astype(float)), 0, 255).astype(np.uint8))
    reasons = [frame["reason"] for frame in capture(workspace, folder)["frames"]]
    assert reasons == [None] * 4 + ["duplicate"] * 3


def test_more_pictures_in_one_file_are_told(
    workspace: Workspace, tmp_path: Path, views: list[np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    """Stereo pairs, pages and animations; a gain map or a preview is no second picture."""
    folder = photo_folder(tmp_path / "photos", views[:3])
    first, second = (Image.fromarray(view) for view in views[20:22])
    first.save(folder / "stereo.mpo", format="MPO", save_all=True, append_images=[second])
    second.save(folder / "animated.webp", save_all=True, append_images=[first], lossless=True)
    assert cv2.imwritemulti(str(folder / "pages.tif"), [views[30], views[34]])
    Image.fromarray(views[40]).save(
        folder / "gain.jpg", format="MPO", save_all=True, append_images=[first.convert("L").resize((40, 30))]
    )
    assert len(capture(workspace, folder)["frames"]) == 7
    assert "3 of 7 files hold several pictures (animated.webp: 2)" in capsys.readouterr().out


def test_what_is_not_read_in_a_folder_of_photos_is_counted(
    workspace: Workspace, tmp_path: Path, views: list[np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = photo_folder(tmp_path / "photos", views[:4])
    Image.fromarray(views[20]).save(folder / "saved.jfif", format="JPEG")
    for name in (".IMG_1.HEIC.icloud", "IMG_2.jpg.crdownload", "VID_3.insv", ".DS_Store", "notes.part"):
        (folder / name).write_bytes(b"x")
    (tmp_path / "elsewhere").mkdir()
    photo_folder(tmp_path / "elsewhere/more", views[10:12])
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "linked/more/round").symlink_to(folder)
    report = capture(workspace, folder)
    said = capsys.readouterr().out
    assert [frame["source_name"] for frame in report["frames"]][-1] == "saved.jfif" and len(report["frames"]) == 5
    assert "5 of 8 pictures and films are read; left out: 1 " in said and said.count("1 .icloud (not downloaded") == 1
    assert "1 .crdownload (not" in said and "1 .insv (films" in said
    assert "2 more photos lie in sub-folders and are left out (linked/more/ 2)" in said


def test_ten_bits_in_sixteen_are_warned_of(
    workspace: Workspace, tmp_path: Path, views: list[np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos").mkdir()
    for i, view in enumerate(views[:4]):
        assert cv2.imwrite(str(tmp_path / f"photos/{i}.png"), view.astype(np.uint16) * 16)
    capture(workspace, tmp_path / "photos")
    assert "nearly black" in capsys.readouterr().out


def test_photos_held_upright_are_turned_into_the_same_camera(
    workspace: Workspace, tmp_path: Path, views: list[np.ndarray]
) -> None:
    """The sensor's own layout is what all photos of one phone share."""
    (tmp_path / "photos").mkdir()
    for i, view in enumerate(views[:5]):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 6 if i == 3 else 1
        Image.fromarray(view).save(tmp_path / "photos" / f"{i}.png", exif=exif)
    report = capture(workspace, tmp_path / "photos")
    assert report["size_hw"] == [H, W] and report["shared_camera"]
    assert [frame["rotated_by_orientation"] for frame in report["frames"]] == [None, None, None, 1, None]
    written = images.read_image(workspace.frames / report["frames"][3]["image"])
    assert np.abs(written.astype(int) - views[3]).mean() < 3


@pytest.mark.parametrize(
    ("stems", "expected"),
    [
        (["a", "b"], ["a", "b"]),
        (["2", "10"], ["02", "10"]),
        (["a b", "a c"], ["a_b", "a_c"]),
        (["x", "x"], ["00000_x", "00001_x"]),  # x.jpg and x.png
        (["ä", "ö"], ["00000__", "00001__"]),
    ],
)
def test_names_sort_in_order_of_capture(stems: list[str], expected: list[str]) -> None:
    assert ordered_names(stems) == expected


# ---- bad input -----------------------------------------------------------------------------------------------------


def test_source_not_set(workspace: Workspace) -> None:
    refused(workspace, None, r"capture\.source is not set")


def test_telemetry_beside_a_film_is_not_passed_over(workspace: Workspace, clip: Path, tmp_path: Path) -> None:
    film = tmp_path / "DJI_0001.mp4"
    film.write_bytes(clip.read_bytes())
    film.with_suffix(".SRT").write_text("[latitude: 47.3] [longitude: 8.5]")
    (tmp_path / "other.SRT").write_text("subtitles of another film")
    capture_frames(workspace, source=film)
    (warning,) = [line for line in stage_warnings(workspace)["frames"] if "beside the film" in line]
    assert "DJI_0001.SRT" in warning and "other" not in warning


def test_missing_source(workspace: Workspace, tmp_path: Path) -> None:
    refused(workspace, tmp_path / "gone.mp4", "no such file or folder")


def test_empty_folder(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    refused(workspace, tmp_path / "photos", "empty")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("transforms.json", "dataset=transforms dataset.path="),
        ("transforms_train.json", "dataset=blender dataset.path="),
        ("groundtruth.txt", "dataset=tum dataset.path="),
        ("walk.mp4", r"holds a video and no photos.*walk\.mp4"),
        ("IMG_1.HEIC", r"holds no images.*1 \.heic.*Convert"),
        ("notes.txt", r"holds no images \(\.jpg.*1 \.txt"),
    ],
)
def test_folder_without_images_says_what_to_do(workspace: Workspace, tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / name).write_text("{}")
    refused(workspace, tmp_path / "photos", message)


def test_photos_one_level_down(workspace: Workspace, tmp_path: Path, views: list[np.ndarray]) -> None:
    photo_folder(tmp_path / "images", views[:3])
    refused(workspace, tmp_path, r"its photos lie lower.*images")
    (tmp_path / "groundtruth.txt").touch()
    refused(workspace, tmp_path, r"dataset=tum dataset.path=.* To find others: capture.source=.*/images")


def test_text_named_mp4(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("a letter")
    refused(workspace, tmp_path / "a.mp4", "not a video")


def test_one_image(workspace: Workspace, tmp_path: Path, views: list[np.ndarray]) -> None:
    folder = photo_folder(tmp_path / "photos", views[:1])
    refused(workspace, folder / "IMG_8.png", "is one image")
    refused(workspace, folder, "only 1 of 1 photos")


def test_twelve_identical_images(workspace: Workspace, tmp_path: Path, views: list[np.ndarray]) -> None:
    folder = photo_folder(tmp_path / "photos", [views[0]] * 12)
    refused(workspace, folder, r"only 1 of 12 photos show different views \(11 duplicate\)")


def test_images_of_two_sizes(workspace: Workspace, tmp_path: Path, views: list[np.ndarray]) -> None:
    folder = photo_folder(tmp_path / "photos", [*views[:6], views[7][:60, :100]])
    report = capture(workspace, folder)
    assert not report["shared_camera"] and report["size_hw"] == [H, W]
    assert [frame["camera"] for frame in report["frames"]] == [0] * 6 + [1]
    sizes = [images.read_image(workspace.frames / frame["image"]).shape[:2] for frame in report["frames"]]
    assert sizes == [(H, W)] * 6 + [(60, 100)]


def test_damaged_photos_are_named_and_left_out(
    workspace: Workspace, tmp_path: Path, views: list[np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = photo_folder(tmp_path / "photos", views[:6], "jpg")
    (folder / "a.jpg").write_text("text")
    (folder / "b.png").touch()
    data = (folder / "IMG_9.jpg").read_bytes()
    (folder / "IMG_9.jpg").write_bytes(data[: len(data) // 2])
    frames = capture(workspace, folder)["frames"]
    assert [f["source_name"] for f in frames if f["reason"] == "damaged"] == ["a.jpg", "b.png", "IMG_9.jpg"]
    assert sum(f["kept"] for f in frames) == 5
    said = capsys.readouterr().out
    assert said.count("warning:") == 1 and "3 of 8 photos are left out" in said
    assert all(name in said for name in ("a.jpg", "b.png", "IMG_9.jpg", "cut off"))


def test_damaged_photos_alone_are_refused(workspace: Workspace, tmp_path: Path, views: list[np.ndarray]) -> None:
    folder = photo_folder(tmp_path / "photos", views[:2], "jpg")
    for file in folder.iterdir():
        file.write_text("text")
    message = refused(workspace, folder, "2 of 2 images cannot be read")
    assert "IMG_8.jpg" in message and "IMG_9.jpg" in message


def test_tripod_video(workspace: Workspace, tmp_path: Path, views: list[np.ndarray]) -> None:
    clip = write_video(tmp_path / "still.mp4", [views[0]] * 30, fps=10)
    refused(workspace, clip, r"only 1 of 30 frames show different views")


@pytest.mark.parametrize(("level", "word"), [(0, "black"), (3, "black"), (255, "white")])
def test_a_film_of_nothing(workspace: Workspace, tmp_path: Path, level: int, word: str) -> None:
    clip = write_video(tmp_path / "cap.mp4", [np.full((H, W, 3), level, np.uint8)] * 20, fps=10)
    refused(workspace, clip, f"are {word} all over")


def test_a_cut_to_another_place_is_warned_of(workspace: Workspace, tmp_path: Path, texture: np.ndarray) -> None:
    first = [np.ascontiguousarray(texture[40 : 40 + H, i : i + W]) for i in range(30)]
    second = [np.ascontiguousarray(255 - texture[100 : 100 + H, 300 + i : 300 + i + W]) for i in range(30)]
    clip = write_video(tmp_path / "takes.mp4", [*first, *second], fps=20, crf=6)
    frames = capture(workspace, clip)["frames"]
    assert [i for i, frame in enumerate(frames) if "cut" in frame["notes"]] == [30]
    assert any("the film is cut at 1.5 s" in line for line in stage_warnings(workspace)["frames"])


def test_unknown_suffix(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "walk.xyz").write_text("?")
    refused(workspace, tmp_path / "walk.xyz", "expected a video")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("photos.zip", "is an archive. Unpack it"),
        ("walk.r3d", "is an archive. Unpack it"),
        ("IMG_%04d.jpg", "is a pattern of names. Give the folder: capture.source="),
        ("*.jpg", "is a pattern of names"),
        ("raw", "holds no images but raw ones"),
    ],
)
def test_other_things_that_people_give(workspace: Workspace, tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "photos.zip").write_bytes(b"PK")
    (tmp_path / "walk.r3d").write_bytes(b"PK")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/DSC_1.NEF").write_bytes(b"II*")
    refused(workspace, tmp_path / name, said)
    refused(workspace, Path("https://example.org/walk.mp4"), "is an address")
    refused(workspace, Path("file:///films/my%20walk.mp4"), "Give the plain path: capture.source=/films/my walk.mp4")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target_count": 1}, r"capture\.target_count=1"),
        ({"target_count": "many"}, r"capture\.target_count='many': expected auto or"),
        ({"target_count": 50}, r"over capture\.max_count=40"),
        ({"max_size": 8}, r"capture\.max_size=8"),
        ({"max_parallax": 0.0}, r"capture\.max_parallax"),
        ({"min_overlap": 1.5}, r"capture\.min_overlap"),
        ({"alpha": "black"}, r"capture\.alpha='black'"),
        ({"mask_fn": "no function"}, r"capture\.mask_fn='no function'"),
        ({"jpeg_quality": 400}, r"capture\.jpeg_quality"),
    ],
)
def test_impossible_settings(workspace: Workspace, clip: Path, changes: dict[str, Any], message: str) -> None:
    refused(workspace, clip, message, **changes)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_source(workspace: Workspace, clip: Path) -> None:
    clip.chmod(0)
    refused(workspace, clip, "no permission")


@pytest.mark.parametrize(
    ("photos", "marker", "said"),
    [
        ("rgb", "groundtruth.txt", "dataset=tum"),
        ("rgbd", "metadata", "dataset=record3d"),
        ("seq-01", "seq-01/frame-000000.pose.txt", "dataset=seven_scenes"),
        ("keyframes/images", "keyframes/cameras/1.json", "dataset=polycam"),
        ("images", "metadata", None),
    ],
)
def test_poses_that_came_with_the_photos_are_named(tmp_path: Path, photos: str, marker: str, said: str | None) -> None:
    (tmp_path / photos).mkdir(parents=True)
    (tmp_path / marker).parent.mkdir(exist_ok=True)
    (tmp_path / marker).touch()
    found = poses_beside(tmp_path / photos)
    assert found is None if said is None else found is not None and said in found
