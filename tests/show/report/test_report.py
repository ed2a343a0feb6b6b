"""The report: whole with nothing run, whole with everything run, escaped, self-contained, of bounded size."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from recon.formats import cameras_json
from recon.formats.images import write_image
from recon.geometry import Camera, Points, Reconstruction, Scale, View
from recon.show.report.sections import split_panels, spread
from recon.show.report.stage import write_report
from recon.workspace import Workspace, mark_finished, read_json, read_metrics, write_json, write_metrics
from recon.workspace.errors import UserError

VOID = {"meta", "img", "br", "link", "input", "hr", "path", "circle", "rect", "line"}


class Tags(HTMLParser):
    """Checks that tags nest and gathers links."""

    def __init__(self):
        super().__init__()
        self.open, self.links, self.titles = [], [], []

    def handle_starttag(self, tag, attributes):
        self.links += [value for name, value in attributes if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.titles.append(data)


def parsed(workspace) -> tuple[str, Tags]:
    page = write_report(workspace).read_text()
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    return page, tags


def picture(h=40, w=52, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (h, w, 3), dtype=np.uint8)


def full_run(root: Path, n: int = 11) -> Workspace:
    workspace = Workspace(root)
    evil = "<script>alert('x')</script>"
    for folder in (workspace.frames, workspace.held_out, workspace.mesh, workspace.field, workspace.views / "orbit"):
        folder.mkdir(parents=True)
    views = []
    for i in range(n):
        write_image(workspace.frames / f"{i:03d}.png", picture(seed=i))
        pose = np.eye(4)
        pose[:2, 3] = i, i * i / 10
        camera = Camera("PINHOLE", (40, 52), 50, 50, 26, 20)
        views.append(View(f"{i:03d}", workspace.frames / f"{i:03d}.png", camera, pose))
    points = Points(np.random.default_rng(1).normal(size=(99, 3)), np.zeros((99, 3), np.uint8))
    scale = Scale(0.5, f"given {evil}", 0.01)
    cameras_json.write(
        workspace.cameras_json, Reconstruction(tuple(views), points, scale, is_up_aligned=True), root=workspace.root
    )
    records = [{"name": f"{i:03d}", "image": f"{i:03d}.png", "kept": True, "reason": None, "sharpness": 1.0 + i}
               for i in range(n)]  # fmt: skip
    records.append({"name": "x", "image": None, "kept": False, "reason": evil, "sharpness": 0.0})
    write_json(workspace.frames_json, {"frames": records})
    curve = {"steps": [0, 10, 20], "seconds": [0, 1, 2], "loss": [1, 0.1, None], "psnr_train": [5, 9, 11],
             "psnr_held_out": [[10, 8.0], [20, 10.0]]}  # fmt: skip
    write_json(workspace.field / "curve.json", curve)
    write_image(workspace.held_out / "000.png", picture(40, 4 * 52 + 12))
    write_metrics(workspace, "eval", {"psnr": 21.0, "ssim": 0.7, "lpips": None, "per_image": {
        "000": {"psnr": 21.0, "ssim": 0.7, "lpips": None}}})  # fmt: skip
    write_json(workspace.views / "orbit/cameras.json", {})
    write_image(workspace.views / "orbit/color_00000.png", picture())
    for i in range(4):
        write_image(workspace.mesh / f"mesh_{i}.png", picture(seed=20 + i))
    workspace.matching.mkdir()
    write_image(workspace.matching / "matching.png", picture())
    write_metrics(
        workspace, "matching", {"confirmed_fraction": 0.5, "plane_fraction": 0.2, "sky_fraction": 0.1, "views": n}
    )
    fractions = {"matched": 0.7, "plane": 0.18, "seen": 0.0, "filled": 0.09, "invented": 0.03, "sensor": 0.0}
    write_metrics(workspace, "mesh", {"verdict": f"good: {evil}", "evidence_fractions": fractions})
    write_metrics(workspace, "world", {
        "loads": {"mujoco": True, "pybullet": False}, "drop": {"p95_mm": 20.0, "dropped": 200, "lost": 3, "through": 0},
        "engines": {"mujoco": "pass", "pybullet": "3 of 200 lost", "gazebo": "not installed"}, "filled_area_m2": 4.25})  # fmt: skip
    write_metrics(workspace, "truth", {"f_score": 0.8, "note": evil})
    workspace.config.write_text(f"a: {evil}\n")
    from recon.workspace.console import take_warnings, warn

    take_warnings()
    warn(f"careful {evil}")
    mark_finished(workspace.mesh, "key", settings={}, seconds=1.0)
    return workspace


def test_nothing_run(tmp_path):
    for name in ("config.yaml", "report.html"):  # an earlier page of nothing
        (tmp_path / name).touch()
    (tmp_path / ".scratch.1.tmp").mkdir()  # of the command itself
    with pytest.raises(UserError, match="nothing has run there yet"):
        write_report(Workspace(tmp_path))
    (tmp_path / "frames").mkdir()
    page, tags = parsed(Workspace(tmp_path))
    assert page.count("not run") >= 9 and "Frames" in tags.titles and "Settings" in tags.titles


def test_everything_run(tmp_path):
    page, tags = parsed(full_run(tmp_path))
    assert "not run" not in page and "left out" not in page and "Against the truth" in tags.titles
    for expected in ("11 of 12 frames kept", "21.00 dB", "mujoco", "20 mm", "careful", "pybullet", "0.5 m"):
        assert expected in page, expected
    for sentence in ("50% of the pixels of 11 pictures are matched", "20% have no sure depth", "12% was seen by no picture",
                     "does not pass its trials: pybullet: 3 of 200 lost.", "3 of 200 dropped spheres went wrong",
                     "4.2 square metres of it are closed"):  # fmt: skip
        assert sentence in page, sentence
    assert "gazebo: not installed" not in page and "scale is unknown" not in page
    assert "1 of 2" in page and "simulators load it: mujoco<" in page


def test_millimetres_of_an_unknown_scale_are_called_so(tmp_path):
    workspace = full_run(tmp_path)
    write_metrics(workspace, "poses", {"scale": None})
    write_metrics(workspace, "world", {"engines": {"mujoco": "pass"}, "drop": {"p95_mm": 20.0, "dropped": 9}})
    page, _ = parsed(workspace)
    assert (
        "as if the scene&#x27;s diagonal measured" in page
        and "scale unknown: its size is assumed" in page
        and "passes every trial" in page
    )
    assert page.count("<svg") == 1 + 2 + 2  # sharpness, two maps, two charts


def test_text_is_escaped_and_nothing_is_linked(tmp_path):
    page, tags = parsed(full_run(tmp_path))
    assert "<script" not in page
    assert all(link.startswith("data:image/jpeg;base64,") for link in tags.links)
    assert not re.search(r"https?://", page)


@pytest.mark.parametrize("stage", ["frames", "poses", "field", "held_out", "views", "mesh"])
def test_any_stage_may_be_missing(tmp_path, stage):
    workspace = full_run(tmp_path / "run")
    getattr(workspace, stage).rename(tmp_path / "away")
    parsed(workspace)


def test_given_poses_show_their_photos(tmp_path):
    workspace = full_run(tmp_path)
    workspace.frames_json.unlink()
    assert "11 photos with given poses" in parsed(workspace)[0]


def test_masks_are_told_with_the_share_that_counts(tmp_path):
    workspace = full_run(tmp_path)
    records = read_json(workspace.frames_json, made_by="")["frames"]
    (workspace.frames / "masks").mkdir()
    for i, record in enumerate(records[:11]):
        counts = np.full((40, 52), 255, np.uint8)
        counts[: 20 if i == 3 else 10] = 0
        write_image(workspace.frames / f"masks/{record['name']}.png", counts)
        record["mask"] = f"masks/{record['name']}.png"
    write_json(workspace.frames_json, {"frames": records})
    assert "11 of them have masks: 73% of their pixels count, 50% of the one that hides most." in parsed(workspace)[0]
    workspace.frames_json.unlink()
    assert "have masks" not in parsed(workspace)[0]


def test_a_broken_picture_is_left_out(tmp_path):
    workspace = full_run(tmp_path)
    (workspace.frames / "003.png").write_bytes(b"no picture")
    (workspace.mesh / "mesh_0.png").write_bytes(b"")
    parsed(workspace)


FOREIGN = (b"[]", b"5", b"null", b"", b"[" * 100_000, b'{"a": ' + b"1" * 5000 + b"}", b'{"a": "\xff"}')
WRONG = {"numbers": 5, "lists": [1, None], "nulls": None, "texts": "x", "objects": {"a": [{}]}}
KEYS = (
    "eval",
    "poses",
    "mesh",
    "world",
    "views",
    "frames",
    "warnings",
    "steps",
    "loss",
    "seconds",
    "attempts",
    "advice",
)
PLACES = ("metrics.json", "frames/frames.json", "field/curve.json", "mesh/stage.json", "poses/report.json")


@pytest.mark.parametrize("place", [*PLACES, "poses/cameras.json", "poses/doctor.json"])
def test_a_part_whose_files_were_changed_is_left_out_and_said(tmp_path, place, capsys):
    workspace = full_run(tmp_path)
    for content in FOREIGN:
        (tmp_path / place).write_bytes(content)
        parsed(workspace)
    for value in WRONG.values():
        doctor = {"format": "recon-doctor", "version": 1} if place.endswith("doctor.json") else {}
        write_json(tmp_path / place, {**doctor, **dict.fromkeys(KEYS, value)})
        _, tags = parsed(workspace)
        assert "Held-out views" in tags.titles and "Settings" in tags.titles
    capsys.readouterr()


def test_a_section_that_is_none_does_not_stop_a_stage(tmp_path):
    workspace = full_run(tmp_path)
    workspace.metrics_json.write_text('{"eval": 5, "stages": [1], "mesh": {"faces": 3}}')
    write_metrics(workspace, "world", {"loads": {}})
    assert read_metrics(workspace) == {"mesh": {"faces": 3}, "world": {"loads": {}}}


def test_size_stays_bounded(tmp_path):
    workspace = full_run(tmp_path, n=80)
    for i in range(40):  # noise is the worst case for JPEG
        write_image(workspace.held_out / f"{i:03d}.png", picture(480, 4 * 640 + 12, seed=i))
    assert write_report(workspace).stat().st_size < 8e6


def test_panels_and_spread():
    row = np.concatenate([np.full((5, 7 + 4, 3), i, np.uint8) for i in range(4)], axis=1)[:, :-4]
    assert [int(panel.mean()) for panel in split_panels(row)] == [0, 1, 2, 3]
    assert spread(range(100), 3) == [0, 50, 99] and spread([1, 2], 5) == [1, 2]


def test_what_many_engines_say_in_the_same_words_is_said_once(tmp_path):
    workspace = full_run(tmp_path)
    engines = {"mujoco": "nothing level to stand on", "sapien": "nothing level to stand on", "gltf": "pass"}
    write_metrics(workspace, "world", {"engines": engines, "loads": {}})
    page, _ = parsed(workspace)
    assert "does not pass its trials: mujoco, sapien: nothing level to stand on." in page
    assert "<span>mujoco, sapien</span>" in page  # and in the table of trials
