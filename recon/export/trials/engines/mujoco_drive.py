"""Drive a small wheeled robot over scene.xml: `python mujoco_drive.py job.json`.

job.json: `lanes` [n, 4] (x, y, z of the start on the ground, heading), `lengths` [n]; for the walk a grid of where the
robot's centre may go: `free` (rows of 0 and 1), `origin`, `cell`, `walk_start` [4], `walk_steps`; `scale` of lengths and gravity.
Steering knows the grid and the robot's own pose, nothing of obstacles: what stops it is the world.
"""

import json
import sys
from pathlib import Path

import mujoco
import numpy as np
from mujoco_place import held

SPEED, TURN = 0.5, 1.5  # metres per second, radians per second
WHEEL, TRACK, BASE = 0.05, 0.13, 0.1  # radius; half distances of the wheels across and along
TIMESTEP = 0.002
STEERED, LOOKED = 5, 50  # time steps between two looks: at the heading on a lane, and about on a walk
LOOK = 0.45  # metres ahead that a walk tests for free floor


def robot(spec: mujoco.MjSpec, scale: float) -> None:
    """A box on four wheels, 2.5 kg, driven as a tank is."""
    chassis = spec.worldbody.add_body(name="robot")
    chassis.add_freejoint()
    size = [0.14 * scale, 0.1 * scale, 0.03 * scale]
    chassis.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=size, pos=[0, 0, 0.03 * scale], mass=1.7)
    for name, x, y in (("fl", 1, 1), ("fr", 1, -1), ("rl", -1, 1), ("rr", -1, -1)):
        wheel = chassis.add_body(name=name, pos=[x * BASE * scale, y * TRACK * scale, 0])
        wheel.add_joint(name=name, type=mujoco.mjtJoint.mjJNT_HINGE, axis=[0, 1, 0], damping=0.001)
        wheel.add_geom(
            type=mujoco.mjtGeom.mjGEOM_CYLINDER,
            size=[WHEEL * scale, 0.02 * scale, 0],
            quat=[0.70710678, 0.70710678, 0, 0],
            mass=0.2,
            friction=[0.9, 0.005, 0.0001],
        )
        motor = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        motor.set_to_velocity(kv=0.4 * scale**2)
        motor.forcerange, motor.forcelimited = [-1.5 * scale**2, 1.5 * scale**2], True


class Driver:
    def __init__(self, job: dict) -> None:
        self.scale = job["scale"]
        spec = held(job["file"])
        spec.option.gravity, spec.option.timestep = [0, 0, -9.81 * self.scale], TIMESTEP
        robot(spec, self.scale)
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self.body = self.model.body("robot").id
        self.at = self.model.jnt_qposadr[self.model.body_jntadr[self.body]]

    def place(self, start: np.ndarray) -> None:
        x, y, z, heading = start
        mujoco.mj_resetData(self.model, self.data)
        lift = (WHEEL + 0.01) * self.scale
        pose = [x, y, z + lift, np.cos(heading / 2), 0, 0, np.sin(heading / 2)]
        self.data.qpos[self.at : self.at + 7] = pose

    def step(self, forward: float, turn: float, n: int) -> None:
        """Go on by n time steps, asking for metres per second and radians per second."""
        left, right = forward - 2 * TRACK * turn, forward + 2 * TRACK * turn  # skidding eats half of a turn
        self.data.ctrl[:] = left / WHEEL, right / WHEEL, left / WHEEL, right / WHEEL
        mujoco.mj_step(self.model, self.data, nstep=n)

    @property
    def position(self) -> np.ndarray:
        return self.data.qpos[self.at : self.at + 3].copy()

    @property
    def rotation(self) -> np.ndarray:
        return self.data.xmat[self.body].reshape(3, 3)

    @property
    def heading(self) -> float:
        forward = self.rotation[:, 0]
        return float(np.arctan2(forward[1], forward[0]))

    @property
    def tilt_deg(self) -> float:
        return float(np.rad2deg(np.arccos(np.clip(self.rotation[2, 2], -1, 1))))


def turn_to(heading: float, wanted: float) -> float:
    """Radians per second that bring a heading round."""
    off = (wanted - heading + np.pi) % (2 * np.pi) - np.pi
    return float(np.clip(3 * off, -TURN, TURN))


def drive_lane(driver: Driver, start: np.ndarray, length: float) -> dict:
    """Along a straight line to its end, in at most twice the time that takes on a flat floor, plus a second."""
    driver.place(start)
    along = np.array([np.cos(start[3]), np.sin(start[3])])
    tilt, reached, aside = 0.0, 0.0, 0.0
    for step in range(0, int((2 * length / driver.scale / SPEED + 1) / TIMESTEP), STEERED):
        offset = driver.position[:2] - start[:2]
        aside = float(offset @ [-along[1], along[0]])
        wanted = start[3] - np.arctan(2 * aside / driver.scale)
        driver.step(SPEED, turn_to(driver.heading, wanted), STEERED)
        if step > 250:  # after it has settled on its wheels
            tilt = max(tilt, driver.tilt_deg)
        reached = float((driver.position[:2] - start[:2]) @ along)
        if reached >= length or driver.position[2] < start[2] - 0.5 * driver.scale:
            break
    return {"reached": reached, "length": length, "aside": abs(aside), "tilt_deg": tilt}


def walk(driver: Driver, job: dict) -> dict:
    """A random walk that turns where the floor ahead is not free; counts the steps beside or below the floor."""
    free, origin, cell = np.array(job["free"], bool), np.array(job["origin"]), job["cell"]
    heights = np.array(job["heights"], float)
    random = np.random.default_rng(0)

    def cell_at(point: np.ndarray) -> tuple[int, int]:
        column, row = np.round((point - origin) / cell).astype(int)
        return int(np.clip(row, 0, free.shape[0] - 1)), int(np.clip(column, 0, free.shape[1] - 1))

    def is_free(point: np.ndarray, heading: float, look: float = LOOK) -> bool:
        way = np.linspace(0.05, look, 6)[:, None] * driver.scale * np.array([np.cos(heading), np.sin(heading)])
        return all(free[cell_at(point + step)] for step in way)

    start = np.array(job["walk_start"])
    driver.place(start)
    wanted, beside, below, moved = start[3], 0, 0, 0.0
    last = driver.position[:2]
    for step in range(0, job["walk_steps"], LOOKED):
        here = driver.position
        moved += float(np.linalg.norm(here[:2] - last))
        last = here[:2]
        if not is_free(here[:2], wanted) or random.random() < 0.05:
            around = wanted + random.uniform(0.3, np.pi, 12) * random.choice([-1, 1], 12)
            wanted = next((h for h in around if is_free(here[:2], h)), wanted + np.pi)
        row, column = cell_at(here[:2])
        beside += bool(np.isnan(heights[row, column]))
        below += bool(here[2] < heights[row, column] - 0.05 * driver.scale)
        turn = turn_to(driver.heading, wanted)
        may_go = is_free(here[:2], driver.heading, LOOK / 2)  # else it turns where it stands
        ahead = SPEED * max(0.0, np.cos(wanted - driver.heading)) if may_go else 0.0
        driver.step(ahead, turn, min(LOOKED, job["walk_steps"] - step))
    return {"steps": job["walk_steps"], "metres": moved / driver.scale, "beside_floor": beside, "below_floor": below}


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    driver = Driver(job)
    lanes = [
        drive_lane(driver, np.array(lane), length) for lane, length in zip(job["lanes"], job["lengths"], strict=True)
    ]
    result = {"lanes": lanes, "walk": walk(driver, job)}
    np.savez(job["answer"])
    Path(job["answer"]).with_suffix(".json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
