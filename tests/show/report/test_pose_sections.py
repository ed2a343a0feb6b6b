"""The page about poses: from a synthetic COLMAP model, whole and spoilt, to HTML that nests and says what was found."""

import re
from pathlib import Path

import numpy as np
import pycolmap
import pytest

from recon.formats import cameras_json
from recon.formats.frame_set import FrameImage, FrameSet
from recon.formats.images import write_image
from recon.poses.doctor import diagnose
from recon.poses.sfm.colmap_model import reconstruction_of
from recon.show.report.coverage_map import VIEWS, coverage_map
from recon.show.report.link_matrix import link_matrix
from recon.show.report.stage import poses_reported, write_report
from recon.show.report.timeline import ROWS, describe, tick_places, timeline
from recon.workspace import Workspace, read_json, write_json
from recon.workspace.errors import UserError
from tests.show.report.test_report import Tags

SIZE_HW = (480, 640)
EVIL = "<script>alert(1)</script>"


def run_with_poses(root: Path, *, n: int = 12, failure: str | None = None, lost: int = 0) -> Workspace:
    """A run whose poses are a synthetic data set; the last `lost` frames have none."""
    workspace = Workspace(root)
    pycolmap.set_random_seed(1)
    options = pycolmap.SyntheticDatasetOptions()
    options.num_rigs, options.num_frames_per_rig, options.num_points3D = 1, n, 150
    options.camera_height, options.camera_width = SIZE_HW
    options.camera_params = [600.0, 320.0, 240.0, 0.0]
    workspace.poses.mkdir(parents=True)
    workspace.frames.mkdir()
    workspace.sfm.mkdir()
    with pycolmap.Database.open(workspace.sfm / "database.db") as database:
        model = pycolmap.synthesize_dataset(options, database)
    images = sorted(image.name for image in model.images.values())
    for image in images[n - lost :]:
        model.deregister_frame(model.find_image_with_name(image).frame_id)
    frames = tuple(FrameImage(f"{i:05d}", image, i / 4, None, SIZE_HW) for i, image in enumerate(images))
    rng = np.random.default_rng(0)
    for image in images:
        write_image(workspace.frames / image, rng.integers(0, 255, (12, 16, 3), dtype=np.uint8))
    records = [{"name": f.name, "image": f.image, "time_s": f.time_s, "sharpness": 0.4, "kept": True} for f in frames]
    write_json(workspace.frames_json, {"kind": "video", "shared_camera": True, "frames": records})
    reconstruction = reconstruction_of(model, FrameSet("video", frames, True), workspace.frames)
    value = diagnose(
        workspace, FrameSet("video", frames, True), database=workspace.sfm / "database.db",
        model=None if failure else reconstruction, unit="units", failure=failure,
    )  # fmt: skip
    if failure is not None:
        write_json(workspace.poses_failed, {**value, "attempts": [{"name": "careful", "registered": 2, "left": EVIL}]})
        return workspace
    cameras_json.write(workspace.cameras_json, reconstruction, root=root)
    write_json(workspace.doctor_json, value)
    write_json(
        workspace.poses / "report.json", {"attempts": [{"method": "incremental", "registered": n, "seconds": 1.5}]}
    )
    return workspace


def page(workspace: Workspace) -> str:
    html = write_report(workspace).read_text()
    tags = Tags()
    tags.feed(html)
    assert tags.open == [] and EVIL not in html and "http" not in html
    return html


def test_a_good_capture(tmp_path: Path) -> None:
    html = page(run_with_poses(tmp_path))
    assert html.count("all good: all 12 frames") == 2, "at the top and under Cameras"
    assert "No stretch is weaker" in html and "no pose" not in html.split("<style>")[0] + html.split("</style>")[1]
    assert "How poses were found" in html and "incremental" in html
    assert html.count("<svg") == 1 + 1 + 1 + 2 + 2  # sharpness, timeline, matrix, maps, coverage


def test_lost_frames_are_named_shaded_and_counted(tmp_path: Path) -> None:
    html = page(run_with_poses(tmp_path, lost=3))
    assert "frames 00009 to 00011 (00:02.2 to 00:02.8): no pose" in html
    assert html.count('class="band"') == 1 and re.search(r"with a pose</span></td><td><span>9<", html)


def test_a_failure_leaves_a_page(tmp_path: Path) -> None:
    html = page(run_with_poses(tmp_path, failure=f"nothing moves {EVIL}"))
    assert "The poses stage failed.</b> nothing moves &lt;script" in html
    assert "The attempt that failed" in html and "careful" in html and "seen by how many" not in html


def test_a_failure_beside_older_poses_shows_both(tmp_path: Path) -> None:
    workspace = run_with_poses(tmp_path / "good")
    failed = run_with_poses(tmp_path / "bad", failure="nothing moves")
    failed.poses_failed.rename(workspace.poses_failed)
    html = page(workspace)
    assert "nothing moves" in html and "those of an earlier attempt" in html and "all good" in html
    assert html.index("nothing moves") < html.index("all good")


def test_poses_without_an_examination_have_maps_only(tmp_path: Path) -> None:
    workspace = run_with_poses(tmp_path)
    (workspace.doctor_json).unlink()
    html = page(workspace)
    assert "from above (x right, y up)" in html and "held across" not in html


def test_a_file_of_another_version_is_left_out_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = run_with_poses(tmp_path)
    write_json(workspace.doctor_json, {"format": "recon-doctor", "version": 99})
    assert "left out" in write_report(workspace).read_text()
    assert re.search(r"Cameras is left out .*version 1.*poses\.py", capsys.readouterr().out.replace("\n", " "))


def test_300_frames_stay_small_and_whole(tmp_path: Path) -> None:
    frames = [{"name": f"{i:05d}", "time_code": "00:00.0", "state": "posed", "points": i % 50 + 1} for i in range(300)]
    links = {"first": [], "second": [], "weight": []}
    for i in range(300):
        for j in range(i + 1, min(i + 25, 300)):
            links["first"].append(i), links["second"].append(j), links["weight"].append(900 // (j - i))
    strip, matrix = timeline(frames, [5] * 299, []), link_matrix(frames, links, "shared")
    assert len(strip) < 150e3 and len(matrix) < 250e3 and strip.count("<title>") == 300


def test_the_matrix_draws_every_link_twice_and_nothing_else() -> None:
    frames = [{"name": str(i), "time_code": None, "state": "posed"} for i in range(6)]
    svg = link_matrix(frames, {"first": [0, 0, 2], "second": [1, 4, 3], "weight": [20, 20, 120]}, "t")
    cell = (520 - 62 - 6) / 6
    widths = {shade: sum(float(w) for w in re.findall(r"h(\d+\.\d+)v", path)) / cell
              for shade, path in re.findall(r'class="h(\d)" d="([^"]*)"', svg)}  # fmt: skip
    assert {shade: round(width, 1) for shade, width in widths.items()} == {"1": 4, "2": 0, "3": 2, "4": 0, "5": 6}


def test_coverage_cells_take_the_colour_of_their_class() -> None:
    views = [[None, 2, 3, 5], [9, 10, 400, None], [4, 6, None, 2]]
    svg = coverage_map(
        {"views": views, "low": [0, 0], "cell": 0.5}, "views", VIEWS, centers=np.zeros((2, 3)), title="t"
    )
    drawn = {style: svg.split(f'<path class="{style}"')[1].split('"')[1].count("M") for style, _, _ in VIEWS}
    assert drawn == {"h1": 2, "h2": 1, "h3": 2, "h4": 2, "h5": 2}


def test_hovering_says_everything_known() -> None:
    frame = {"name": "<b>", "time_code": "00:01.0", "state": "posed", "points": 1234, "error_px": None}
    assert describe(frame) == "<b> · 00:01.0 · posed · points seen 1,234"
    assert "&lt;b&gt;" in timeline([frame, frame], [3], []) and len({key for key, _ in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("n", "most"), [(1, 5), (7, 7), (60, 12), (299, 12), (1000, 3)])
def test_ticks_are_even_and_few(n: int, most: int) -> None:
    places = tick_places(n, most)
    assert places[0] == 0 and len(places) <= most and len(set(np.diff(places))) <= 1


def test_the_error_of_a_failed_stage_names_the_page(tmp_path: Path) -> None:
    workspace = run_with_poses(tmp_path, failure="nothing moves")
    with pytest.raises(UserError, match=r"nothing moves What was found: .*report\.html"), poses_reported(workspace):
        raise UserError("nothing moves")
    assert "nothing moves" in workspace.report_html.read_text()


def test_an_error_that_left_nothing_to_see_leaves_no_page(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^no frames$"), poses_reported(Workspace(tmp_path)):
        raise UserError("no frames")
    assert not Workspace(tmp_path).report_html.exists()


def test_the_stage_ends_with_its_sentences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with poses_reported(run_with_poses(tmp_path)):
        pass
    assert "poses: all good" in capsys.readouterr().out
    assert read_json(tmp_path / "poses/doctor.json", made_by="")["failure"] is None
