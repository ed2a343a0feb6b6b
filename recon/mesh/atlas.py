"""Cutting a mesh into charts and packing them into one texture (xatlas), and the surface points of its texels."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from recon.geometry import TriangleMesh
from recon.geometry.surface import Surface
from recon.geometry.transforms import Array
from recon.mesh.charts import flat_charts

_COARSEST = 0.02  # share of the faces that are drawn more finely than they want
_ROWS = 256  # of the texture, rasterised at once: bounds the memory


@dataclass(frozen=True)
class Atlas:
    """Corner-split vertices with texture coordinates."""

    source_vertex: NDArray[np.int64]  # [v] the vertex of the unsplit mesh
    faces: NDArray[np.int32]  # [f, 3] into the split vertices; the faces are those of the unsplit mesh, in order
    uvs: NDArray[np.float32]  # [v, 2], origin at the bottom left


@dataclass(frozen=True)
class SurfaceSamples:
    """Points on a mesh that want a colour."""

    positions: NDArray[np.float32]  # [n, 3] world
    normals: NDArray[np.float32]  # [n, 3] unit, of the face
    faces: NDArray[np.int64]  # [n]
    corners: NDArray[np.int32]  # [n, 3] vertices of the face
    shares: NDArray[np.float32]  # [n, 3] of the corners in the place: its barycentric coordinates

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, index: NDArray) -> "SurfaceSamples":
        """Some of them, by number or mark."""
        return SurfaceSamples(*(getattr(self, field.name)[index] for field in fields(self)))


def unwrap(mesh: TriangleMesh, *, texture_size: int, fineness: NDArray | None = None, padding: int = 3) -> Atlas:
    """The mesh's `flat_charts`, packed with `padding` texels between them at `texture_size` (xatlas).

    fineness: [f] texels that a face wants along a world unit, of which only the ratios count, as pixels of the photo that shows it
    best: near the camera more than far away; 0 where nobody knows. None: all alike.
    """
    import xatlas

    wanted = _with_floor(np.ones(len(mesh.faces)) if fineness is None else fineness.astype(np.float64))
    charts = flat_charts(mesh, wanted)
    keys = charts.chart[:, None] * len(mesh.vertices) + mesh.faces
    _, first, split = np.unique(keys, return_index=True, return_inverse=True)
    flat = charts.corners[..., :2].reshape(-1, 2)[first]
    flat *= texture_size / np.sqrt((mesh.face_areas * wanted**2).sum())  # texels, about
    atlas, packing = xatlas.Atlas(), xatlas.PackOptions()
    atlas.add_uv_mesh(flat.astype(np.float32), split.reshape(-1, 3).astype(np.uint32))
    packing.resolution, packing.padding, packing.bilinear = texture_size, padding, True
    atlas.generate(pack_options=packing)
    source, faces, uvs = atlas[0]
    return Atlas(mesh.faces.reshape(-1)[first][source].astype(np.int64), faces.astype(np.int32), _flip_v(uvs))


def _with_floor(fineness: Array) -> Array:
    """Fineness [f] above 0: faces that no photo shows, or hardly one, are drawn like the coarsest of the others."""
    shown = fineness[fineness > 0]
    return np.maximum(fineness, np.quantile(shown, _COARSEST) if len(shown) else 1.0)


def texel_samples(mesh: TriangleMesh, atlas: Atlas, texture_size: int) -> tuple[SurfaceSamples, NDArray[np.int64]]:
    """Surface points of all texels whose centre lies in a chart, and their flat index in the texture (row 0 on top).

    Rasterised by casting rays down on the charts laid out flat: exact barycentrics, no loop over triangles.
    """
    flat = np.concatenate([atlas.uvs * texture_size, np.zeros((len(atlas.uvs), 1), np.float32)], 1)
    charts = Surface(TriangleMesh(flat.astype(np.float64), atlas.faces), origin=np.zeros(3))
    texels, faces, barycentric = [], [], []
    for first in range(0, texture_size, _ROWS):
        rows = np.arange(first, min(first + _ROWS, texture_size))
        x, y = np.meshgrid(np.arange(texture_size) + 0.5, texture_size - 0.5 - rows)
        above = np.stack([x, y, np.ones_like(x)], -1).reshape(-1, 3)
        hits = charts.cast(above, np.broadcast_to([0.0, 0.0, -1.0], above.shape))
        here = np.flatnonzero(hits.is_hit)
        texels.append(first * texture_size + here)
        faces.append(hits.faces[here])
        barycentric.append(hits.barycentric[here])
    return samples_on_faces(mesh, np.concatenate(faces), np.concatenate(barycentric)), np.concatenate(texels)


def samples_on_faces(mesh: TriangleMesh, faces: NDArray, barycentric: NDArray) -> SurfaceSamples:
    """Points (1 - u - v) a + u b + v c on faces [n], with barycentrics [n, 2] = (u, v)."""
    u, v = barycentric[:, 0], barycentric[:, 1]
    shares, corners = np.stack([1 - u - v, u, v], -1), mesh.faces[faces]
    positions = np.einsum("nk,nkd->nd", shares, mesh.vertices[corners]).astype(np.float32)
    normals = mesh.face_normals[faces].astype(np.float32)
    return SurfaceSamples(positions, normals, faces, corners, shares.astype(np.float32))


def _flip_v(uvs: NDArray) -> NDArray[np.float32]:
    """xatlas packs from the top; ours counts from the bottom. Clipped: rounding may leave the unit square."""
    return np.clip(np.stack([uvs[:, 0], 1 - uvs[:, 1]], -1), 0, 1).astype(np.float32)
