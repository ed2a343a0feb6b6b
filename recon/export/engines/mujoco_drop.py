"""Load scene.xml in MuJoCo, drop spheres, write their tracks: `python mujoco_drop.py job.json`.

A program of its own (numpy and mujoco only); `recon.export.verify` writes the job and reads the answer.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np


def main(job_path: str) -> None:
    import mujoco

    job = json.loads(Path(job_path).read_text())
    started = time.perf_counter()
    spec = mujoco.MjSpec.from_file(job["file"])
    spec.option.gravity = [0, 0, -job["gravity"]]
    spec.option.timestep = job["timestep"]
    for position in job["starts"]:
        body = spec.worldbody.add_body(pos=position)
        body.add_freejoint()
        # contype 2 against conaffinity 1: spheres meet the world and never each other
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_SPHERE,
            size=[job["radius"], 0, 0],
            mass=job["mass"],
            contype=2,
            conaffinity=1,
            condim=6,
            friction=[1.0, 0.02, 0.02 * job["radius"]],
        )
    model = spec.compile()
    data = mujoco.MjData(model)
    loaded = time.perf_counter()
    n = len(job["starts"])
    tracks = [data.qpos.reshape(n, 7)[:, :3].copy()]
    decay = np.exp(-job["timestep"] / job["damping_s"])
    for step in range(job["steps"]):
        mujoco.mj_step(model, data)
        if step % job["record_every"] == 0:
            tracks.append(data.qpos.reshape(n, 7)[:, :3].copy())
        # Air-like drag on sideways motion and spin brings spheres to rest; the fall itself is left alone.
        data.qvel.reshape(n, 6)[:, [0, 1, 3, 4, 5]] *= decay
    tracks.append(data.qpos.reshape(n, 7)[:, :3].copy())
    warnings = [mujoco.mjtWarning(i).name for i in range(len(data.warning)) if data.warning[i].number]
    np.savez(job["answer"], tracks=np.stack(tracks), speeds=np.abs(data.qvel.reshape(n, 6)[:, :3]).max(1))
    done = time.perf_counter()
    answer = {"version": mujoco.__version__, "load_s": loaded - started, "step_s": done - loaded, "warnings": warnings}
    Path(job["answer"]).with_suffix(".json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1])
