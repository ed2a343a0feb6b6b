"""The planes of a scene at every scale: before a car lies a road, thin and near, and far behind it stand towers.

A plane is as thick as the depths that show it are uncertain, which grows with the depth. Where depths vary much, what is near is
searched for thin planes first; what they do not explain is left to thicker ones.
"""

from collections.abc import Sequence

import numpy as np

from recon.geometry.transforms import Array
from recon.kernels.planes import ScenePlane
from recon.matching.confirm import Confirmed
from recon.matching.pictures import Picture
from recon.matching.scene_planes import THICKNESS, VOXEL, extended, find_local_planes, find_planes, is_on
from recon.matching.sheets import laid_out
from recon.matching.voxels import oriented_voxels

NEAR_PERCENTILE = 2  # of the depths: what is near
WIDE = 10.0  # the typical depth over that, from which on there are two scales
NEAR_REACH = 2.0  # of the near scale: depths that are asked for thin planes


def planes_at_scales(
    pictures: Sequence[Picture], hints: Sequence[Confirmed], cameras: Array, *, typical_depth: float, seed: int
) -> list[ScenePlane]:
    """The thin planes first. cameras: centres [k, 3]; typical_depth: world units; seed: of random numbers."""
    everything = oriented_voxels(pictures, hints, VOXEL * typical_depth)
    explained = np.zeros(len(everything), bool)
    planes = list[ScenePlane]()
    near = near_scale(hints, typical_depth)
    if near is not None:
        voxels = oriented_voxels(pictures, hints, VOXEL * near, nearer_than=NEAR_REACH * near)
        for plane in find_local_planes(voxels, typical_depth=near, seed=seed):
            on = is_on(everything, plane, THICKNESS * typical_depth)
            planes += laid_out(extended(plane, everything.where(on)), voxels)
            explained |= on
    return planes + find_planes(everything, cameras, typical_depth=typical_depth, seed=seed, explained=explained)


def near_scale(hints: Sequence[Confirmed], typical_depth: float) -> float | None:
    """The scale of what is near, None where that is the typical depth's own.

    Half way from the nearest to the typical depth: planes as thin as the nearest depths allow leave gaps in a road, which is curved
    and shows little (their geometric mean still did).
    """
    depths = [known.depth[::4, ::4] for known in hints]
    found = np.concatenate([depth[depth > 0] for depth in depths])
    if not len(found):
        return None
    near = float(np.percentile(found, NEAR_PERCENTILE))
    return 0.5 * (near + typical_depth) if typical_depth > WIDE * near else None
