"""How flat the reconstructed floor is where the cameras walked, against the exact one."""

import numpy as np
from scipy.spatial import cKDTree

from recon.geometry import TriangleMesh
from recon.geometry.surface import Surface
from recon.geometry.transforms import Array

FLOOR_STEP_M = 0.05  # exact surface this near the height of the ground under the nearest cameras is floor
FLOOR_REACH_M = 0.10  # how far above and below the exact floor ours is looked for
MIN_FLOOR_POINTS = 50
_DOWN = np.array([0.0, 0.0, -1.0])


def floor_scores(ours: TriangleMesh, exact: Surface, seen: Array, centers: Array) -> dict[str, float | None]:
    """How flat our floor is, and how much of the seen floor is there at all; None where the cameras saw none.

    The floor is what faces up within `FLOOR_STEP_M` of the height of the ground under the five nearest cameras.
    """
    below = exact.cast(centers, np.broadcast_to(_DOWN, centers.shape)).distance
    standing = np.isfinite(below)
    if not standing.any():
        return {"floor_rms_m": None, "floor_covered_fraction": None}
    ground = centers[standing, 2] - below[standing]
    around = cKDTree(centers[standing, :2]).query(seen[:, :2], k=min(5, int(standing.sum())))[1].reshape(len(seen), -1)
    faces_up = np.abs(exact.mesh.face_normals[exact.nearest(seen).faces][:, 2]) > 0.97
    floor = seen[faces_up & (np.abs(seen[:, 2] - np.median(ground[around], axis=1)) < FLOOR_STEP_M)]
    if len(floor) < MIN_FLOOR_POINTS:
        return {"floor_rms_m": None, "floor_covered_fraction": None}
    start = floor + np.array([0.0, 0.0, FLOOR_REACH_M])
    fall = Surface(ours).cast(start, np.broadcast_to(_DOWN, start.shape)).distance
    height = FLOOR_REACH_M - fall[fall < 2 * FLOOR_REACH_M]
    rms = float(np.sqrt((height**2).mean())) if len(height) else None
    return {"floor_rms_m": rms, "floor_covered_fraction": len(height) / len(floor)}
