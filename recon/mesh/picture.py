"""A small software renderer: pictures of a mesh without a GPU, by ray casting and texture lookup."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from recon.geometry import Camera, TriangleMesh, pixel_centers
from recon.geometry.surface import Hits, Surface
from recon.geometry.transforms import Array
from recon.kernels.painting import sample_image

_MAX_LAYERS = 8  # back faces looked through, at most


@dataclass(frozen=True)
class MeshPicture:
    """One view of a mesh."""

    color: NDArray[np.float32]  # [h, w, 3] in [0, 1]; the background where nothing is hit
    depth: NDArray[np.float32]  # [h, w] along camera z; 0 where nothing is hit
    normal: NDArray[np.float32]  # [h, w, 3] of the face, world; 0 where nothing is hit

    @property
    def is_hit(self) -> NDArray[np.bool_]:
        return self.depth > 0


class MeshScene:
    """A mesh made ready for ray casting; build it once for many pictures."""

    def __init__(self, mesh: TriangleMesh) -> None:
        self.mesh = mesh
        self._normals = mesh.face_normals
        self._face_uvs = None if mesh.uvs is None else _corner_and_edges(mesh.uvs[mesh.faces])
        self.surface = Surface(mesh)

    def depth(self, camera: Camera, world_from_camera: Array) -> NDArray[np.float32]:
        """[h, w] along camera z, 0 where nothing is hit."""
        origins, directions = _rays(camera, world_from_camera)
        t = self.surface.cast(origins, directions).distance
        return np.where(np.isfinite(t), t, 0).reshape(camera.size_hw).astype(np.float32)

    def look(
        self, camera: Camera, world_from_camera: Array, pixels: NDArray[np.int64]
    ) -> tuple[Hits, NDArray[np.float64]]:
        """What pixels [n] (flat, row by row) hit, and the cosines [n] of their rays to the faces, negative from behind."""
        origins, directions = _rays(camera, world_from_camera)
        towards = directions[pixels]
        hits = self.surface.cast(origins[pixels], towards)
        lengths = np.sqrt(dot(towards, towards))
        return hits, -dot(hits.normals, towards) / lengths

    def render(
        self, camera: Camera, world_from_camera: Array, *, background: float = 1.0, cull_back: bool = False
    ) -> MeshPicture:
        """Colours by texture, else by vertex colours, else by the angle to the camera. `cull_back` looks through faces
        seen from behind, so that a room shows its inside from outside."""
        origins, directions = _rays(camera, world_from_camera)
        hits = self.surface.cast(origins, directions)
        t, face, barycentric = hits.distance, hits.faces, hits.barycentric
        for _ in range(_MAX_LAYERS if cull_back else 0):
            behind = np.flatnonzero(np.isfinite(t) & (dot(self._normals[face], directions) > 0))
            if not len(behind):
                break
            start = t[behind] * (1 + 1e-5) + 1e-6
            onward = self.surface.cast(origins[behind] + start[:, None] * directions[behind], directions[behind])
            t[behind], face[behind] = onward.distance + start, onward.faces
            barycentric[behind] = onward.barycentric
        hit = np.isfinite(t)
        color = np.full((len(t), 3), background, np.float32)
        color[hit] = self._colors(face[hit], barycentric[hit], directions[hit])
        normal = np.where(hit[:, None], self._normals.astype(np.float32)[face], np.float32(0))
        h, w = camera.size_hw
        depth = np.where(hit, t, 0).astype(np.float32)
        return MeshPicture(color.reshape(h, w, 3), depth.reshape(h, w), normal.reshape(h, w, 3))

    def _colors(self, face: NDArray, barycentric: NDArray, directions: NDArray) -> NDArray[np.float32]:
        if self._face_uvs is not None and self.mesh.texture is not None:
            corner, *edges = (values[face] for values in self._face_uvs)
            uvs = corner + sum(barycentric[:, k : k + 1] * edge for k, edge in enumerate(edges))
            return sample_texture(self.mesh.texture, uvs)
        if self.mesh.colors is not None:
            corners, (u, v) = self.mesh.faces[face], (barycentric[:, :1], barycentric[:, 1:])
            weights = np.concatenate([1 - u - v, u, v], 1)[..., None]
            return ((weights * self.mesh.colors[corners]).sum(1) / 255).astype(np.float32)
        unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
        shade = np.abs((self._normals[face] * unit).sum(1, keepdims=True))
        return (0.15 + 0.75 * np.repeat(shade, 3, 1)).astype(np.float32)


def render_mesh(mesh: TriangleMesh, camera: Camera, world_from_camera: Array, **options: bool | float) -> MeshPicture:
    """One picture of a mesh; for several, keep a `MeshScene`. Options: `background`, `cull_back`."""
    return MeshScene(mesh).render(camera, world_from_camera, **options)  # type: ignore[arg-type]


def sample_texture(texture: NDArray[np.uint8], uvs: NDArray) -> NDArray[np.float32]:
    """Bilinear colours [n, 3] in [0, 1] of a texture [h, w, 3] (row 0 on top) at uvs [n, 2] (origin bottom left)."""
    h, w = texture.shape[:2]
    pixels = np.stack([uvs[:, 0] * w, (1 - uvs[:, 1]) * h], -1)
    return sample_image(torch.from_numpy(texture), torch.from_numpy(pixels)).numpy()


def dot(a: NDArray, b: NDArray) -> NDArray:
    """Products [n] of vectors [n, 3]; summing an axis of three is slow in numpy."""
    return np.einsum("ij,ij->i", a, b)


def _corner_and_edges(corners: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Of faces' corners [f, 3, k]: the first, and the ways from it to the second and the third, [f, k] each."""
    first = corners[:, 0]
    return first, corners[:, 1] - first, corners[:, 2] - first


def texture_taps(uvs: NDArray, size_hw: tuple[int, int]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Of the texels that uvs [n, 2] lie between the first [n] (flat), and the bilinear shares [n, 4] of it, of that to its right,
    and of the two below; as `sample_texture` reads them.
    """
    h, w = size_hw
    x, y = np.clip(uvs[:, 0] * w - 0.5, 0, w - 1), np.clip((1 - uvs[:, 1]) * h - 0.5, 0, h - 1)
    left, top = np.minimum(x.astype(np.int64), w - 2), np.minimum(y.astype(np.int64), h - 2)
    ax, ay = x - left, y - top
    shares = np.stack([(1 - ax) * (1 - ay), ax * (1 - ay), (1 - ax) * ay, ax * ay], -1)
    return (top * w + left).astype(np.int32), shares.astype(np.float32)


def _rays(camera: Camera, world_from_camera: Array) -> tuple[Array, Array]:
    """Origins and directions [h w, 3] in the world; directions have camera z = 1, so that t is the depth."""
    directions = _directions(camera) @ world_from_camera[:3, :3].T
    return np.broadcast_to(world_from_camera[:3, 3], directions.shape), directions


@lru_cache(maxsize=4)  # a capture has few cameras and many views; taking the lens out of a picture is slow
def _directions(camera: Camera) -> Array:
    """[h w, 3] in the camera frame with z = 1."""
    local = camera.unproject(pixel_centers(camera.size_hw).reshape(-1, 2).to(torch.float64)).numpy()
    directions = local / np.maximum(local[:, 2:], 1e-6)  # fisheye rays of more than 90 degrees have no depth
    directions.setflags(write=False)
    return directions
