"""Cast rays at the collision geometry of scene.xml: `python mujoco_rays.py job.json`."""

import json
import sys
from pathlib import Path

import mujoco
import numpy as np

COLLISION_GROUPS = [3, 4]  # of the building and of things


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    model = mujoco.MjModel.from_xml_path(job["file"])
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    groups = np.zeros(6, np.uint8)
    groups[COLLISION_GROUPS] = 1
    hit = np.zeros(1, np.int32)
    normal = np.zeros(3)
    distances = np.array(
        [
            mujoco.mj_ray(model, data, np.array(origin), np.array(direction), groups, 1, -1, hit, normal)
            for origin, direction in zip(job["origins"], job["directions"], strict=True)
        ]
    )
    np.savez(job["answer"], distances=np.where(distances < 0, np.inf, distances))
    Path(job["answer"]).with_suffix(".json").write_text(json.dumps({"version": mujoco.__version__}))


if __name__ == "__main__":
    main()
