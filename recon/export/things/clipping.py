"""Triangles cut in two along a plane, with their texture: each part keeps to its side, and both agree on the cut."""

from dataclasses import dataclass

import numpy as np

from recon.geometry.mesh import TriangleMesh
from recon.geometry.transforms import Array


@dataclass(frozen=True)
class CutMesh:
    """A mesh whose faces come from those of another: `parent` [f] is the number of the face that each is a part of."""

    mesh: TriangleMesh
    parent: np.ndarray

    @staticmethod
    def whole(mesh: TriangleMesh) -> "CutMesh":
        """A mesh before any cut."""
        return CutMesh(mesh, np.arange(len(mesh.faces)))


def cut_along(cut: CutMesh, side: Array, faces: np.ndarray) -> CutMesh:
    """Cut `faces` [f] bool where `side` [v], a signed height of vertices, changes its sign. Parts stand at the end, in no order."""
    mesh = cut.mesh
    signs = side[mesh.faces] >= 0
    crossing = np.flatnonzero(faces & signs.any(1) & ~signs.all(1))
    if not len(crossing):
        return cut
    corners = mesh.faces[crossing]
    # Turn each triangle until its lone corner, the only one on its side, comes first.
    is_lone = np.where((signs[crossing].sum(1) == 1)[:, None], signs[crossing], ~signs[crossing])
    a, b, c = (np.take_along_axis(corners, (is_lone.argmax(1)[:, None] + i) % 3, 1)[:, 0] for i in range(3))
    edges = np.sort(np.concatenate([np.stack([a, b], 1), np.stack([a, c], 1)]), axis=1)
    edges, which = np.unique(edges, axis=0, return_inverse=True)
    at = len(mesh.vertices) + which.reshape(2, -1)
    parts = np.concatenate(
        [np.stack([a, at[0], at[1]], 1), np.stack([at[0], b, c], 1), np.stack([at[0], c, at[1]], 1)]
    ).astype(np.int32)
    kept = np.ones(len(mesh.faces), bool)
    kept[crossing] = False
    return CutMesh(
        with_points(mesh, *_between(edges, side), faces=np.concatenate([mesh.faces[kept], parts])),
        np.concatenate([cut.parent[kept], np.tile(cut.parent[crossing], 3)]),
    )


def _between(edges: np.ndarray, side: Array) -> tuple[np.ndarray, Array]:
    """The ends of edges, and the weight of the second end where the side is zero."""
    ends = side[edges]
    return edges, np.clip(ends[:, 0] / (ends[:, 0] - ends[:, 1]), 0, 1)


def with_points(mesh: TriangleMesh, edges: np.ndarray, weight: Array, *, faces: np.ndarray) -> TriangleMesh:
    """A mesh with vertices added on edges [n, 2] at `weight` [n] of the second end, and with new faces."""
    w = weight[:, None]

    def added(values: np.ndarray) -> np.ndarray:
        new = (1 - w) * values[edges[:, 0]] + w * values[edges[:, 1]]
        return np.concatenate([values, (np.rint(new) if values.dtype == np.uint8 else new).astype(values.dtype)])

    return TriangleMesh(
        added(mesh.vertices),
        faces,
        None if mesh.colors is None else added(mesh.colors),
        None if mesh.uvs is None else added(mesh.uvs),
        mesh.texture,
    )
