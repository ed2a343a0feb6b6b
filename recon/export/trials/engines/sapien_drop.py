"""Load an OBJ in SAPIEN and drop spheres: `python sapien_drop.py job.json`. `convex.obj` is taken apart by objects."""

import warnings
from pathlib import Path

import numpy as np
from drop_job import MASS, Job, run

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about a missing graphics driver: nothing is drawn
    import sapien


class SapienWorld:
    def __init__(self, job: Job) -> None:
        system = sapien.physx.PhysxCpuSystem()
        config = sapien.physx.get_scene_config()
        config.gravity = np.array([0, 0, -job.gravity])
        sapien.physx.set_scene_config(config)
        system = sapien.physx.PhysxCpuSystem()
        self._scene = sapien.Scene([system])
        self._scene.set_timestep(job.timestep)
        builder = self._scene.create_actor_builder()
        if Path(job.file).stem == "convex":
            builder.add_multiple_convex_collisions_from_file(job.file)
        else:
            builder.add_nonconvex_collision_from_file(job.file)
        place = builder.build_static("place")
        body = place.find_component_by_type(sapien.physx.PhysxRigidStaticComponent)
        self.n_collisions = len(body.collision_shapes)
        self.bounds = np.asarray(body.compute_global_aabb_tight())
        rough = sapien.physx.PhysxMaterial(job.friction, job.friction, 0.0)
        self._bodies = []
        for start, radius, velocity in zip(job.starts, job.radii, job.velocities, strict=True):
            builder = self._scene.create_actor_builder()
            density = MASS / (4 / 3 * np.pi * radius**3)
            builder.add_sphere_collision(radius=radius, material=rough, density=density)
            builder.collision_groups = [1, 1, 1 << 1, 0]  # a shared bit of the third word: never with each other
            entity = builder.build()
            entity.pose = sapien.Pose(start)
            sphere = entity.find_component_by_type(sapien.physx.PhysxRigidDynamicComponent)
            sphere.linear_velocity = velocity
            sphere.linear_damping = sphere.angular_damping = 0.0
            self._bodies.append(sphere)
        self.version, self.warnings = sapien.__version__, []

    def step(self) -> None:
        self._scene.step()

    def positions(self) -> np.ndarray:
        return np.array([body.entity.pose.p for body in self._bodies], float).reshape(-1, 3)

    def velocities(self) -> np.ndarray:
        return np.array([body.linear_velocity for body in self._bodies], float).reshape(-1, 3)

    def slow(self, factor: float) -> None:
        for body in self._bodies:
            body.linear_velocity = body.linear_velocity * np.array([factor, factor, 1.0], np.float32)
            body.angular_velocity = body.angular_velocity * np.float32(factor)


if __name__ == "__main__":
    run(SapienWorld)
