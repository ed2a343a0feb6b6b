"""Floor that nobody saw, drawn: where a robot may drive it does not look into the sky.

It is the same surface that spheres and rays are judged against, a mesh of its own, so that who wants only what was seen can hide
it; its picture goes on from the seen floor about it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from recon.export.place import Thing
from recon.export.slab import Slab
from recon.export.things import Separated
from recon.export.things.filling import painted
from recon.export.things.patches import continued, packed, patch_over
from recon.geometry.mesh import TriangleMesh, joined_alike
from recon.geometry.surface import Surface


@dataclass(frozen=True)
class Drawn:
    """What is drawn of a building, of its things, and of floor that nobody saw (None: there is none), over one texture."""

    building: TriangleMesh
    things: tuple[Thing, ...]
    filled: TriangleMesh | None


def drawn_floor(apart: Separated, floors: Sequence[Slab], *, tolerance: float) -> Drawn:
    """Paint what is filled of the floors; the texture of all else moves to one that holds its pictures too."""
    filled = [slab for slab in floors if slab.filled.any()]
    if not filled:
        return Drawn(apart.building, apart.things, None)
    surface = Surface(apart.building)
    patches = [patch_over(slab.view, slab.filled) for slab in filled]
    pictures = [continued(surface, apart.is_seen, patch, tolerance=tolerance) for patch in patches]
    building, things, atlas = apart.building, apart.things, None
    if building.texture is not None:
        atlas = packed(building.texture, pictures)
        building = atlas.moved(building)
        things = tuple(replace(thing, visual=atlas.moved(thing.visual)) for thing in things)
    whole: TriangleMesh | None = None
    for number, (slab, patch, picture) in enumerate(zip(filled, patches, pictures, strict=True)):
        mesh = painted(slab.filled_surface(), patch, picture, number, atlas)
        whole = mesh if whole is None else joined_alike(whole, mesh)
    return Drawn(building, things, whole)
