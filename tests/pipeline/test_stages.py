"""The whole pipeline on a small film of the synthetic courtyard: from video to a world that MuJoCo loads."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recon.bench.synthetic.film import make_capture
from recon.formats.cameras_json import read_reconstruction
from recon.formats.meshes import read_ply
from recon.formats.video import read_video_info
from recon.workspace import Workspace, read_metrics

SMALL = [  # quick, not good: what matters here is that every stage hands the next one what it needs
    "capture.target_count=24",
    "poses.max_features=2048",
    "field.n_levels=6",
    "field.log2_table_size_open=14",
    "field.cells_per_pixel=0.2",
    "field.occupancy_resolution=64",
    "field.steps_across_open=128",
    "train.max_steps=500",
    "train.samples_per_step=8192",
    "train.preview_count=1",
    "train.preview_size=48",
    "evaluate.scale=0.25",
    "views.seconds=0.5",
    "views.max_size=64",
    "mesh.fusion_views=20",
    "mesh.agreement=0.08",
    "mesh.fusion_max_side=96",
    "mesh.max_faces=4000",
    "mesh.texture_size=256",
    "mesh.texture_photos=12",
    "export.max_parts=200",
    "export.drop_spheres=100",
    "export.drop_seconds=1.0",
]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("capture") / "sample"
    return make_capture(folder, seed=3, n_frames=40, size_hw=(240, 320), texel_m=0.008, crf=20)


@pytest.fixture
def arguments(film: Path, tmp_path: Path) -> list[str]:
    return [
        f"capture.source={film / 'video.mp4'}",
        f"truth={film / 'truth.json'}",
        f"workspace={tmp_path / 'run'}",
        "scale.known_distance_m=2.0",
        "scale.between=[0,9]",
        *SMALL,
    ]


@pytest.mark.slow
def test_from_video_to_world(run_script: Callable[..., Any], arguments: list[str], tmp_path: Path) -> None:
    ended = run_script("run", *arguments)
    assert ended.code == 0, ended.err[-3000:]
    workspace = Workspace(tmp_path / "run")
    check_poses(workspace)
    check_field_and_views(workspace)
    check_mesh_and_world(workspace)
    check_report(workspace)
    assert not list(workspace.root.rglob(".*")), "temporary files were left"
    check_second_run_skips(run_script("run", *arguments), workspace)


def check_poses(workspace: Workspace) -> None:
    metrics = read_metrics(workspace)
    posed = read_reconstruction(workspace)
    assert metrics["poses"]["registered"] == metrics["poses"]["total"] == len(posed.views) >= 20
    assert posed.is_up_aligned and posed.points is not None
    assert metrics["truth"]["camera_rms_m"] < 0.05
    assert metrics["truth"]["up_axis_error_deg"] < 3


def check_field_and_views(workspace: Workspace) -> None:
    metrics = read_metrics(workspace)
    assert metrics["train"]["steps"] == 500
    assert metrics["eval"]["psnr"] > 10 and np.isfinite(metrics["eval"]["flip"])
    assert list(workspace.field.glob("events.out.tfevents.*"))
    for suffix in ("", "_depth", "_normal"):
        info = read_video_info(workspace.views / f"interpolate{suffix}.mp4")
        assert info.n_frames == metrics["views"]["interpolate"]["frames"]


def check_mesh_and_world(workspace: Workspace) -> None:
    import mujoco

    mesh = read_ply(workspace.mesh / "mesh.ply")
    assert 500 < len(mesh.faces) <= 1.1 * 4000  # holes are closed after simplification
    for name in ("mesh.obj", "mesh.mtl", "mesh.png", "mesh.glb"):
        assert (workspace.mesh / name).stat().st_size > 0
    model = mujoco.MjModel.from_xml_path(str(workspace.world / "scene.xml"))
    mujoco.mj_step(model, mujoco.MjData(model))
    assert model.ngeom > 0
    world = read_metrics(workspace)["world"]
    assert world["loads"]["mujoco"] and world["drop"]["dropped"] > 0
    assert json.loads((workspace.world / "manifest.json").read_text())["scale"] is not None


def check_report(workspace: Workspace) -> None:
    page = workspace.report_html.read_text()
    assert "data:image" in page and "http://" not in page.replace("http://www.w3.org", "")


def check_second_run_skips(ended: Any, workspace: Workspace) -> None:
    assert ended.code == 0
    for stage in ("capture", "poses", "train", "evaluate", "render interpolate", "mesh", "export"):
        assert f"{stage}: up to date" in ended.out
