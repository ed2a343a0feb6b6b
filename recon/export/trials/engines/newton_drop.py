"""Load scene.usd in Newton (XPBD) and drop spheres: `python newton_drop.py job.json`."""

import newton
import numpy as np
import warp as wp
from drop_job import MASS, Job, run

_SPHERES = 2  # collision group: positive groups meet themselves and negative ones only, so spheres are -2
_WORLD = -1


class NewtonWorld:
    def __init__(self, job: Job) -> None:
        wp.config.quiet = True
        builder = newton.ModelBuilder(up_axis=newton.Axis.Z)
        builder.add_usd(job.file, load_visual_shapes=False)
        self._first = builder.body_count  # free things of the place come before the spheres, and are held
        for body in range(self._first):
            builder.body_mass[body] = builder.body_inv_mass[body] = 0.0
            builder.body_inertia[body] = builder.body_inv_inertia[body] = wp.mat33(0.0)
        self.n_collisions = builder.shape_count
        corners = [self._corners(builder, shape) for shape in range(builder.shape_count)]
        self.bounds = np.stack([np.min([c.min(0) for c in corners], 0), np.max([c.max(0) for c in corners], 0)])
        for start, radius in zip(job.starts, job.radii, strict=True):
            body = builder.add_body(xform=wp.transform(wp.vec3(*start.tolist()), wp.quat_identity()))
            config = newton.ModelBuilder.ShapeConfig(density=float(MASS / (4 / 3 * np.pi * radius**3)), mu=job.friction)
            builder.add_shape_sphere(body, radius=float(radius), cfg=config)
        spheres = list(range(self.n_collisions, builder.shape_count))
        for i, first in enumerate(spheres):
            for second in spheres[i + 1 :]:
                builder.add_shape_collision_filter_pair(first, second)
        self._model = builder.finalize(device="cpu")
        self._model.set_gravity((0.0, 0.0, -job.gravity))
        self._solver = newton.solvers.SolverXPBD(self._model, iterations=4)
        self._now, self._next = self._model.state(), self._model.state()
        self._control, self._timestep = self._model.control(), job.timestep
        self._set_velocities(np.concatenate([job.velocities, np.zeros_like(job.velocities)], 1))
        self.version, self.warnings = newton.__version__, []

    def step(self) -> None:
        self._now.clear_forces()
        contacts = self._model.collide(self._now)
        self._solver.step(self._now, self._next, self._control, contacts, self._timestep)
        self._now, self._next = self._next, self._now

    def positions(self) -> np.ndarray:
        return self._of_spheres(self._now.body_q)[:, :3]

    def velocities(self) -> np.ndarray:
        return self._of_spheres(self._now.body_qd)[:, :3]

    def slow(self, factor: float) -> None:
        velocities = self._of_spheres(self._now.body_qd)
        self._set_velocities(velocities * np.array([factor, factor, 1, factor, factor, factor]))

    def _of_spheres(self, values: wp.array | None) -> np.ndarray:
        """Rows [n, k] of the spheres among those of all bodies; a model without any body has None."""
        return np.zeros((0, 6)) if values is None else values.numpy()[self._first :].astype(float)

    def _set_velocities(self, values: np.ndarray) -> None:
        if len(values):
            every = np.concatenate([np.zeros((self._first, 6)), values]).astype(np.float32)
            self._now.body_qd.assign(every)
            self._now.joint_qd.assign(every.reshape(-1))

    @staticmethod
    def _corners(builder, shape: int) -> np.ndarray:  # type: ignore[no-untyped-def]
        local = np.asarray(builder.shape_source[shape].vertices, float) * np.array(builder.shape_scale[shape])
        pose, body = builder.shape_transform[shape], builder.shape_body[shape]
        if body >= 0:
            pose = wp.transform_multiply(wp.transform(*builder.body_q[body]), wp.transform(*pose))
        turn = np.array(wp.quat_to_matrix(wp.transform_get_rotation(pose))).reshape(3, 3)
        return local @ turn.T + np.array(wp.transform_get_translation(pose))


if __name__ == "__main__":
    run(NewtonWorld)
