"""A field is what `recon.field.interface` says: another kind trains, scores, renders and meshes with nothing else changed."""

from pathlib import Path
from typing import Any

import pytest
import torch

from recon import kernels
from recon.field.field_file import load_trained_field
from recon.field.hash_grid import FieldShape, RadianceField
from recon.field.kinds import KINDS, empty_field
from recon.formats import cameras_json
from recon.formats.meshes import read_ply
from recon.pipeline import stages
from recon.pipeline.settings import Settings
from recon.workspace import Workspace, read_metrics
from recon.workspace.errors import UserError
from recon.workspace.settings import read_settings
from tests.field.dense_grid import KIND, DenseGrid
from tests.test_configs import composed
from tests.worlds import room_reconstruction

SMALL: dict[str, dict[str, Any]] = {
    "train": {"max_seconds": None, "max_steps": 400, "samples_per_step": 8192, "preview_count": 0},
    "views": {"seconds": 0.2, "max_size": 32},
    "mesh": {"fusion_views": 16, "fusion_max_side": 64, "agreement": 0.1, "max_faces": 2000, "texture_size": 128},
}


@pytest.fixture(autouse=True)
def _dense_grid(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(KINDS, "dense_grid", KIND)
    yield
    kernels.use("reference")


def settings(backend: str, **field: Any) -> Settings:
    values = composed()
    values["field"] = {"kind": "dense_grid", "resolution": 48, "occupancy_resolution": 64, "steps_across": 128, **field}
    for group, changes in SMALL.items():
        values[group] |= changes
    return read_settings(Settings, "", {**values, "backend": backend})


@pytest.mark.slow
def test_a_dense_grid_goes_through_the_whole_pipeline(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    room = room_reconstruction(tmp_path / "room", 24, size_hw=(48, 64))
    cameras_json.write(workspace.cameras_json, room, root=tmp_path)
    workspace.config.write_text("")
    chosen = settings("auto")
    for stage in (stages.train, stages.evaluate, stages.render, stages.mesh):
        stage(workspace, chosen)
    assert isinstance(load_trained_field(workspace, device="cpu", backend="auto").field, DenseGrid)
    metrics = read_metrics(workspace)
    assert metrics["eval"]["psnr"] > 15 and metrics["views"]["interpolate"]["frames"] > 0
    mesh = read_ply(workspace.mesh / "mesh.ply")
    assert len(mesh.faces) > 200


@pytest.mark.skipif(not kernels.is_there("native"), reason="the native kernels are not built")
def test_kernels_are_chosen_by_the_field_not_by_the_device() -> None:
    kernels.use("native")
    shape = FieldShape(2, 2, 8, 4, 16, width=16, is_contracted=False, has_sky=False)
    assert RadianceField(shape).fused() is not None
    assert empty_field("dense_grid", {"resolution": 4, "is_contracted": False, "has_sky": False}).fused() is None
    kernels.use("reference")
    assert RadianceField(shape).fused() is None


def test_a_kind_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match=r"field\.kind='splats': expected hash_grid, dense_grid"):
        settings("auto", kind="splats")
    with pytest.raises(UserError, match=r"field\.resolution=0"):
        settings("auto", resolution=0)
    with pytest.raises(ValueError, match="splats"):
        empty_field("splats", {})


def test_a_dense_grid_reads_its_voxels() -> None:
    field = DenseGrid(KIND.shape(3, False, False))
    field.values.data[:, 1] = torch.arange(27.0)
    positions = torch.tensor([[-1.0, -1.0, -1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [1.0, -1.0, -1.0]])
    density, features = field.density(positions)
    assert features[:, 0].tolist() == pytest.approx([0.0, 13.0, 26.0, 2.0]) and (density == 1).all()
