"""Load a scene URDF in PyBullet, drop spheres, write their tracks: `python pybullet_drop.py job.json`.

A program of its own (numpy and pybullet only); `recon.export.verify` writes the job and reads the answer.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np


def main(job_path: str) -> None:
    import pybullet as bullet

    job = json.loads(Path(job_path).read_text())
    started = time.perf_counter()
    bullet.connect(bullet.DIRECT)
    bullet.setGravity(0, 0, -job["gravity"])
    bullet.setTimeStep(job["timestep"])
    world = bullet.loadURDF(job["file"], useFixedBase=True)
    bullet.setCollisionFilterGroupMask(world, -1, 1, -1)
    bullet.changeDynamics(world, -1, lateralFriction=1.0)
    sphere = bullet.createCollisionShape(bullet.GEOM_SPHERE, radius=job["radius"])
    bodies = [bullet.createMultiBody(job["mass"], sphere, basePosition=position) for position in job["starts"]]
    for body in bodies:  # group 2 against mask 1: spheres meet the world and never each other
        bullet.setCollisionFilterGroupMask(body, -1, 2, 1)
        bullet.changeDynamics(
            body,
            -1,
            lateralFriction=1.0,
            rollingFriction=0.02 * job["radius"],
            spinningFriction=0.02 * job["radius"],
            restitution=0.0,
            linearDamping=0.0,
            angularDamping=0.0,
            activationState=bullet.ACTIVATION_STATE_DISABLE_SLEEPING,
        )
    loaded = time.perf_counter()
    decay = np.exp(-job["timestep"] * job["record_every"] / job["damping_s"])
    tracks = [_positions(bullet, bodies)]
    for step in range(job["steps"]):
        bullet.stepSimulation()
        if step % job["record_every"] == 0:
            tracks.append(_positions(bullet, bodies))
            for body in bodies:  # the same drag as in MuJoCo: sideways and spin only
                (vx, vy, vz), spin = bullet.getBaseVelocity(body)
                bullet.resetBaseVelocity(body, (decay * vx, decay * vy, vz), [decay * w for w in spin])
    tracks.append(_positions(bullet, bodies))
    speeds = np.array([np.abs(bullet.getBaseVelocity(body)[0]).max() for body in bodies])
    np.savez(job["answer"], tracks=np.stack(tracks), speeds=speeds)
    done = time.perf_counter()
    answer = {
        "version": str(bullet.getAPIVersion()),
        "load_s": loaded - started,
        "step_s": done - loaded,
        "warnings": [],
    }
    Path(job["answer"]).with_suffix(".json").write_text(json.dumps(answer))


def _positions(bullet, bodies: list[int]) -> np.ndarray:  # type: ignore[no-untyped-def]
    return np.array([bullet.getBasePositionAndOrientation(body)[0] for body in bodies])


if __name__ == "__main__":
    main(sys.argv[1])
