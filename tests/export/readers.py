"""The bounds [2, 3] of a package's geometry in metres, z up, each read back through the reader of another program."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh

CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)


def z_up(bounds: np.ndarray) -> np.ndarray:
    """Bounds [2, 3] of a y-up file with z up: x stays, its y is our z, its z our -y."""
    (x0, y0, z0), (x1, y1, z1) = bounds
    return np.array([[x0, -z1, y0], [x1, -z0, y1]])


def in_mujoco(world: Path, *, group: int) -> np.ndarray:
    import mujoco

    model = mujoco.MjModel.from_xml_path(str(world / "scene.xml"))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    points = []
    for geom in np.flatnonzero(model.geom_group == group):
        mesh = model.geom_dataid[geom]
        first, count = (model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]) if mesh >= 0 else (0, 0)
        local = model.mesh_vert[first : first + count] if mesh >= 0 else CORNERS * model.geom_size[geom]
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


def in_drake(world: Path, file: str) -> np.ndarray:
    pytest.importorskip("pydrake", reason="drake is not installed: its reading is not tested")
    from pydrake.geometry import Box, Role
    from pydrake.multibody.parsing import Parser
    from pydrake.multibody.plant import AddMultibodyPlantSceneGraph
    from pydrake.systems.framework import DiagramBuilder

    builder = DiagramBuilder()
    plant, scene_graph = AddMultibodyPlantSceneGraph(builder, time_step=0.001)
    Parser(plant).AddModels(str(world / file))
    plant.Finalize()
    diagram = builder.Build()
    query = scene_graph.get_query_output_port().Eval(scene_graph.GetMyContextFromRoot(diagram.CreateDefaultContext()))
    inspector, points = query.inspector(), []
    for shape in inspector.GetAllGeometryIds(Role.kProximity):
        known, hull = inspector.GetShape(shape), inspector.GetConvexHull(shape)
        if isinstance(known, Box):
            local = CORNERS * known.size() / 2
        else:
            local = np.array([hull.vertex(i) for i in range(hull.num_vertices())])
        points.append(query.GetPoseInWorld(shape).multiply(local.T).T)
    stacked = np.concatenate(points)
    return np.stack([stacked.min(0), stacked.max(0)])


def in_sapien(world: Path, file: str) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a missing graphics driver
        sapien = pytest.importorskip("sapien", reason="sapien is not installed: its reading is not tested")
    scene = sapien.Scene([sapien.physx.PhysxCpuSystem()])
    builder = scene.create_actor_builder()
    if file == "convex":
        builder.add_multiple_convex_collisions_from_file(str(world / "assets/convex.obj"))
    else:
        builder.add_nonconvex_collision_from_file(str(world / f"assets/{file}.obj"))
    place = builder.build_static("place").find_component_by_type(sapien.physx.PhysxRigidStaticComponent)
    return np.asarray(place.compute_global_aabb_tight(), float)


def in_newton(world: Path) -> np.ndarray:
    newton = pytest.importorskip("newton", reason="newton is not installed: its reading is not tested")
    import warp

    warp.config.quiet = True
    builder = newton.ModelBuilder(up_axis=newton.Axis.Z)
    builder.add_usd(str(world / "scene.usd"), load_visual_shapes=False)
    points = []
    for shape in range(builder.shape_count):
        local = np.asarray(builder.shape_source[shape].vertices, float) * np.array(builder.shape_scale[shape])
        pose = builder.shape_transform[shape]
        turn = np.array(warp.quat_to_matrix(warp.transform_get_rotation(pose))).reshape(3, 3)
        points.append(local @ turn.T + np.array(warp.transform_get_translation(pose)))
    stacked = np.concatenate(points)
    return np.stack([stacked.min(0), stacked.max(0)])


def in_habitat(world: Path, asset: str) -> np.ndarray:
    """As habitat-sim places a stage: its own up is y and its front -z, whatever the asset's are; ours is z up, with the same x."""
    dataset = json.loads((world / "scene.scene_dataset_config.json").read_text())
    (folder,) = dataset["stages"]["paths"][".json"]
    stage = json.loads((world / folder / "scene.stage_config.json").read_text())
    up, front = np.array(stage["up"], float), np.array(stage["front"], float)
    from_asset = np.stack([np.cross(front, up), up, -front])  # rows: right, up and back in the asset's axes
    points = trimesh.load(world / folder / stage[asset], force="mesh").vertices @ from_asset.T
    points = points * stage["scale"] * stage["units_to_meters"]
    return z_up(np.stack([points.min(0), points.max(0)]))


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
    "drake, parts of the SDF": lambda world: in_drake(world, "model.sdf"),
    "drake, parts of the URDF": lambda world: in_drake(world, "scene.urdf"),
    "sapien, parts": lambda world: in_sapien(world, "convex"),
    "sapien, triangles": lambda world: in_sapien(world, "static"),
    "newton, triangles of the USD": in_newton,
    "habitat, seen": lambda world: in_habitat(world, "render_asset"),
    "habitat, contact": lambda world: in_habitat(world, "collision_asset"),
    "obj, parts": lambda world: trimesh.load(world / "assets/convex.obj", force="mesh").bounds,
}
