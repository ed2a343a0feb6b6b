"""Which faces of a mesh hang together: by the edges that they share, or by single vertices too."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


def edges_of(faces: NDArray) -> NDArray:
    """Directed edges [3 f, 2] of faces [f, 3]: those of face i are rows 3 i to 3 i + 2."""
    return faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)


def shared_edges(faces: NDArray) -> NDArray:
    """Pairs [e, 2] of faces [f, 3] that have an edge in common.

    >>> shared_edges(np.array([[0, 1, 2], [2, 1, 3], [3, 4, 5]])).tolist()
    [[0, 1]]
    """
    edges = np.sort(edges_of(faces), axis=1)
    order = np.lexsort(edges.T)
    same = (edges[order[1:]] == edges[order[:-1]]).all(1)
    pairs = np.sort(np.stack([order[1:][same], order[:-1][same]], 1) // 3, axis=1)
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)


def open_edges(faces: NDArray) -> tuple[NDArray, NDArray]:
    """The directed edges [n] that one of the faces [f, 3] has alone: the face of each, and the corner (0 to 2) where it starts.

    >>> [rows.tolist() for rows in open_edges(np.array([[0, 1, 2], [2, 1, 3]]))]
    [[0, 0, 1, 1], [0, 2, 1, 2]]
    """
    edges = np.sort(edges_of(faces), axis=1)
    _, which, count = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
    return np.divmod(np.flatnonzero(count[which.reshape(-1)] == 1), 3)


def pieces_by_pairs(pairs: NDArray, n: int) -> NDArray[np.int32]:
    """The number [n] of the connected piece that each of n things is in, where `pairs` [m, 2] are connected.

    >>> pieces_by_pairs(np.array([[0, 2], [2, 3]]), 4).tolist()
    [0, 1, 0, 0]
    """
    graph = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return connected_components(graph, directed=False)[1]


def pieces_by_vertices(faces: NDArray) -> NDArray[np.int32]:
    """The number [f] of the connected piece of each face [f, 3]; faces that share a vertex are connected.

    >>> pieces_by_vertices(np.array([[0, 1, 2], [2, 3, 4], [5, 6, 7]])).tolist()
    [0, 0, 1]
    """
    of_vertex = pieces_by_pairs(edges_of(faces), int(faces.max(initial=-1)) + 1)
    return np.unique(of_vertex[faces[:, 0]], return_inverse=True)[1].reshape(-1).astype(np.int32)
