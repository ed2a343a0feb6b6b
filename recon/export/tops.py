"""Tops apart from each other: the pieces of a level plane that nothing but air lies between are not one table."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from recon.export.labels import pieces_of
from recon.export.plan_view import PlanView
from recon.export.planes import FlatRegion, fit_plane
from recon.geometry.face_graph import pieces_by_pairs
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface
from recon.geometry.transforms import Array

_NEAR = 5.0  # tolerances between two pieces of one top that was seen with gaps
_SHUT_IN = 0.8  # of the way between two pieces that something stands on, where they are one top that is hidden there


def tops_of(region: FlatRegion, mesh: TriangleMesh, surface: Surface, *, tolerance: float) -> list[FlatRegion]:
    """The tops that a flat region is, each on a plane of its own: tables of about one height lie in one plane by chance.

    Pieces are of one top where they are near each other, or where matter stands on it all the way between them.

    surface: what may stand there, to be asked.
    """
    pieces = pieces_of(mesh.faces, region.faces)
    if len(pieces) < 2 or region.relief is not None:
        return [region]
    view = PlanView.around(region.plane, _corners(mesh, region.faces).reshape(-1, 3), cell=tolerance, margin=tolerance)
    places = [view.centres(view.drawn(_corners(mesh, piece))) for piece in pieces]
    pairs = [
        (first, second)
        for first, second in itertools.combinations(range(len(pieces)), 2)
        if _are_one(places[first], places[second], view, surface, tolerance)
    ]
    group = pieces_by_pairs(np.array(pairs, np.int64).reshape(-1, 2), len(pieces))
    if group.max() == 0:
        return [region]
    return [
        _refitted(region, mesh, [pieces[i] for i in np.flatnonzero(group == number)]) for number in np.unique(group)
    ]


def _are_one(first: Array, second: Array, view: PlanView, surface: Surface, tolerance: float) -> bool:
    """Whether two pieces of a plane, places (u, v) [n, 2] of them, belong together where they are nearest to each other."""
    distance, nearest = cKDTree(second).query(first)
    here = int(distance.argmin())
    gap = float(distance[here])
    if gap <= _NEAR * tolerance:
        return True
    inner = np.arange(_NEAR / 2 * tolerance, gap - _NEAR / 2 * tolerance, tolerance)[:, None] / gap
    way = first[here] + inner * (second[nearest[here]] - first[here])
    return bool(surface.encloses(view.world(way, tolerance)).mean() >= _SHUT_IN)


def _refitted(region: FlatRegion, mesh: TriangleMesh, pieces: Sequence[np.ndarray]) -> FlatRegion:
    """Some pieces of a region on the plane through them alone."""
    faces = np.sort(np.concatenate(pieces))
    areas = mesh.face_areas[faces]
    plane = fit_plane(_corners(mesh, faces).reshape(-1, 3), np.repeat(areas, 3), towards=region.plane.normal)
    return replace(region, plane=plane, faces=faces, area=float(areas.sum()))


def _corners(mesh: TriangleMesh, faces: np.ndarray) -> Array:
    return mesh.vertices[mesh.faces[faces]]
