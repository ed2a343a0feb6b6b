"""Charts: pieces of a mesh that, seen along one direction, lie flat without hiding one another.

Fused surfaces are planes and what stands on them, so a chart needs no conformal map. It grows from the largest face left, takes
the neighbour that is turned the least from it, and ends where faces are turned away too far. Pressed flat along its mean normal
its faces keep at least cos(`_MOST_TURN`) of their area; those that come to lie under others
of their chart form charts of their own.
"""

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recon.geometry import TriangleMesh
from recon.geometry.face_graph import pieces_by_pairs, shared_edges
from recon.geometry.surface import Surface
from recon.geometry.transforms import Array

_TURN = np.cos(np.deg2rad(60))  # from a chart's mean normal so far: the cosine up to which a face is taken
_MOST_TURN = np.cos(np.deg2rad(75))  # from its mean normal in the end; what is turned further leaves the chart
_STEP = 1.0  # of the logarithm (base 2) of how finely faces want to be drawn: those of a chart are alike to half of it
_MOST_ROUNDS = 8  # of taking hidden faces out; what is hidden even then lies alone
# Of a face, where another may hide it: its middle, near its corners, near the middles of its edges. Slivers are let pass.
_PLACES = ((1 / 3, 1 / 3), (0.02, 0.02), (0.96, 0.02), (0.02, 0.96), (0.49, 0.02), (0.02, 0.49), (0.49, 0.49))


@dataclass(frozen=True)
class FlatCharts:
    """A mesh cut into charts that lie flat."""

    chart: NDArray[np.int64]  # [f] which chart a face is in
    corners: Array  # [f, 3, 3] of the faces: two axes along their chart's plane, and the height; the charts lie apart


def flat_charts(mesh: TriangleMesh, fineness: Array) -> FlatCharts:
    """Charts of a mesh: connected, no face under another or turned away, every face in one. A face without area lies alone.

    fineness: [f] above 0, how finely the faces want to be drawn, by length. A chart's faces want alike, and it is enlarged so.
    """
    pairs, normals, areas = shared_edges(mesh.faces), mesh.face_normals, mesh.face_areas
    chart = np.full(len(mesh.faces), -1)
    left = areas > 0
    step = np.round(np.log2(fineness) / _STEP)
    alike = pairs[step[pairs[:, 0]] == step[pairs[:, 1]]]
    for _ in range(_MOST_ROUNDS):
        grown = _grown(alike[left[alike].all(1)], normals, areas, left)
        chart[left] = chart.max(initial=-1) + 1 + grown[left]
        chart = _connected(chart, alike)
        corners, turned = _laid_flat(mesh, chart)
        left = (areas > 0) & (turned | _is_hidden(_beside(corners, chart), chart))
        if not left.any():
            break
        chart[left] = -1
    alone = chart < 0
    chart[alone] = chart.max(initial=-1) + 1 + np.arange(alone.sum())
    larger = (2.0 ** (_STEP * step))[:, None, None]
    return FlatCharts(chart, _beside(_laid_flat(mesh, chart)[0] * larger, chart))


def _connected(chart: NDArray[np.int64], pairs: NDArray) -> NDArray[np.int64]:
    """The charts [f] numbered anew, each connected piece by itself; faces in none (-1) stay so."""
    together = pairs[chart[pairs[:, 0]] == chart[pairs[:, 1]]]
    pieces = pieces_by_pairs(together, len(chart)).astype(np.int64)
    return np.where(chart >= 0, pieces, -1)


def _grown(pairs: NDArray, normals: Array, areas: Array, wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Charts [f] of the faces `wanted` [f]; pairs [e, 2]: which of them meet. Deterministic: ties go by number."""
    neighbours: list[list[int]] = [[] for _ in areas]
    for a, b in pairs.tolist():
        neighbours[a].append(b)
        neighbours[b].append(a)
    chart, n_charts = [-1] * len(areas), 0
    normal_of, area_of = normals.tolist(), areas.tolist()
    seeds = np.flatnonzero(wanted)
    for seed in seeds[np.argsort(-areas[seeds], kind="stable")].tolist():
        if chart[seed] < 0:
            _grow(seed, n_charts, chart, neighbours, normal_of, area_of)
            n_charts += 1
    return np.array(chart)


def _grow(
    seed: int,
    number: int,
    chart: list[int],
    neighbours: list[list[int]],
    normals: list[list[float]],
    areas: list[float],
) -> None:
    """Write `number` into the `chart` [f] of the seed and of the faces that it takes, the least turned first.

    neighbours [f][..]: faces that share an edge with each; normals [f][3], unit; areas [f].
    """
    x, y, z = 0.0, 0.0, 0.0
    length = 1.0
    queue = [(0.0, seed)]
    while queue:
        _, face = heapq.heappop(queue)
        if chart[face] >= 0:
            continue
        nx, ny, nz = normals[face]
        if face != seed and nx * x + ny * y + nz * z < _TURN * length:
            continue  # the mean has turned since the face was met
        chart[face] = number
        area = areas[face]
        x, y, z = x + area * nx, y + area * ny, z + area * nz
        length = (x * x + y * y + z * z) ** 0.5
        for other in neighbours[face]:
            if chart[other] < 0:
                ox, oy, oz = normals[other]
                along = (ox * x + oy * y + oz * z) / length
                if along >= _TURN:
                    heapq.heappush(queue, (-along, other))


def _laid_flat(mesh: TriangleMesh, chart: NDArray[np.int64]) -> tuple[Array, NDArray[np.bool_]]:
    """Corners [f, 3, 3] of the faces in the frame of their chart (-1: none): its plane, and the height above it; and which faces
    [f] are turned too far from it.

    The plane stands on the mean normal; its first axis is as level as can be, so that what stands upright does in the texture.
    """
    mean = np.zeros((int(chart.max(initial=-1)) + 2, 3))  # the last row: of faces in no chart
    np.add.at(mean, chart, mesh.face_normals * mesh.face_areas[:, None])
    up = _unit(mean)
    is_level = np.abs(up[:, 2]) > 0.999
    right = np.where(is_level[:, None], [1.0, 0.0, 0.0], np.stack([-up[:, 1], up[:, 0], np.zeros(len(up))], 1))
    right = _unit(right - (right * up).sum(1, keepdims=True) * up)
    frames = np.stack([right, np.cross(up, right), up], 1)  # [c, 3, 3] rows: the axes
    corners = np.einsum("fij,fkj->fki", frames[chart], (mesh.vertices - mesh.vertices.mean(0))[mesh.faces])
    return corners, (mesh.face_normals * up[chart]).sum(1) < _MOST_TURN


def _is_hidden(flat: Array, chart: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which faces [f] lie under another face of their chart, seen from above it; flat: `_beside`.

    Rays go down on a few places of every face: the first face that they meet should be it.
    """
    surface = Surface(TriangleMesh(flat.reshape(-1, 3), np.arange(3 * len(flat), dtype=np.int32).reshape(-1, 3)))
    top = float(flat[..., 2].max(initial=0)) + 1
    hidden = np.zeros(len(flat), bool)
    for u, v in _PLACES:
        above = (1 - u - v) * flat[:, 0] + u * flat[:, 1] + v * flat[:, 2]
        reach = top - above[:, 2]
        above[:, 2] = top
        hits = surface.cast(above, np.broadcast_to([0.0, 0.0, -1.0], above.shape))
        hidden |= hits.is_hit & (hits.faces != np.arange(len(flat))) & (hits.distance < reach * (1 - 1e-5))
    return hidden & (chart >= 0)


def _beside(corners: Array, chart: NDArray[np.int64]) -> Array:
    """Corners [f, 3, 3] in the frames of their charts, the charts set apart in rows that are about as many as one has charts."""
    n_charts = int(chart.max(initial=-1)) + 1
    low, high = np.full((n_charts + 1, 3), np.inf), np.full((n_charts + 1, 3), -np.inf)
    np.minimum.at(low, chart, corners.min(1))
    np.maximum.at(high, chart, corners.max(1))
    size = np.where(high > low, high - low, 0)
    gap = 0.01 * float(size.max(initial=0)) + 1e-9
    row = np.arange(n_charts + 1) // max(1, round(np.sqrt(n_charts)))
    along = np.cumsum(size[:, 0] + gap)
    starts = np.concatenate([[0.0], along])[np.searchsorted(row, row)]
    heights = np.zeros(row[-1] + 1)
    np.maximum.at(heights, row, size[:, 1] + gap)
    place = np.stack([along - size[:, 0] - starts, (np.cumsum(heights) - heights)[row], np.zeros(len(row))], 1)
    return corners + (place - low)[chart][:, None]


def _unit(vectors: Array) -> Array:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-30)
