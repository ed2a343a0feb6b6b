"""Floors that bend: a road that rises and falls, and lies over in its bends, is one floor and not terraces on several planes.

A large level region is followed over the faces that go on from it, within the tolerance of a relief that is fitted to what it
holds so far and goes straight on beyond; then it gets as few knots as tell how it bends. One that keeps to its plane stays flat.
"""

import numpy as np

from recon.export.floors import UP
from recon.export.planes import FlatRegion, Plane, axes_along, fit_plane, pieces_of_area
from recon.export.relief import Relief, fitted
from recon.geometry.face_graph import shared_edges
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import sample_surface
from recon.geometry.transforms import Array

_LEAST_AREA = 25_000.0  # squared tolerances of a region that may bend: tops of furniture do not
_BENT = 0.25  # tolerances that a quarter of it leaves its plane by
_EXPLAINED = 0.5  # of that at most is left over the relief: noise is no bend
_TURNED = 0.9  # cosine between a face and the plane
_GROWTH = 200.0  # tolerances between knots while a region grows, and as far it grows at once
_ROUNDS = 24
_GROWS = 1.01  # times its area: less and it is whole
_STIFF, _SOFT = 0.1, 0.003  # as in `fitted`: while it grows, and when it is known
_COARSEST, _FINEST = 400.0, 100.0  # tolerances between knots, at first and at last
_GOOD = 0.25  # tolerances that nineteen parts of twenty lie off the relief at most: then it has knots enough
_WORTH = 0.985  # of what lies off it in the mean (rms) that another line of knots may leave at most
_BORDER = 50.0  # tolerances that the outermost knots lie beyond what was seen
_SPARE = 0.1  # tolerances (rms): as near it may be with fewer lines
_POINTS = 10_000


def bent_regions(mesh: TriangleMesh, regions: list[FlatRegion], *, tolerance: float) -> list[FlatRegion]:
    """Those level `regions` of a z-up mesh that bend, each grown as far as its surface goes on, with its relief; no face in two."""
    pairs = shared_edges(mesh.faces)
    is_free = np.ones(len(mesh.faces), bool)
    found: list[FlatRegion] = []
    for region in regions:
        start = region.faces[is_free[region.faces]]
        area = float(mesh.face_areas[start].sum())
        if region.plane.normal[2] < UP or area < max(_LEAST_AREA * tolerance**2, region.area / 2):
            continue
        grown = _grown(mesh, pairs, is_free, start, tolerance)
        if grown is not None:
            found.append(grown)
            is_free[grown.faces] = False
    return found


def _grown(
    mesh: TriangleMesh, pairs: np.ndarray, is_free: np.ndarray, inside: np.ndarray, tolerance: float
) -> FlatRegion | None:
    """The region about faces `inside`, among those that are free [f], with its relief; None where it is flat."""
    areas = mesh.face_areas
    for _ in range(_ROUNDS):
        plane, axes, points = _seen_of(mesh, inside)
        relief = _relief(axes, plane, points, _GROWTH * tolerance)
        now = _on(mesh, pairs, is_free, plane, relief, tolerance)
        if areas[now].sum() < _GROWS * areas[inside].sum():
            break
        inside = now
    plane, axes, points = _seen_of(mesh, inside)
    relief = _with_knots(axes, plane, points, tolerance)
    heights = plane.height(points)
    off = float(np.quantile(np.abs(heights), 0.75))
    left = float(np.quantile(np.abs(heights - relief.at(points)), 0.75))
    if off < _BENT * tolerance or left > _EXPLAINED * off:
        return None
    inside = _on(mesh, pairs, is_free, plane, relief, tolerance)
    return FlatRegion(plane, inside, float(areas[inside].sum()), relief)


def _seen_of(mesh: TriangleMesh, inside: np.ndarray) -> tuple[Plane, Array, Array]:
    """The plane nearest to some faces, its axes [2, 3] along their smallest rectangle, and points [k, 3] spread over them."""
    part = TriangleMesh(mesh.vertices, mesh.faces[inside])
    plane = fit_plane(part.vertices[part.faces].mean(1), part.face_areas, towards=np.array([0.0, 0.0, 1.0]))
    points = sample_surface(part, _POINTS, seed=0)[0]
    return plane, axes_along(plane, points), points


def _lines(axes: Array, points: Array, *, margin: float, apart: float) -> tuple[Array, Array]:
    """Lines along both axes over points and a margin about them, evenly spread, at most so far `apart`."""
    flat = points @ axes.T
    low, high = flat.min(0) - margin, flat.max(0) + margin
    n = np.maximum(2, np.ceil((high - low) / apart).astype(int) + 1)
    return np.linspace(low[0], high[0], n[0]), np.linspace(low[1], high[1], n[1])


def _relief(axes: Array, plane: Plane, points: Array, apart: float) -> Relief:
    """A relief over points, and as far about them as its knots are apart."""
    us, vs = _lines(axes, points, margin=apart, apart=apart)
    return fitted(axes, us, vs, points, plane.height(points), stiffness=_STIFF)


def _on(
    mesh: TriangleMesh, pairs: np.ndarray, is_free: np.ndarray, plane: Plane, relief: Relief, tolerance: float
) -> np.ndarray:
    """Faces of a mesh within the tolerance of a relief over a plane, between its knots, in pieces of some size.

    is_free: [f] those that may be.
    pairs: [e, 2] of faces that share an edge.
    """
    corners = mesh.vertices[mesh.faces]
    places = np.concatenate([corners, corners.mean(1, keepdims=True)], 1)
    off = np.abs(plane.height(places) - relief.at(places))
    flat = places[:, 3] @ relief.axes.T
    is_over = (flat >= [relief.us[0], relief.vs[0]]).all(1) & (flat <= [relief.us[-1], relief.vs[-1]]).all(1)
    is_on = is_free & is_over & (off[:, 3] < tolerance) & (off[:, :3] < 1.5 * tolerance).all(1)
    is_on &= mesh.face_normals @ plane.normal > _TURNED
    return pieces_of_area(is_on, pairs, mesh.face_areas, least=200.0 * tolerance**2)


def _with_knots(axes: Array, plane: Plane, points: Array, tolerance: float) -> Relief:
    """The relief with few knots that lies close to points: lines are added as long as it is worth it, then taken away again."""
    heights = plane.height(points)

    def fit(us: Array, vs: Array) -> tuple[float, Relief]:
        relief = fitted(axes, us, vs, points, heights, stiffness=_SOFT)
        return float(np.sqrt(((heights - relief.at(points)) ** 2).mean())), relief

    us, vs = _lines(axes, points, margin=_BORDER * tolerance, apart=_COARSEST * tolerance)
    rms, relief = fit(us, vs)
    while np.quantile(np.abs(heights - relief.at(points)), 0.95) > _GOOD * tolerance:
        squares = (heights - relief.at(points)) ** 2
        tried = [fit(*lines) for lines in _halved(relief, points, squares, least=2 * _FINEST * tolerance)]
        best = min(tried, key=lambda each: each[0], default=(np.inf, relief))
        if best[0] > _WORTH * rms:
            break
        rms, relief = best
    while tried := [fit(*lines) for lines in _thinned(relief)]:
        fewer, thinner = min(tried, key=lambda each: each[0])
        if fewer > max(rms / _WORTH, _SPARE * tolerance):
            break
        rms, relief = fewer, thinner
    return relief


def _halved(relief: Relief, points: Array, squares: Array, *, least: float) -> list[tuple[Array, Array]]:
    """Lines (u, v) with one more, along either axis, between the two between which squared errors [k] of points are most."""
    found = []
    for axis, lines in enumerate((relief.us, relief.vs)):
        between = np.clip(np.searchsorted(lines, points @ relief.axes[axis]) - 1, 0, len(lines) - 2)
        total = np.bincount(between, squares, len(lines) - 1)
        total[np.diff(lines) < least] = 0
        if total.any():
            worst = int(total.argmax())
            more = np.insert(lines, worst + 1, lines[worst : worst + 2].mean())
            found.append((more, relief.vs) if axis == 0 else (relief.us, more))
    return found


def _thinned(relief: Relief) -> list[tuple[Array, Array]]:
    """Lines (u, v) without one of the inner ones."""
    us, vs = relief.us, relief.vs
    return [(np.delete(us, i), vs) for i in range(1, len(us) - 1)] + [
        (us, np.delete(vs, i)) for i in range(1, len(vs) - 1)
    ]
