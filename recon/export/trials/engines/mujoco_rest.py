"""Let the things of scene.xml go, and see whether they rest where they stood: `python mujoco_rest.py job.json`."""

import json
import sys
from pathlib import Path

import mujoco
import numpy as np
from mujoco_place import let_go

TIMESTEP = 0.002


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    spec = let_go(job["file"], job["things"])
    spec.option.gravity, spec.option.timestep = [0, 0, -job["gravity"]], TIMESTEP
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    bodies = [model.body(name).id for name in job["things"]]
    positions, turns = data.xpos[bodies].copy(), data.xmat[bodies].reshape(-1, 3, 3).copy()
    centres, depths = data.xipos[bodies].copy(), _depths(model, data, bodies)
    for _ in range(round(job["seconds"] / TIMESTEP)):
        mujoco.mj_step(model, data)
    mujoco.mj_forward(model, data)
    moved = np.maximum(
        np.linalg.norm(data.xipos[bodies] - centres, axis=1), np.linalg.norm(data.xpos[bodies] - positions, axis=1)
    )
    trace = np.einsum("nij,nij->n", data.xmat[bodies].reshape(-1, 3, 3), turns)
    np.savez(job["answer"], moved=moved, depths=depths, turned=np.arccos(np.clip((trace - 1) / 2, -1, 1)))
    Path(job["answer"]).with_suffix(".json").write_text(json.dumps({"version": mujoco.__version__}))


def _depths(model: mujoco.MjModel, data: mujoco.MjData, bodies: list[int]) -> np.ndarray:
    """How deep each body [n] reaches into anything at its deepest contact."""
    depths = np.zeros(len(bodies))
    for contact in data.contact[: data.ncon]:
        for number, body in enumerate(bodies):
            if body in model.geom_bodyid[list(contact.geom)]:
                depths[number] = max(depths[number], -contact.dist)
    return depths


if __name__ == "__main__":
    main()
