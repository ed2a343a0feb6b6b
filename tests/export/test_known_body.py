"""A body with three different arms, read back through each other program's own reader: lengths, axes and signs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from rooms import box, workspace_of

from recon.export import export_world
from recon.export.settings import ExportSettings
from recon.geometry.mesh import TriangleMesh
from recon.geometry.reconstruction import Reconstruction, Scale
from tests.default_settings import default_settings

METRES_PER_UNIT = 0.25
LOW, HIGH = (
    np.array([-0.1, -0.1, -0.1]),
    np.array([1.0, 2.0, 3.0]),
)  # metres: an arm along each axis, from about the origin


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    arms = []
    for axis in range(3):
        low, high = LOW.copy(), np.full(3, 0.1)
        high[axis] = HIGH[axis]
        arms.append(box(tuple(high - low), tuple((high + low) / 2)).subdivide_to_size(0.4))
    body = trimesh.util.concatenate(arms)
    mesh = TriangleMesh(np.array(body.vertices) / METRES_PER_UNIT, body.faces.astype(np.int32))
    workspace = workspace_of(tmp_path_factory.mktemp("arms"), mesh)
    scale = Scale(METRES_PER_UNIT, "made so", 0.0)
    export_world(
        workspace,
        reconstruction=Reconstruction(views=(), scale=scale, is_up_aligned=True),
        settings=default_settings(ExportSettings, "export", verify=False),
    )
    return workspace.world


def z_up(bounds: np.ndarray) -> np.ndarray:
    """Bounds [2, 3] of a y-up file with z up: x stays, its y is our z, its z our -y."""
    (x0, y0, z0), (x1, y1, z1) = bounds
    return np.array([[x0, -z1, y0], [x1, -z0, y1]])


def in_mujoco(world: Path, *, group: int) -> np.ndarray:
    import mujoco

    model = mujoco.MjModel.from_xml_path(str(world / "scene.xml"))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    points = []
    for geom in np.flatnonzero(model.geom_group == group):
        mesh = model.geom_dataid[geom]
        first, count = (model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]) if mesh >= 0 else (0, 0)
        local = model.mesh_vert[first : first + count] if mesh >= 0 else corners * model.geom_size[geom]
        points.append(local @ data.geom_xmat[geom].reshape(3, 3).T + data.geom_xpos[geom])
    stacked = np.concatenate(points)
    return np.stack([stacked.min(0), stacked.max(0)])


def in_pybullet(world: Path, file: str) -> np.ndarray:
    bullet = pytest.importorskip("pybullet", reason="pybullet is not installed: its reading is not tested")
    client = bullet.connect(bullet.DIRECT)
    try:
        body = bullet.loadURDF(str(world / file), useFixedBase=True, physicsClientId=client)
        links = range(-1, bullet.getNumJoints(body, physicsClientId=client))
        solid = [link for link in links if bullet.getCollisionShapeData(body, link, physicsClientId=client)]
        boxes = np.array([bullet.getAABB(body, link, physicsClientId=client) for link in solid])
    finally:
        bullet.disconnect(client)
    return np.stack([boxes[:, 0].min(0), boxes[:, 1].max(0)])


def in_usd(world: Path, prim: str) -> np.ndarray:
    pytest.importorskip("pxr", reason="usd-core is not installed: its reading is not tested")
    from pxr import Usd, UsdGeom

    stage = Usd.Stage.Open(str(world / "scene.usd"))
    assert UsdGeom.GetStageUpAxis(stage) == "Z"
    every = [UsdGeom.Tokens.default_, UsdGeom.Tokens.guide]
    bound = UsdGeom.BBoxCache(Usd.TimeCode.Default(), every).ComputeWorldBound(stage.GetPrimAtPath(prim))
    limits = bound.ComputeAlignedRange()
    return UsdGeom.GetStageMetersPerUnit(stage) * np.array([limits.GetMin(), limits.GetMax()])


READERS: dict[str, Callable[[Path], np.ndarray]] = {
    "mujoco, seen": lambda world: in_mujoco(world, group=2),
    "mujoco, contact": lambda world: in_mujoco(world, group=3),
    "pybullet, parts": lambda world: in_pybullet(world, "scene.urdf"),
    "pybullet, triangles": lambda world: in_pybullet(world, "scene_concave.urdf"),
    "usd, seen": lambda world: in_usd(world, "/scene/Visual"),
    "usd, contact": lambda world: in_usd(world, "/scene/Collision"),
    "gltf, seen": lambda world: z_up(trimesh.load(world / "assets/visual.glb").bounds),
    "gltf, contact": lambda world: z_up(trimesh.load(world / "assets/static.glb").bounds),
    "obj, seen": lambda world: trimesh.load(world / "assets/visual.obj").bounds,
    "obj, parts": lambda world: trimesh.load(world / "assets/convex.obj", force="mesh").bounds,
}


@pytest.mark.parametrize("reader", READERS)
def test_three_arms_have_their_lengths_along_their_axes(world: Path, reader: str) -> None:
    low, high = READERS[reader](world)
    assert high == pytest.approx(HIGH, rel=0.01), reader
    # Below the lowest arm contact geometry may reach as deep as a floor is thick: nobody sees it.
    beneath = 0.35 if "seen" not in reader else 0.0
    assert low[:2] == pytest.approx(LOW[:2], abs=0.01) and LOW[2] - beneath - 0.01 < low[2] < LOW[2] + 0.01
