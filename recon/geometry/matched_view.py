"""What matching between pictures knows of one picture: depth, normal, how sure, and how it is known. `recon/matching` makes it."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from recon.geometry.cameras import Camera
from recon.geometry.transforms import Array, apply_rigid, is_rigid


class Kind(IntEnum):
    """How the depth of a pixel is known."""

    UNKNOWN = 0  # not at all: depth is 0
    MATCHED = 1  # matched between pictures, and other views agree
    PLANE = 2  # the picture is blank here; a plane of the scene passes through
    SKY = 3  # sky: depth is 0, the whole ray is free


@dataclass(frozen=True)
class MatchedView:
    """Depth and normal of one training picture, at the size of its pinhole `camera` (lens distortion is taken out)."""

    name: str  # of the `View`
    camera: Camera  # PINHOLE
    world_from_camera: Array  # [4, 4]
    depth: NDArray[np.float32]  # [h, w] along camera z, world units; 0 where unknown and in the sky
    normal: NDArray[np.float32]  # [h, w, 3] world, unit, towards the camera; 0 where there is no depth
    confidence: NDArray[np.float32]  # [h, w] in [0, 1]; of the sky: that it is sky; 0 where unknown
    kind: NDArray[np.uint8]  # [h, w] of `Kind`

    def __post_init__(self) -> None:
        size = self.camera.size_hw
        assert self.camera.model == "PINHOLE" and is_rigid(self.world_from_camera), "not a pinhole with a rigid pose"
        assert self.depth.shape == self.confidence.shape == self.kind.shape == size, "pictures of several sizes"
        assert self.normal.shape == (*size, 3) and self.kind.dtype == np.uint8, "normals or kinds of another form"
        assert (self.kind <= max(Kind)).all() and (self.depth >= 0).all(), "a kind that is none, or a depth below 0"
        is_surface = (self.kind == Kind.MATCHED) | (self.kind == Kind.PLANE)
        assert np.array_equal(is_surface, self.depth > 0), "depths where nothing is matched, or none where something is"

    @property
    def has_depth(self) -> NDArray[np.bool_]:
        """[h, w] where a surface is known."""
        return self.depth > 0

    @property
    def is_sky(self) -> NDArray[np.bool_]:
        """[h, w] where the ray meets nothing."""
        return self.kind == Kind.SKY

    @property
    def camera_rays(self) -> NDArray[np.float64]:
        """[h, w, 3] directions in the camera frame with z = 1: times the depth they are positions."""
        h, w = self.camera.size_hw
        y, x = np.mgrid[:h, :w] + 0.5
        plane = ((x - self.camera.cx) / self.camera.fx, (y - self.camera.cy) / self.camera.fy)
        return np.stack([*plane, np.ones((h, w))], -1)

    def points(self) -> Array:
        """World positions [n, 3] of the pixels with a depth, in row order."""
        known = self.has_depth
        local = self.camera_rays[known] * self.depth[known][:, None]
        return apply_rigid(self.world_from_camera, local)
