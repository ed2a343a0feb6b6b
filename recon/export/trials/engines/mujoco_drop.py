"""Load scene.xml in MuJoCo and drop spheres: `python mujoco_drop.py job.json`."""

import mujoco
import numpy as np
from drop_job import MASS, Job, run
from mujoco_place import held

_STIFF = 4.0  # time steps: stiff, and without a bounce


class MujocoWorld:
    def __init__(self, job: Job) -> None:
        spec = held(job.file)
        spec.option.gravity = [0, 0, -job.gravity]
        spec.option.timestep = job.timestep
        for position, radius in zip(job.starts, job.radii, strict=True):
            body = spec.worldbody.add_body(pos=position)
            body.add_freejoint()
            # contype 2 against conaffinity 1: spheres meet the world and never each other
            body.add_geom(
                type=mujoco.mjtGeom.mjGEOM_SPHERE,
                size=[radius, 0, 0],
                mass=MASS,
                contype=2,
                conaffinity=1,
                condim=6,
                friction=[job.friction, 0.02, 0.02 * radius],
                solref=[_STIFF * job.timestep, 1],
            )
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._n = len(job.starts)
        self._data.qvel.reshape(self._n, 6)[:, :3] = job.velocities
        mujoco.mj_forward(self._model, self._data)
        self.version = mujoco.__version__
        world = (self._model.geom_contype & 1) & (self._model.geom_bodyid <= self._first_free() - 1)
        self._world_geoms = np.flatnonzero(world)
        self.n_collisions = len(self._world_geoms)
        self.bounds = self._bounds()

    @property
    def warnings(self) -> list[str]:
        numbers = range(len(self._data.warning))
        return [mujoco.mjtWarning(i).name for i in numbers if self._data.warning[i].number]

    def step(self) -> None:
        mujoco.mj_step(self._model, self._data)

    def positions(self) -> np.ndarray:
        return self._data.qpos.reshape(self._n, 7)[:, :3].copy()

    def velocities(self) -> np.ndarray:
        return self._data.qvel.reshape(self._n, 6)[:, :3].copy()

    def slow(self, factor: float) -> None:
        self._data.qvel.reshape(self._n, 6)[:, [0, 1, 3, 4, 5]] *= factor

    def _first_free(self) -> int:
        return self._model.nbody - self._n

    def _bounds(self) -> np.ndarray:
        corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
        points = []
        for geom in self._world_geoms:
            mesh = self._model.geom_dataid[geom]
            if mesh >= 0:
                first, count = self._model.mesh_vertadr[mesh], self._model.mesh_vertnum[mesh]
                local = self._model.mesh_vert[first : first + count]
            else:
                local = corners * self._model.geom_size[geom]
            points.append(local @ self._data.geom_xmat[geom].reshape(3, 3).T + self._data.geom_xpos[geom])
        stacked = np.concatenate(points)
        return np.stack([stacked.min(0), stacked.max(0)])


if __name__ == "__main__":
    run(MujocoWorld)
