"""Load model.sdf or a URDF in Drake and drop spheres: `python drake_drop.py job.json`."""

from importlib.metadata import version

import numpy as np
from drop_job import MASS, Job, run
from pydrake.geometry import CollisionFilterDeclaration, GeometrySet, Role, Sphere
from pydrake.math import RigidTransform
from pydrake.multibody.math import SpatialVelocity
from pydrake.multibody.parsing import Parser
from pydrake.multibody.plant import AddMultibodyPlantSceneGraph, CoulombFriction
from pydrake.multibody.tree import SpatialInertia
from pydrake.systems.analysis import Simulator
from pydrake.systems.framework import DiagramBuilder


class DrakeWorld:
    def __init__(self, job: Job) -> None:
        builder = DiagramBuilder()
        self._plant, scene_graph = AddMultibodyPlantSceneGraph(builder, time_step=job.timestep)
        self._plant.mutable_gravity_field().set_gravity_vector([0, 0, -job.gravity])
        Parser(self._plant).AddModels(job.file)
        # Of Drake's own contact, as anybody's bodies are: how hard the place is, is the package's to say.
        friction, spheres = CoulombFriction(job.friction, job.friction), []
        self._bodies = []
        instance = self._plant.AddModelInstance("spheres")
        for number, radius in enumerate(job.radii):
            inertia = SpatialInertia.SolidSphereWithMass(MASS, radius)
            body = self._plant.AddRigidBody(f"sphere_{number}", instance, inertia)
            shape = self._plant.RegisterCollisionGeometry(body, RigidTransform(), Sphere(radius), "sphere", friction)
            spheres.append(shape)
            self._bodies.append(body)
        among = CollisionFilterDeclaration().ExcludeWithin(GeometrySet(spheres))
        scene_graph.collision_filter_manager().Apply(among)
        self._plant.Finalize()
        inspector = scene_graph.model_inspector()
        shapes = set(inspector.GetAllGeometryIds(Role.kProximity)) - set(spheres)
        self.n_collisions = len(shapes)
        self._simulator = Simulator(builder.Build())
        self._context = self._plant.GetMyMutableContextFromRoot(self._simulator.get_mutable_context())
        for body, start, velocity in zip(self._bodies, job.starts, job.velocities, strict=True):
            self._plant.SetFreeBodyPose(self._context, body, RigidTransform(start))
            self._plant.SetFreeBodySpatialVelocity(body, SpatialVelocity(np.zeros(3), velocity), self._context)
        self._simulator.Initialize()
        self._timestep = job.timestep
        self.bounds = self._bounds(inspector, shapes)
        self.version, self.warnings = version("drake"), []

    def step(self) -> None:
        self._simulator.AdvanceTo(self._simulator.get_context().get_time() + self._timestep)

    def positions(self) -> np.ndarray:
        pose = self._plant.EvalBodyPoseInWorld
        return np.array([pose(self._context, body).translation() for body in self._bodies]).reshape(-1, 3)

    def velocities(self) -> np.ndarray:
        velocity = self._plant.EvalBodySpatialVelocityInWorld
        return np.array([velocity(self._context, body).translational() for body in self._bodies]).reshape(-1, 3)

    def slow(self, factor: float) -> None:
        for body in self._bodies:
            velocity = self._plant.EvalBodySpatialVelocityInWorld(self._context, body)
            x, y, z = velocity.translational()
            slower = SpatialVelocity(factor * velocity.rotational(), np.array([factor * x, factor * y, z]))
            self._plant.SetFreeBodySpatialVelocity(body, slower, self._context)

    def _bounds(self, inspector, shapes) -> np.ndarray:  # type: ignore[no-untyped-def]
        corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
        points = []
        for shape in shapes:
            hull = inspector.GetConvexHull(shape)
            if hull is None:
                box = inspector.GetShape(shape).size() / 2
                local = corners * box
            else:
                local = np.array([hull.vertex(i) for i in range(hull.num_vertices())])
            body = self._plant.GetBodyFromFrameId(inspector.GetFrameId(shape))
            pose = self._plant.EvalBodyPoseInWorld(self._context, body) @ inspector.GetPoseInFrame(shape)
            points.append(pose.multiply(local.T).T)
        stacked = np.concatenate(points)
        return np.stack([stacked.min(0), stacked.max(0)])


if __name__ == "__main__":
    run(DrakeWorld)
