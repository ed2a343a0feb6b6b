"""Fewer parts: what only a small part covers is taken over by the parts beside it, grown by as much as the limits allow.

Set cover chooses among parts as they were found; each ends where its cluster of faces ended, and scraps between two large parts
keep small ones alive. A grown part need not hold a scrap, only come within the tolerance of it.
"""

from collections.abc import Sequence

import numpy as np

from recon.export.cover import Cover, distance_outside
from recon.export.hulls import hull_of, is_flat
from recon.export.strays import Strays
from recon.geometry.mesh import TriangleMesh
from recon.geometry.transforms import Array
from recon.kernels.hulls import planes_of

_SUNK = 0.8  # of its reach behind a point of the skin that a grown part reaches: it covers the point from there
_HOSTS = 6  # parts beside a scrap that are asked to take it over
_BESIDE = 25.0  # tolerances from a scrap to the box of a part that is asked


class Absorber:
    """Takes parts out of a `cover` whose share others can take over, none getting `looser` [n] by it."""

    def __init__(self, cover: Cover, strays: Strays, looser: Array) -> None:
        self._cover, self._strays, self._looser = cover, strays, looser
        self._failed: dict[int, tuple[object, ...]] = {}  # by number: what was asked in vain

    def once(self) -> None:
        """Ask for every part, those with small shares first, but where it and those beside it are as they were."""
        cover = self._cover
        shares = {number: len(cover.own(number)) for number in sorted(cover.parts)}
        for number in sorted(shares, key=shares.__getitem__):
            self._ask_for(number)

    def _ask_for(self, number: int) -> None:
        cover, skin = self._cover, self._cover.skin
        own = cover.own(number)
        if not len(own):
            cover.without(number)
            return
        feet = skin.points[own] - _SUNK * skin.reach[own, None] * skin.normals[own]
        hosts = cover.beside(number, feet, _BESIDE * float(skin.tolerance[own].max()))[:_HOSTS]
        asked = (own.tobytes(), *((host, cover.versions[host]) for host in hosts))
        if self._failed.get(number) == asked:
            return
        grown = self._grown(feet, hosts)
        if grown is None:
            self._failed[number] = asked
            return
        cover.without(number)
        for host, hull in grown.items():
            cover.put(host, hull)

    def _grown(self, feet: Array, hosts: Sequence[int]) -> dict[int, TriangleMesh] | None:
        """Hosts grown over all `feet` [n, 3], each within its limits; None where they may not."""
        grown: dict[int, TriangleMesh] = {}
        for host in hosts:
            part = self._cover.parts[host]
            outside = distance_outside(self._cover.planes[host], feet)
            for share in (feet, feet[outside <= np.median(outside)]):
                hull = hull_of(np.concatenate([part.vertices, share]))
                if hull is None or is_flat(hull):
                    continue
                looser = self._looser[host]
                if self._strays.excess([hull], looser=looser)[0] <= looser:
                    grown[host] = hull
                    feet = feet[distance_outside(planes_of(hull.vertices, hull.faces), feet) > 1e-9]
                    break
            if not len(feet):
                return grown
        return None
