"""Depth maps of the field, and which of their pixels to trust.

A field trained for minutes has fog near its cameras, floaters, and wrong depths at edges. A pixel is kept when it is
opaque, not at a jump of depth, not seen at a grazing angle, nearer than the scene's far end, and when other views agree
with it (`agreement.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from recon.geometry import Camera, Evidence, Reconstruction
from recon.geometry.pinhole import rays_of_pixels
from recon.geometry.transforms import Array, apply_rigid
from recon.mesh.viewpoints import Viewpoint, point_depths
from recon.render.views import RenderPartFn
from recon.workspace.console import progress

# Between a normal and the direction to the camera; nearer to the ray, a pixel's plane runs along it, and a pixel that takes the
# plane of a crate's side by mistake would draw it far into the air.
MIN_COSINE = 0.08
MAX_FREE = 0.1  # opacity of a ray that meets nothing; between it and the least of a surface a pixel says nothing


@dataclass(frozen=True)
class DepthMap:
    """One view: where its surface is, where it looks through, and where it says nothing (neither)."""

    viewpoint: Viewpoint
    depth: NDArray[np.float32]  # [h, w] along camera z; 0 where no surface is trusted
    is_free: NDArray[np.bool_]  # [h, w] nothing along this ray up to the scene's far end
    weight: NDArray[np.float32]  # [h, w] how much the pixel counts: 1 = sure
    normal: NDArray[np.int8]  # [h, w, 3] 127 times the unit normal, camera frame, towards the camera
    evidence: NDArray[np.uint8]  # [h, w] of `Evidence`: SEEN, CUT_OUT, PLANE, MATCHED or SENSOR where there is a depth

    def __post_init__(self) -> None:
        size = self.viewpoint.camera.size_hw
        assert self.depth.shape == self.is_free.shape == self.weight.shape == size
        assert self.evidence.shape == size and self.normal.shape == (*size, 3) and self.normal.dtype == np.int8

    @staticmethod
    def of_field(
        viewpoint: Viewpoint,
        depth: NDArray,
        is_free: NDArray,
        normal: NDArray | None = None,
        *,
        weight: float = 1.0,
        min_cosine: float = MIN_COSINE,
    ) -> "DepthMap":
        """A map of depths [h, w] that were rendered from a viewpoint.

        depth: [h, w], 0 where there is none. is_free: [h, w] nothing along this ray. normal: [h, w, 3] world; 0, None: unknown.
        weight: of every pixel. min_cosine: as `camera_normals` takes it.
        """
        depth = depth.astype(np.float32)
        evidence = np.full(depth.shape, Evidence.SEEN, np.uint8)
        normals = camera_normals(viewpoint, np.zeros((*depth.shape, 3)) if normal is None else normal, min_cosine)
        return DepthMap(viewpoint, depth, is_free, np.full_like(depth, weight), normals, evidence)

    @property
    def camera_rays(self) -> NDArray[np.float64]:
        """[h, w, 3] directions in the camera frame with z = 1 (pinhole)."""
        return _rays(self.viewpoint.camera)

    @property
    def unit_normals(self) -> NDArray[np.float32]:
        """[h, w, 3] in the camera frame."""
        return (self.normal / np.float32(127)).astype(np.float32)

    def weighing(self, factor: float) -> "DepthMap":
        """The same depths, counting `factor` times as much."""
        return replace(self, weight=(factor * self.weight).astype(np.float32))

    def points(self, step: int = 1) -> Array:
        """World positions [n, 3] of the trusted pixels (of every `step`-th row and column)."""
        depth = self.depth[::step, ::step]
        hit = depth > 0
        local = self.camera_rays[::step, ::step][hit] * depth[hit][:, None]
        return apply_rigid(self.viewpoint.world_from_camera, local)


@lru_cache(maxsize=2)
def _rays(camera: Camera) -> NDArray[np.float64]:
    """The same for all maps of a camera; not to be written to."""
    rays = rays_of_pixels(camera)
    rays.flags.writeable = False
    return rays


def camera_normals(viewpoint: Viewpoint, normal: NDArray, min_cosine: float | NDArray) -> NDArray[np.int8]:
    """Normals [h, w, 3] of the world as a map keeps them.

    Where a normal is 0 or leans away from the ray by more than `min_cosine` allows, it is taken to look at the camera: the
    surface is there, how it is turned is not known.
    """
    local = normal @ viewpoint.world_from_camera[:3, :3]
    rays = _rays(viewpoint.camera)
    cosine = -(local * rays).sum(-1) / np.linalg.norm(rays, axis=-1)
    local = np.where((cosine > min_cosine)[..., None], local, np.array([0.0, 0.0, -1.0]))
    return np.rint(127 * local).astype(np.int8)


def render_depth_maps(
    viewpoints: Sequence[Viewpoint],
    render_view_fn: RenderPartFn,
    *,
    wanted: Sequence[NDArray[np.bool_]] | None = None,
    reconstruction: Reconstruction,
    max_depth: float | None,  # world units; None: from the sparse points, else from the depths
    min_opacity: float,
    max_jump: float,  # relative change of depth between neighbouring pixels
    min_cosine: float,  # between the normal and the direction to the camera
    max_free: float = MAX_FREE,
) -> tuple[list[DepthMap], float]:
    """Render every viewpoint and judge each pixel by its own view. Returns the maps and the far end of the scene.

    Args:
        viewpoints: cameras and poses; render_view_fn: what they see of the field.
        wanted: of each viewpoint the pixels [h, w] that are asked for, where not all are; the others stay empty.
        reconstruction: whose sparse points tell how far the scene reaches.
        min_opacity: below it a pixel has no depth; max_free: below it nothing is there.
    """
    rendered = []
    with progress("mesh: depth maps", len(viewpoints)) as bar:
        for viewpoint, mask in zip(viewpoints, wanted or repeat(None, len(viewpoints)), strict=True):
            view = render_view_fn(viewpoint.camera, viewpoint.world_from_camera, mask)
            depth = np.where(view.opacity >= min_opacity, view.depth, 0).astype(np.float32)
            rendered.append((depth, view.opacity, view.normal))
            bar.advance()
    far = max_depth or far_end(reconstruction, [depth for depth, _, _ in rendered])
    maps = []
    for viewpoint, (depth, opacity, normal) in zip(viewpoints, rendered, strict=True):
        keep = (depth > 0) & (depth <= far) & ~at_jump(depth, max_jump) & ~is_grazing(viewpoint, normal, min_cosine)
        # Empty to the far end: nearly transparent, or opaque only behind it (sky, the far background).
        is_free = (opacity < max_free) | (depth > 1.5 * far)
        maps.append(DepthMap.of_field(viewpoint, np.where(keep, depth, 0), is_free, normal))
    return maps, far


def far_end(reconstruction: Reconstruction, depths: Sequence[NDArray[np.float32]]) -> float:
    """Depth behind which nothing is meshed: sky and far background have no parallax to place them by.

    1.3 times the depth that 95 % of the sparse points lie within (a point cloud ends before the surface does and has
    outliers); without points, the same of the rendered depths.
    """
    known = point_depths(reconstruction)
    if len(known) < 100:
        known = np.concatenate([depth[depth > 0][::7] for depth in depths]) if depths else known
    return float(1.3 * np.percentile(known, 95)) if len(known) else 0.0


def at_jump(depth: NDArray[np.float32], max_jump: float) -> NDArray[np.bool_]:
    """Pixels [h, w] next to a relative change of (median-filtered) depth above `max_jump`, and lone speckles.

    The median depth of a ray that grazes a near edge lies anywhere between the edge and what is behind it.
    """
    import cv2

    smooth = cv2.medianBlur(np.ascontiguousarray(depth, np.float32), 3)
    high = cv2.dilate(smooth, np.ones((3, 3), np.uint8))
    low = cv2.erode(np.where(smooth > 0, smooth, np.inf).astype(np.float32), np.ones((3, 3), np.uint8))
    # A slope seen obliquely changes over the 3 x 3 window too: twice the step between neighbours is allowed.
    return (high - low > 2 * max_jump * smooth) | (np.abs(depth - smooth) > max_jump * smooth)


def is_grazing(viewpoint: Viewpoint, normal: NDArray[np.float32], min_cosine: float) -> NDArray[np.bool_]:
    """Pixels [h, w] whose rendered normal is nearly across the ray; pixels without a normal are not judged."""
    rays = rays_of_pixels(viewpoint.camera) @ viewpoint.world_from_camera[:3, :3].T
    cosine = np.abs((rays * normal).sum(-1)) / np.linalg.norm(rays, axis=-1)
    return (cosine < min_cosine) & (np.abs(normal).sum(-1) > 0)
