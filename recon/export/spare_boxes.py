"""Boxes of a building that nobody misses: other boxes and the convex parts of the rest cover all that they do.

A ragged strip of level ground takes many boxes, and the faces that reach over its edge take hulls, which hold the strip as well;
its underside lies in the box of its top.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from recon.export.cover import Cover
from recon.export.covering import WHOLE, Skin
from recon.export.slab import Slab
from recon.export.tolerances import Tolerances
from recon.geometry.mesh import TriangleMesh

_POINTS = 400_000  # on the surface that boxes are asked about


def without_spare(
    slabs: Sequence[Slab],
    hulls: list[TriangleMesh],
    clean: TriangleMesh,
    tolerances: Tolerances,
    *,
    is_reached: bool = True,
) -> list[Slab]:
    """Slabs without the boxes that add nothing level, and too little of other surface, to floors, other boxes and `hulls`.

    Floors keep theirs: nobody saw all that they hold. clean: the mesh. is_reached: whether something may come to rest on it.
    """
    fine = np.full(len(clean.faces), tolerances.fine)
    floors = [slab for slab in slabs if slab.kind == "floor"]
    others = [(slab.kind, part.mesh) for slab in slabs if slab.kind != "floor" for part in slab.parts]
    is_open = np.ones(len(clean.faces), bool)
    for slab in floors:
        is_open &= ~slab.explains(clean, tolerance=fine)
    skin = Skin.of(
        TriangleMesh(clean.vertices, clean.faces[is_open]),
        bare=0.0,
        tolerances=tolerances,
        at_most=_POINTS,
        is_reached=is_reached,
    )
    cover = Cover([*(box for _, box in others), *hulls], [part.mesh for slab in floors for part in slab.parts], skin)
    worth = skin.worth()
    # Tops are asked last: of a board it is the upper side that must be exact.
    for number in sorted(range(len(others)), key=lambda number: (others[number][0] == "top", len(cover.own(number)))):
        own = cover.own(number)
        if not skin.is_level[own].any() and worth[own].sum() < WHOLE:
            cover.without(number)
    kept = iter([number in cover.parts for number in range(len(others))])
    return [
        slab if slab.kind == "floor" else replace(slab, parts=tuple(part for part in slab.parts if next(kept)))
        for slab in slabs
    ]
