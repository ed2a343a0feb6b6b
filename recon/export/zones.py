"""How far something may drive or stand, and how a place falls into zones about that: the farther away, the coarser.

Nothing goes farther than a reach beyond where the cameras went, and pictures show what is far away as coarsely as it is far: a
tower at 200 m is known to decimetres. So tolerances hold within reach, and beyond they grow with the distance from the cameras.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from recon.export.collision_mesh import clean_mesh
from recon.geometry.mesh import TriangleMesh, chosen
from recon.geometry.surface import Surface
from recon.geometry.transforms import Array

_GROWTH = 4.0  # from a zone to the next: of its radius, and of its lengths
_ABOVE = 2.0  # a reach is at least so many times the height that cameras typically have over the nearest surface


@dataclass(frozen=True)
class Reach:
    """All within `radius` of one of the `cameras` [n, 3]; everything where there is no camera. In package units."""

    cameras: Array
    radius: float

    @staticmethod
    def about(cameras: Array, surface: Surface, *, radius: float) -> "Reach":
        """What lies within `radius` of the cameras, or farther where they flew high over the surface."""
        height = float(np.median(surface.distance(cameras))) if len(cameras) else 0.0
        return Reach(cameras, max(radius, _ABOVE * height))

    @staticmethod
    def everywhere() -> "Reach":
        """No place is out of it."""
        return Reach(np.zeros((0, 3)), np.inf)

    def holds(self, points: Array) -> np.ndarray:
        """Which points [n, 3] are within reach."""
        return self._distance(points) <= self.radius

    def zone(self, mesh: TriangleMesh) -> np.ndarray:
        """The zone [f] of every face by the nearest of its corners: 0 within reach, then one more for four times the distance."""
        distance = self._distance(np.nan_to_num(mesh.vertices))[mesh.faces].min(1, initial=np.inf)
        beyond = np.maximum(distance / self.radius, 1.0)
        return np.ceil(np.log(beyond) / np.log(_GROWTH)).astype(int)

    def within(self, mesh: TriangleMesh) -> TriangleMesh:
        """The faces of a mesh that are within reach."""
        return chosen(mesh, self.zone(mesh) == 0)

    def _distance(self, points: Array) -> Array:
        if not len(self.cameras):
            return np.zeros(len(points))
        return np.asarray(cKDTree(self.cameras).query(points)[0])


@dataclass(frozen=True)
class Zone:
    """A part of a mesh, cleaned, and how many times the lengths that matter within reach those are that matter here."""

    mesh: TriangleMesh
    looser: float

    @property
    def is_within_reach(self) -> bool:
        """Whether something may drive or stand here."""
        return self.looser == 1.0


def zones_of(mesh: TriangleMesh, reach: Reach, *, smallest: float) -> list[Zone]:
    """The zones of a mesh, that within reach first, without pieces smaller than `smallest` there; empty ones are left out."""
    number = reach.zone(mesh)
    zones = []
    for zone in np.unique(number):
        looser = _GROWTH**zone
        clean = clean_mesh(chosen(mesh, number == zone), smallest=smallest * looser)
        if len(clean.faces):
            zones.append(Zone(clean, float(looser)))
    return zones
