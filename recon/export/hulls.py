"""Convex hulls beside a scanned surface, and how far they stray from it.

A hull may stand into free space by the tolerance there, reach behind the surface by `thickness`, and fill what matter shuts
in. This is checked on points spread over the hull, against the whole surface: hulls may overlap each other and real surface freely.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recon.export.planes import Plane
from recon.export.tolerances import Tolerances
from recon.geometry.face_graph import edges_of
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Nearest, Surface
from recon.geometry.transforms import Array
from recon.kernels.hulls import convex_hulls

_FLATTEST = 1e-5  # of its extent, or of its coordinates: engines of single precision find no inside in what is thinner


@dataclass(frozen=True)
class Limits:
    """What a hull may do, in scene units."""

    tolerances: Tolerances  # into free space
    thickness: float  # behind the surface

    @property
    def least_depth(self) -> float:
        """Of a sheet: a thinner one would not stop a moving body."""
        return self.tolerances.fine / 2

    def depth(self, room: Array, leaves_solid: np.ndarray) -> Array:
        """How far a part may reach behind the surface [n], which is met again after some `room`, from its back or not.

        A face met from its front means free space lies between (a one-sided table top above a floor): keep to half of it.
        """
        return np.clip(np.where(leaves_solid, 1.0, 0.5) * room, self.least_depth, self.thickness)

    def behind(self, tolerance: Array) -> Array:
        """How far behind the surface a point of a hull may lie [n], by the tolerance [n] there."""
        return np.asarray(1.1 * self.thickness + tolerance)


def is_straight_behind(points: Array, nearest: Nearest) -> np.ndarray:
    """Which points [n, 3] lie within 60 degrees of straight behind their `nearest` place on a surface.

    Beside a border is free space, not solid.
    """
    towards = ((nearest.positions - points) * nearest.normals).sum(1)
    return np.asarray(towards > 0.5 * nearest.distance)


def hull_of(points: Array) -> TriangleMesh | None:
    """The convex hull of points [n, 3] with outward faces, or None for a set too flat to have one."""
    return hulls_of([points])[0]


def hulls_of(sets: Sequence[Array]) -> list[TriangleMesh | None]:
    """The convex hulls of sets of points [n, 3], the same for each."""
    return [
        None if hull is None else TriangleMesh(points[hull[0]], hull[1].astype(np.int32))
        for points, hull in zip(sets, convex_hulls(sets), strict=True)
    ]


def is_flat(hull: TriangleMesh) -> bool:
    """Whether an engine of single precision would find no inside in a hull."""
    around = hull.vertices - hull.vertices.mean(0)
    thinnest = np.linalg.eigh(around.T @ around)[1][:, 0]
    size = max(float(np.ptp(around, axis=0).max()), float(np.abs(hull.vertices).max()))
    return bool(np.ptp(around @ thinnest) <= _FLATTEST * size)


def cut_before(hull: TriangleMesh, plane: Plane, *, reach: float = 0.0) -> TriangleMesh | None:
    """The part of a convex hull before a plane, drawn down to it where it ends within `reach`; None where nothing is left."""
    height = plane.height(hull.vertices)
    edges = edges_of(hull.faces)
    a, b = edges[(height[edges[:, 0]] > 0) & (height[edges[:, 1]] < 0)].T
    weight = (height[a] / (height[a] - height[b]))[:, None]
    crossings = hull.vertices[a] + weight * (hull.vertices[b] - hull.vertices[a])
    above = hull.vertices[height >= 0]
    low = hull.vertices[(height > 0) & (height < reach)]
    feet = low - plane.height(low)[:, None] * plane.normal
    points = np.concatenate([above, crossings, feet])
    rest = hull_of(points) if len(points) >= 4 else None
    return None if rest is None or is_flat(rest) else rest


def room_behind(mesh: TriangleMesh, surface: Surface, limits: Limits) -> Array:
    """How far behind each face [f] there is room: to the far side of a thin board, at most `thickness`.

    The mesh may be a smoother one than the surface: a front that a face stands before by no more than twice its distance from the
    surface is its own, and no end of its room.
    """
    normals, middles = mesh.face_normals, mesh.vertices[mesh.faces].mean(1)
    step = 0.02 * limits.tolerances.fine
    room, leaves_solid = _met_behind(middles, normals, surface, np.full(len(normals), step))
    own = np.flatnonzero(~leaves_solid & (room <= 2 * surface.distance(middles)))
    room[own], leaves_solid[own] = _met_behind(middles[own], normals[own], surface, room[own] + step)
    return limits.depth(room, leaves_solid)


def room_at(points: Array, normals: Array, surface: Surface, limits: Limits) -> Array:
    """How far a part may reach behind points [n, 3] of a surface with unit normals [n, 3]."""
    return limits.depth(*_met_behind(points, normals, surface, np.full(len(points), 0.02 * limits.tolerances.fine)))


def _met_behind(positions: Array, normals: Array, surface: Surface, start: Array) -> tuple[Array, np.ndarray]:
    """How far behind positions [n, 3], beyond `start` [n], the surface is met, and whether from its back, out of matter."""
    hits = surface.cast(positions - start[:, None] * normals, -normals)
    return hits.distance + start, (hits.normals * normals).sum(1) < 0
