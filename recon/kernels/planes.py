"""Which plane of the scene a pixel lies on: the nouns, and the public function. The energy: native/plane_labels.cpp."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STEPS = 4  # of Newton's method
_GRAZING = 1e-3  # the least fall of a ray, a unit of depth


@dataclass(frozen=True)
class PlaneGrid:
    """A plane normal . x = offset in the world, and a grid of square cells in it."""

    normal: Array  # [3], unit
    offset: float
    across: Array  # [3] unit axes in the plane
    along: Array
    low: Array  # [2] corner of the grid, in those axes
    cell: float


@dataclass(frozen=True)
class Relief(PlaneGrid):
    """Heights over a plane, bilinear on its grid: ground that bends. Beyond the grid its border goes on."""

    heights: Array  # [rows along, columns across]

    def above(self, points: Array) -> tuple[Array, Array]:
        """The height [n] of the ground over the plane at points [n, 3], and its slopes [n, 2] across and along."""
        rows, columns = self.heights.shape
        at = (np.stack([points @ self.across, points @ self.along], -1) - self.low) / self.cell
        at = np.clip(at, 0, np.array([columns, rows]) - 1.001)
        first = at.astype(np.int64)
        (x, y), (u, v) = first.T, (at - first).T
        a, b, c, d = (self.heights[y + dy, x + dx] for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)))
        height = (1 - v) * ((1 - u) * a + u * b) + v * ((1 - u) * c + u * d)
        slopes = np.stack([(1 - v) * (b - a) + v * (d - c), (1 - u) * (c - a) + u * (d - b)], -1) / self.cell
        return height, slopes


@dataclass(frozen=True)
class ScenePlane(PlaneGrid):
    """A plane that is seen from the side its normal looks to, and where its matter is known."""

    is_shell: bool  # nothing lies behind it, as behind a floor, a ceiling, an outer wall
    distances: NDArray[np.float32]  # [rows along, columns across] to known matter, in reaches; below 0: sure
    thickness: float  # world units: matter this near belongs to it
    reach: float  # world units: the unit of distances
    beyond: float = 1.0  # the distance beyond the map, in reaches
    shows_by_edges: bool = False  # nothing was matched on it, only round it, as of a white ceiling
    relief: Relief | None = None  # how its matter bends

    def depth(self, rays: Array, center: Array) -> Array:
        """Depths [..] at which rays [.., 3] (world, camera z = 1) from `center` [3] meet it; 0 where they do not."""
        slope = rays @ self.normal
        height = self.offset - float(self.normal @ center)
        meets = slope * height > 1e-12
        return np.where(meets, height / np.where(meets, slope, 1), 0)

    def surface(self, rays: Array, center: Array) -> tuple[Array, Array]:
        """Depths [n] at which rays [n, 3] meet its matter, bent as that is, and unit normals [n, 3]; the plane's where they miss.

        Newton's steps from the plane on, which converge unless a ray grazes a crest; such rays keep the plane's depth.
        """
        depth, normal = self.depth(rays, center), np.broadcast_to(self.normal, rays.shape)
        ground = self.relief
        if ground is None:
            return depth, normal
        bent, over, bent_normal = depth, np.zeros_like(depth), normal
        for _ in range(_STEPS):
            points = center + bent[:, None] * rays
            height, slopes = ground.above(points)
            bent_normal = ground.normal - slopes[:, :1] * ground.across - slopes[:, 1:] * ground.along
            over = points @ ground.normal - ground.offset - height
            falls = -(rays * bent_normal).sum(-1)  # how fast the ray comes down on the ground
            bent = bent + over / np.where(falls > _GRAZING, falls, np.inf)
        meets = (depth > 0) & (bent > 0) & (np.abs(over) < self.thickness)
        bent_normal = bent_normal / np.linalg.norm(bent_normal, axis=-1, keepdims=True)
        return np.where(meets, bent, depth), np.where(meets[:, None], bent_normal, normal)


@dataclass(frozen=True)
class LabelView:
    """What is known of a picture before its planes are."""

    intrinsics: tuple[float, float, float, float]  # fx fy cx cy
    camera_from_world: Array  # [4, 4]
    near: float
    far: float
    grey: NDArray[np.uint8]  # [h, w]
    depth: NDArray[np.float32]  # [h, w] confirmed, 0 elsewhere
    confidence: NDArray[np.float32]  # [h, w]
    is_closed: NDArray[np.bool_]  # [h, w] no plane may be here: sky, or nothing photographed
    region: NDArray[np.int32]  # [h, w] of nearly one colour, a row of `off_border`
    off_border: NDArray[
        np.float32
    ]  # [n_regions, n_planes] in [0, 1]: how little of the region's border lies on the plane


@dataclass(frozen=True)
class LabelSettings:
    """Costs of a label and between neighbours; in the order of the native struct."""

    tolerance: float = 0.015  # relative difference of a confirmed depth from its plane
    gain_spread: float = 16.0  # grey levels
    none: float = 0.7
    misfit: float = 3.0
    outside: float = 2.0
    seen_through: float = 2.0
    unseen: float = 0.15
    unlike: float = 0.5
    away: float = 0.3
    border: float = 0.6
    step: float = 1.0
    edge_sigma: float = 6.0
    edge_floor: float = 0.08
    jump: float = 25.0
    iterations: int = 5


def label_planes(
    views: Sequence[LabelView],
    planes: Sequence[ScenePlane],
    sources: NDArray[np.int32],  # [n_views, k] indices of views to ask, -1: none
    settings: LabelSettings,
) -> list[tuple[NDArray[np.int16], NDArray[np.float32]]]:
    """Per view: the plane of every pixel [h, w] (-1: none), and how much dearer the next best label is [h, w]."""
    from recon.kernels import native
    from recon.kernels.native import plane_labels

    native.set_n_threads(torch.get_num_threads())
    return plane_labels.label_planes(views, planes, sources, settings)
