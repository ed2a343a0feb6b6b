"""Level planes above the floor that things stand on: tables, shelves, the tops of crates."""

from collections.abc import Sequence

import numpy as np

from recon.export.slab import Slab
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface

_LEVEL = 0.985  # cosine of 10 degrees: on steeper tops things slide
_ABOVE_FLOOR = 4.0  # tolerances: less is a carpet
_OWN = 0.8  # of a top's surface that a thing has where the top is its own
_SAMPLE = 500  # places of a top that are asked


def level_tops(slabs: Sequence[Slab], floor: Slab, *, tolerance: float) -> list[Slab]:
    """Level tops among slabs, the highest first: what stands on a crate goes before the crate that it stands on."""
    tops = [slab for slab in slabs if slab.kind == "top" and slab.view.plane.normal[2] > _LEVEL]
    heights = [float(floor.view.height(_places(slab)).mean()) for slab in tops]
    order = np.argsort(heights)[::-1]
    return [tops[i] for i in order if heights[i] > _ABOVE_FLOOR * tolerance]


def own_tops(thing: TriangleMesh, tops: Sequence[Slab], *, tolerance: float) -> list[Slab]:
    """Those tops whose surface is the thing's."""
    surface = Surface(thing)
    return [slab for slab in tops if (surface.distance(_places(slab)) <= tolerance).mean() >= _OWN]


def _places(slab: Slab) -> np.ndarray:
    """Places [n, 3] all over what was seen of a slab."""
    flat = slab.view.centres(slab.seen)
    return slab.view.world(flat[:: max(1, len(flat) // _SAMPLE)])
