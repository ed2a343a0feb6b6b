"""A body with three different arms, read back through each other program's own reader: lengths, axes and signs; far out too."""

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from readers import READERS
from rooms import box, workspace_of

from recon.export.settings import ExportSettings
from recon.export.stage import export_world
from recon.geometry.mesh import TriangleMesh
from recon.geometry.reconstruction import Reconstruction, Scale
from tests.default_settings import default_settings

METRES_PER_UNIT = 0.25
LOW, HIGH = (
    np.array([-0.1, -0.1, -0.1]),
    np.array([1.0, 2.0, 3.0]),
)  # metres: an arm along each axis, from about the origin
UTM = np.array([500_000.123, 5_200_000.456, 312.789])  # metres


def arms(folder: Path, *, metres_per_unit: float, at: np.ndarray) -> Path:
    """The package of the body `at` a place in metres."""
    bodies = []
    for axis in range(3):
        low, high = LOW.copy(), np.full(3, 0.1)
        high[axis] = HIGH[axis]
        bodies.append(box(tuple(high - low), tuple((high + low) / 2)).subdivide_to_size(0.4))
    body = trimesh.util.concatenate(bodies)
    workspace = workspace_of(
        folder, TriangleMesh((np.array(body.vertices) + at) / metres_per_unit, body.faces.astype(np.int32))
    )
    scale = Scale(metres_per_unit, "made so", 0.0)
    export_world(
        workspace,
        reconstruction=Reconstruction(views=(), scale=scale, is_up_aligned=True),
        settings=default_settings(ExportSettings, "export", verify=False),
    )
    return workspace.world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return arms(tmp_path_factory.mktemp("arms"), metres_per_unit=METRES_PER_UNIT, at=np.zeros(3))


@pytest.fixture(scope="module")
def far_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return arms(tmp_path_factory.mktemp("far"), metres_per_unit=1.0, at=UTM)


@pytest.mark.parametrize("reader", READERS)
def test_three_arms_have_their_lengths_along_their_axes(world: Path, reader: str) -> None:
    low, high = READERS[reader](world)
    assert high == pytest.approx(HIGH, rel=0.01), reader
    # Below the lowest arm contact geometry may reach as deep as a floor is thick: nobody sees it.
    beneath = 0.35 if "seen" not in reader else 0.0
    assert low[:2] == pytest.approx(LOW[:2], abs=0.01) and LOW[2] - beneath - 0.01 < low[2] < LOW[2] + 0.01


@pytest.mark.parametrize("reader", READERS)
def test_utm_coordinates_keep_millimetres(world: Path, far_world: Path, reader: str) -> None:
    origin = json.loads((far_world / "manifest.json").read_text())["origin_in_world"]["position"]
    near, far = READERS[reader](world), READERS[reader](far_world)
    assert far + origin - UTM == pytest.approx(near, abs=0.001), reader
