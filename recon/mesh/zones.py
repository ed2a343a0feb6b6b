"""Near and far: on a drive a road lies two metres away and towers stand at two hundred.

No one size of voxels suits both. Where depths spread wide, what lies near the cameras' path is fused by itself, from the depths
that are small enough to be fine, and the rest in coarser voxels; each surface is cut where the other begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from recon.geometry import Evidence
from recon.geometry.transforms import Array
from recon.mesh.depth_maps import DepthMap

NEAR_PERCENTILE, FAR_PERCENTILE = 2, 90  # of all depths
WIDE = 16.0  # the far one over the near one from which on there are two zones
RADIUS = 8.0  # near depths: how far the near zone reaches from a camera
TRUSTED = 2.0  # radii: depths that are fused in the near zone
LEAST = 0.02  # of the known pixels that a zone of its own holds
NEAR_FACES = 0.7  # of the budget of faces
MEMORY = 0.3  # of the budget of memory, each: a road is long, and finer voxels than these show only noise


@dataclass(frozen=True)
class Zone:
    """What lies between two distances from the nearest camera, the maps that it is fused from, and those that judge it."""

    centers: Array  # [n, 3] of the cameras
    low: float  # world units
    high: float
    maps: Sequence[DepthMap]
    judges: Sequence[DepthMap]
    face_share: float  # of the budget of faces
    memory_share: float

    @property
    def is_everything(self) -> bool:
        """Whether it is the only one."""
        return self.low == 0 and self.high == np.inf

    def holds(self, positions: Array, *, margin: float = 0.0) -> NDArray[np.bool_]:
        """Which positions [n, 3] lie in the zone, or at most `margin` outside."""
        if self.is_everything:
            return np.ones(len(positions), bool)
        distance = cKDTree(self.centers).query(positions)[0]
        return np.asarray((distance >= self.low - margin) & (distance < self.high + margin), bool)


def zones_of(maps: Sequence[DepthMap]) -> list[Zone]:
    """The near zone and the far one, or one that holds everything: where depths are alike, or nearly all lies in one of the two.

    (All that a film through a tunnel shows comes near some camera, however far the others see it from.)
    """
    centers = np.stack([view.viewpoint.world_from_camera[:3, 3] for view in maps])
    everything = Zone(centers, 0.0, np.inf, maps, maps, 1.0, 1.0)
    measured = _measured(maps)
    near = _near_where_wide(measured)
    if near is None:
        return [everything]
    radius = RADIUS * near
    fine = [_nearer(view, TRUSTED * radius) for view in measured]
    near_zone = Zone(centers, 0.0, radius, fine, measured, NEAR_FACES, MEMORY)
    share = near_zone.holds(np.concatenate([view.points(step=4) for view in measured])).mean()
    if not LEAST <= share <= 1 - LEAST:
        return [everything]
    return [near_zone, Zone(centers, radius, np.inf, maps, maps, 1 - NEAR_FACES, MEMORY)]


def _near_where_wide(maps: Sequence[DepthMap]) -> float | None:
    """What is near in maps whose depths spread wide, as on a drive; None where they do not."""
    depths = [view.depth[::4, ::4][view.depth[::4, ::4] > 0] for view in maps]
    if not sum(map(len, depths)):
        return None
    near, far = np.percentile(np.concatenate(depths), [NEAR_PERCENTILE, FAR_PERCENTILE])
    return float(near) if far >= WIDE * near else None


def _measured(maps: Sequence[DepthMap]) -> Sequence[DepthMap]:
    """Those that were matched or measured, where any were: on a drive the field is fog near the cameras, and carves the road."""
    return [view for view in maps if (view.evidence[view.depth > 0] != Evidence.SEEN).any()] or maps


def _nearer(view: DepthMap, limit: float) -> DepthMap:
    """The map without what is deeper than `limit`."""
    return replace(view, depth=np.where(view.depth < limit, view.depth, np.float32(0)))
