"""How the surface lies at single pixels of a picture: PatchMatch on a few hundred spots, at a hundredth of a picture's cost.

A spot begins at the depth of a sparse point near it, turned anyhow, and takes over what its nearest spots have found.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from recon.geometry.transforms import Array
from recon.kernels.stereo import WIDE, Floats, Hypotheses, StereoSettings, StereoView, stereo_search
from recon.matching.sources import SparseScene

NEAR_POINTS = 4  # sparse points that a spot may begin at
BEGINNINGS = 12  # planes that it begins with
SPREAD = 0.05  # relative, of their inverse depths round the point's
NEAR_SPOTS = 6  # spots whose planes are tried
ROUNDS = 4
# Lone spots have no neighbours that say how they are turned: their windows are wide, and the best views count wherever they stand.
_SETTINGS = StereoSettings(geometric_weight=0.0, n_refinements=5, narrow=WIDE, lack_cost=0.0)


def spot_planes(
    index: int,
    pixels: NDArray[np.int32],
    views: Sequence[StereoView],
    sources: Sequence[int],
    scene: SparseScene,
    *,
    seed: int,
) -> tuple[Floats, Floats]:
    """Planes [n, 3] (`recon.kernels.stereo`) at pixels x, y [n, 2] of view `index`, and their costs [n]; none without a start.

    Args:
        index: of the view; pixels: its spots, columns and rows; views: all pictures, small.
        sources: the views that it is compared with; scene: sparse points, and which view sees which.
        seed: of the random beginnings and changes.
    """
    view, others = views[index], [views[j] for j in sources]
    local = scene.local(index, view.camera_from_world)
    if not len(pixels) or not len(local) or not others:
        return np.zeros((0, 3), np.float32), np.zeros(0, np.float32)
    rng = np.random.default_rng((seed, index))
    candidates = _beginnings(view, pixels, local, rng)
    state = Hypotheses.of(candidates[:, 0])
    _, near = cKDTree(pixels).query(pixels, min(NEAR_SPOTS + 1, len(pixels)))
    near = near.reshape(len(pixels), -1)[:, 1:]
    for turn in range(ROUNDS):
        stereo_search(view, pixels, state, candidates, others, _SETTINGS, seed=977 * (seed + turn) + index)
        candidates = state.planes[near]
    return state.planes, state.costs


def _beginnings(view: StereoView, pixels: NDArray, local: Array, rng: np.random.Generator) -> Floats:
    """Planes [n, BEGINNINGS, 3] near the depths of sparse points `local` [k, 3] (camera frame), facing anywhere."""
    fx, fy, cx, cy = view.intrinsics
    seen_at = local[:, :2] / local[:, 2:] * (fx, fy) + (cx, cy)
    rays = np.concatenate([(pixels + 0.5 - (cx, cy)) / (fx, fy), np.ones((len(pixels), 1))], -1)
    n, k = len(pixels), min(NEAR_POINTS, len(local))
    _, near = cKDTree(seen_at).query(pixels + 0.5, k)
    picked = near.reshape(n, k)[:, np.arange(BEGINNINGS) % k]
    inverse = (1 + SPREAD * rng.standard_normal(picked.shape)) / local[picked, 2]
    inverse = np.clip(inverse, 1 / view.far, 1 / view.near)
    towards = (rays / np.linalg.norm(rays, axis=-1, keepdims=True))[:, None]
    normals = towards + rng.uniform(-1, 1, (*picked.shape, 3))
    facing = (normals * rays[:, None]).sum(-1)
    normals = np.where((facing < 0.1)[..., None], towards, normals)
    scale = inverse / (normals * rays[:, None]).sum(-1)
    return np.asarray(normals * scale[..., None], np.float32)
