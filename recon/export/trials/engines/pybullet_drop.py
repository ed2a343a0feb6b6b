"""Load a scene URDF in PyBullet and drop spheres: `python pybullet_drop.py job.json`."""

import numpy as np
import pybullet as bullet
from drop_job import MASS, Job, run


class BulletWorld:
    def __init__(self, job: Job) -> None:
        bullet.connect(bullet.DIRECT)
        bullet.setGravity(0, 0, -job.gravity)
        bullet.setTimeStep(job.timestep)
        world = bullet.loadURDF(job.file, useFixedBase=True)
        links = range(-1, bullet.getNumJoints(world))
        shapes = [bullet.getCollisionShapeData(world, link) for link in links]
        self.n_collisions = sum(len(shape) for shape in shapes)
        boxes = [bullet.getAABB(world, link) for link, shape in zip(links, shapes, strict=True) if shape]
        self.bounds = np.array([np.min([box[0] for box in boxes], 0), np.max([box[1] for box in boxes], 0)])
        for link in links:
            bullet.setCollisionFilterGroupMask(world, link, 1, -1)
        self._bodies = []
        for start, radius, velocity in zip(job.starts, job.radii, job.velocities, strict=True):
            sphere = bullet.createCollisionShape(bullet.GEOM_SPHERE, radius=radius)
            body = bullet.createMultiBody(MASS, sphere, basePosition=start)
            bullet.setCollisionFilterGroupMask(body, -1, 2, 1)  # spheres meet the world and never each other
            bullet.changeDynamics(
                body,
                -1,
                lateralFriction=job.friction,
                rollingFriction=0.02 * radius,
                spinningFriction=0.02 * radius,
                restitution=0.0,
                linearDamping=0.0,
                angularDamping=0.0,
                ccdSweptSphereRadius=0.5 * radius,
                activationState=bullet.ACTIVATION_STATE_DISABLE_SLEEPING,
            )
            bullet.resetBaseVelocity(body, velocity)
            self._bodies.append(body)
        self.version, self.warnings = str(bullet.getAPIVersion()), []

    def step(self) -> None:
        bullet.stepSimulation()

    def positions(self) -> np.ndarray:
        return np.array([bullet.getBasePositionAndOrientation(body)[0] for body in self._bodies]).reshape(-1, 3)

    def velocities(self) -> np.ndarray:
        return np.array([bullet.getBaseVelocity(body)[0] for body in self._bodies]).reshape(-1, 3)

    def slow(self, factor: float) -> None:
        for body in self._bodies:
            (vx, vy, vz), spin = bullet.getBaseVelocity(body)
            bullet.resetBaseVelocity(body, (factor * vx, factor * vy, vz), [factor * w for w in spin])


if __name__ == "__main__":
    run(BulletWorld)
