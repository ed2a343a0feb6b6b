"""Pictures of holes in a plane: the known texture about a hole, continued over it, and packed below the texture of the mesh."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from recon.export.plan_view import PlanView
from recon.export.strips import strips
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface
from recon.geometry.transforms import Array

_TEXELS = 1000  # most along a side of a hole
_PER_CELL = 2
_MARGIN = 12  # texels about a hole that its picture is continued from
_KNOWN = 0.01  # of a coarse texel: with more of it known it takes no colour from those about it
_NEAR = 2.0  # tolerances about the plane where texture is taken from


@dataclass(frozen=True)
class Patch:
    """A hole, cells [rows, columns] of a plane's view, and the grid of its picture: row 0 at the least v."""

    view: PlanView
    hole: np.ndarray
    low: Array  # (u, v) of the picture's corner
    texel: float
    size_hw: tuple[int, int]

    def surface(self, *, height: float) -> TriangleMesh:
        """The hole closed at a height over the plane."""
        return strips(self.view, self.hole, height=height)

    def texels(self, points: Array) -> Array:
        """Where points [n, 3] are in the picture: (x, y) from its corner, in texels."""
        return (self.view.flat(points) - self.low) / self.texel


def patch_over(view: PlanView, hole: np.ndarray) -> Patch:
    """The picture grid of a hole with at least one cell."""
    rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
    cells = np.array([columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1])
    texel = view.cell * max(1 / _PER_CELL, float(cells.max()) / _TEXELS)
    low = view.low + view.cell * (np.array([columns[0], rows[0]]) - 0.5) - _MARGIN * texel
    width, height = np.ceil(cells * view.cell / texel).astype(int) + 2 * _MARGIN
    return Patch(view, hole, low, texel, (int(height), int(width)))


def continued(surface: Surface, is_seen: np.ndarray, patch: Patch, *, tolerance: float) -> np.ndarray:
    """The picture [h, w, 3] uint8 of a patch: what a mesh shows about it, and over the hole what continues it.

    Only colours of faces that a view shows (`is_seen` [f]) are taken.
    """
    height, width = patch.size_hw
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    flat = patch.low + patch.texel * np.stack([x, y], -1).reshape(-1, 2)
    above = patch.view.world(flat, _NEAR * tolerance)
    hits = surface.cast(above, np.broadcast_to(-patch.view.plane.normal, above.shape))
    is_known = (hits.distance < 2 * _NEAR * tolerance) & (hits.normals @ patch.view.plane.normal > 0.5)
    is_known &= ~_is_open(patch, above) & is_seen[hits.faces]
    picture = np.zeros((height * width, 3), np.uint8)
    picture[is_known] = colors_of(surface.mesh, hits.faces[is_known], hits.barycentric[is_known])
    if not is_known.any():
        return picture.reshape(height, width, 3)
    weight = is_known.reshape(height, width).astype(np.float32)
    whole = _pulled_over(weight[..., None] * picture.reshape(height, width, 3), weight)
    return np.asarray(np.rint(whole).clip(0, 255).astype(np.uint8))


def _pulled_over(weighted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Colours [h, w, 3] times their `weight` [h, w], 0 to 1 -> colours everywhere, the softer the farther from any that is known.

    Pull and push (Gortler et al., The Lumigraph, 1996): what a level does not know it has from one half as fine. Over a large
    hole that is plain, where inpainting along edges would draw streaks.
    """
    height, width = weight.shape
    if weight.min() >= 1 or min(height, width) == 1:
        known = weight.sum()
        mean = weighted.sum((0, 1)) / known if known else np.zeros(3)
        return weighted + (1 - weight[..., None]) * mean
    coarse, known = cv2.pyrDown(weighted), cv2.pyrDown(weight)
    full = np.minimum(1, known / _KNOWN)
    below = _pulled_over(coarse * (full / np.maximum(known, 1e-9))[..., None], full)
    return np.asarray(weighted + (1 - weight[..., None]) * cv2.pyrUp(below, dstsize=(width, height)))


def _is_open(patch: Patch, points: Array) -> np.ndarray:
    rows, columns, inside = patch.view.cells(points)
    return np.asarray(inside & patch.hole[rows, columns])


def colors_of(mesh: TriangleMesh, faces: np.ndarray, barycentric: np.ndarray) -> np.ndarray:
    """Colours [n, 3] uint8 of places on faces, from the texture or the vertices; grey without either."""
    if mesh.uvs is None and mesh.colors is None:
        return np.full((len(faces), 3), 128, np.uint8)
    weights = np.concatenate([1 - barycentric.sum(1, keepdims=True), barycentric], 1)[..., None]
    if mesh.uvs is None or mesh.texture is None:
        assert mesh.colors is not None
        return np.asarray(np.rint((weights * mesh.colors[mesh.faces[faces]]).sum(1)).astype(np.uint8))
    height, width = mesh.texture.shape[:2]
    u, v = (weights * mesh.uvs[mesh.faces[faces]]).sum(1).T
    column = np.clip((u * width).astype(int), 0, width - 1)
    row = np.clip(((1 - v) * height).astype(int), 0, height - 1)
    return mesh.texture[row, column]


@dataclass(frozen=True)
class Atlas:
    """A texture with pictures packed below it: `corners` [n, 2] (column, row) of each, and the size of the old texture."""

    texture: np.ndarray
    corners: np.ndarray
    old_hw: tuple[int, int]

    def moved(self, mesh: TriangleMesh) -> TriangleMesh:
        """A mesh of the old texture with this one."""
        if mesh.uvs is None:
            return mesh
        (old_height, old_width), (height, width) = self.old_hw, self.texture.shape[:2]
        u = mesh.uvs[:, 0] * old_width / width
        v = 1 - (1 - mesh.uvs[:, 1]) * old_height / height
        return replace(mesh, uvs=np.stack([u, v], -1).astype(np.float32), texture=self.texture)

    def uvs(self, number: int, texels: Array) -> np.ndarray:
        """Coordinates [n, 2] of places in picture `number`."""
        height, width = self.texture.shape[:2]
        x, y = (texels + self.corners[number]).T
        return np.stack([x / width, 1 - y / height], -1).astype(np.float32)


def packed(texture: np.ndarray, pictures: list[np.ndarray]) -> Atlas:
    """Pictures in shelves below a texture, which grows at the bottom, and to the right where a picture is wider than it."""
    width = max([texture.shape[1], *(picture.shape[1] for picture in pictures)])
    corners = np.zeros((len(pictures), 2), int)
    x, y, shelf = 0, texture.shape[0], 0
    for number in sorted(range(len(pictures)), key=lambda n: -pictures[n].shape[0]):
        high, wide = pictures[number].shape[:2]
        if x + wide > width:
            x, y, shelf = 0, y + shelf, 0
        corners[number] = x, y
        x, shelf = x + wide, max(shelf, high)
    atlas = np.zeros((y + shelf, width, 3), np.uint8)
    atlas[: texture.shape[0], : texture.shape[1]] = texture
    for (column, row), picture in zip(corners, pictures, strict=True):
        atlas[row : row + picture.shape[0], column : column + picture.shape[1]] = picture
    return Atlas(atlas, corners, texture.shape[:2])
