"""Convex parts of what no slab of the building explains: relief, furniture, all that is not flat."""

from collections.abc import Sequence

import numpy as np

from recon.export.collision_mesh import faired
from recon.export.convex_parts import decompose
from recon.export.covering import Skin, loosened_area
from recon.export.fewest import fewest
from recon.export.hulls import Limits
from recon.export.slab import Slab
from recon.export.strays import Strays
from recon.export.tolerances import Tolerances
from recon.geometry.mesh import TriangleMesh
from recon.kernels.surfaces import AskedSurface

_BARE = 0.01  # of the visual surface that may lie outside all parts by more than the tolerance, in small spots
_BARE_BEYOND = 0.05  # the same out of reach, where nothing drives, stands or is dropped


def left_by(slabs: Sequence[Slab], clean: TriangleMesh, tolerances: Tolerances) -> np.ndarray:
    """Which faces [f] no slab explains."""
    allowed = tolerances.at(clean.vertices[clean.faces].mean(1), clean.face_normals)
    is_left = np.ones(len(clean.faces), bool)
    for slab in slabs:
        is_left &= ~slab.explains(clean, tolerance=allowed)
    return is_left


def hulls_of_rest(
    clean: TriangleMesh,
    slabs: Sequence[Slab],
    surface: AskedSurface,
    tolerances: Tolerances,
    thickness: float,
    max_parts: int,
    *,
    is_reached: bool = True,
) -> tuple[list[TriangleMesh], float, float]:
    """Convex parts of the faces that no slab explains, only those that are needed.

    And how many times looser than the tolerances the loosest is, and the area that is left to such parts.

    clean: the mesh. slabs: its building. surface: what parts are held against, within the tolerances. thickness, max_parts: of
    parts at most. is_reached: whether something may come to rest on them.
    """
    rest = TriangleMesh(clean.vertices, clean.faces[left_by(slabs, clean, tolerances)])
    fair = TriangleMesh(faired(clean, bound=tolerances.fine / 2).vertices, rest.faces)
    strays = Strays(surface, Limits(tolerances, thickness))
    found = decompose(fair, surface, tolerances=tolerances, thickness=thickness, max_parts=max_parts, strays=strays)
    bare = (_BARE if is_reached else _BARE_BEYOND) * float(clean.face_areas.sum())
    skin = Skin.of(rest, bare=bare, tolerances=tolerances, is_reached=is_reached)
    built = [part.mesh for slab in slabs for part in slab.parts]
    fewer = fewest(found, built, skin, strays)
    return fewer.parts, fewer.loosest, loosened_area(fewer.parts, fewer.looser <= 1, built, skin)
