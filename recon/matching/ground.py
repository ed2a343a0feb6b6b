"""Under every camera lies ground: whoever carried it stood on it, or flew over it.

Asphalt matches nowhere, least of all right before a car. The level shell under the cameras, which other places show, is taken to
be sure there. Only in the open air: in a room a blank table top would be taken for floor (measured: docs/surfaces.md).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from recon.geometry.transforms import Array
from recon.kernels.planes import ScenePlane
from recon.matching.scene_planes import extended
from recon.matching.voxels import Voxels

LEVEL = 0.94  # of the normal's z, at least
REACH = 2.0  # heights of a camera over the ground, about its foot
SURE = -0.5  # the distance to known matter there, in reaches: it makes up for what no other picture sees
FARTHEST = 4.0  # reaches of the plane: from high above little is said


def with_ground_below(planes: Sequence[ScenePlane], cameras: Array) -> list[ScenePlane]:
    """The planes, of which level shells below the cameras [k, 3] are sure round the cameras' feet; z must be up."""
    return [_below(plane, cameras) if plane.is_shell and plane.normal[2] > LEVEL else plane for plane in planes]


def _below(plane: ScenePlane, cameras: Array) -> ScenePlane:
    heights = cameras @ plane.normal - plane.offset
    feet = np.stack([cameras @ plane.across, cameras @ plane.along], -1)
    reaches = np.minimum(REACH * heights, FARTHEST * plane.reach)
    step = plane.cell / 2  # no cell is missed, wherever the map's corner comes to lie
    steps = np.arange(-reaches.max(), reaches.max() + step, step)
    disc = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)
    cells = [
        np.unique(np.floor((foot + disc[np.hypot(*disc.T) <= reach]) / step).astype(np.int64), axis=0)
        for foot, reach in zip(feet, reaches, strict=True)
    ]
    at = (np.unique(np.concatenate(cells), axis=0) + 0.5) * step
    positions = plane.offset * plane.normal + at[:, :1] * plane.across + at[:, 1:] * plane.along
    ground = extended(plane, Voxels(positions, np.broadcast_to(plane.normal, positions.shape), np.ones(len(positions))))
    columns, rows = ((at - ground.low) / ground.cell).astype(np.int64).T
    distances = ground.distances.copy()
    distances[rows, columns] = SURE
    return replace(ground, distances=distances)
