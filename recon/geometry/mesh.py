"""A triangle mesh, with vertex colours or a texture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recon.geometry.transforms import cross


@dataclass(frozen=True)
class TriangleMesh:
    """Vertices in world units; faces counter-clockwise seen from outside.

    A textured mesh has one uv per *corner-split* vertex (as OBJ and glTF want): uvs [v, 2], origin at the bottom left of
    the texture, and texture [h, w, 3] uint8 with row 0 at the top.
    """

    vertices: NDArray[np.float64]  # [v, 3]
    faces: NDArray[np.int32]  # [f, 3]
    colors: NDArray[np.uint8] | None = None  # [v, 3]
    uvs: NDArray[np.float32] | None = None  # [v, 2]
    texture: NDArray[np.uint8] | None = None  # [h, w, 3]

    def __post_init__(self) -> None:
        assert self.vertices.ndim == 2 and self.vertices.shape[1] == 3
        assert self.faces.ndim == 2 and self.faces.shape[1] == 3
        assert self.faces.size == 0 or 0 <= self.faces.min() <= self.faces.max() < len(self.vertices)
        assert self.colors is None or self.colors.shape == self.vertices.shape
        assert self.uvs is None or self.uvs.shape == (len(self.vertices), 2)
        assert (self.uvs is None) == (self.texture is None)

    @cached_property
    def face_areas(self) -> NDArray[np.float64]:
        """Areas [f] of the faces."""
        a, b, c = (self.vertices[self.faces[:, i]] for i in range(3))
        return np.linalg.norm(cross(b - a, c - a), axis=-1) / 2

    @property
    def face_normals(self) -> NDArray[np.float64]:
        """Unit normals [f, 3]; zero for a degenerate face."""
        a, b, c = (self.vertices[self.faces[:, i]] for i in range(3))
        across = cross(b - a, c - a)
        return across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-30)


def chosen(mesh: TriangleMesh, faces: np.ndarray) -> TriangleMesh:
    """Some faces (indices or bool), with only the vertices that they use; the texture is the same."""
    used, index = np.unique(mesh.faces[faces], return_inverse=True)
    return replace(
        mesh,
        vertices=mesh.vertices[used],
        faces=index.reshape(-1, 3).astype(np.int32),
        colors=None if mesh.colors is None else mesh.colors[used],
        uvs=None if mesh.uvs is None else mesh.uvs[used],
    )


def joined(meshes: Sequence[TriangleMesh]) -> TriangleMesh:
    """Meshes as one, without colours."""
    firsts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    faces = [mesh.faces + first for mesh, first in zip(meshes, firsts, strict=True)] if meshes else []
    return TriangleMesh(
        np.concatenate([np.zeros((0, 3)), *(mesh.vertices for mesh in meshes)]),
        np.concatenate([np.zeros((0, 3), np.int32), *faces]).astype(np.int32),
    )


def joined_alike(first: TriangleMesh, second: TriangleMesh) -> TriangleMesh:
    """Two meshes with one texture, or with colours both, or neither, as one."""

    def both(a: np.ndarray | None, b: np.ndarray | None) -> np.ndarray | None:
        return None if a is None or b is None else np.concatenate([a, b])

    return TriangleMesh(
        np.concatenate([first.vertices, second.vertices]),
        np.concatenate([first.faces, second.faces + len(first.vertices)]).astype(np.int32),
        both(first.colors, second.colors),
        both(first.uvs, second.uvs),
        first.texture,
    )
