"""A rendered view: what the radiance field shows from one camera."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recon.geometry import Camera
from recon.geometry.transforms import Array

Image = NDArray[np.float32]


@dataclass(frozen=True)
class RenderedView:
    """Pictures of one view. `depth` is along camera z in world units, where half of the light is left (`median_distance`)."""

    color: Image  # [h, w, 3] in [0, 1], over the background
    opacity: Image  # [h, w] in [0, 1]
    depth: Image  # [h, w]; 0 where opacity < 0.5: nothing was hit
    normal: Image  # [h, w, 3] world frame, unit; 0 where nothing was hit

    def __post_init__(self) -> None:
        h, w = self.opacity.shape
        assert self.color.shape == self.normal.shape == (h, w, 3) and self.depth.shape == (h, w)

    def exposed(self, gain: Image) -> "RenderedView":
        """As a camera with this gain [3] of each channel shows it."""
        return replace(self, color=(self.color * gain).clip(0, 1).astype(np.float32))

    def shrunk(self, factor: int) -> "RenderedView":
        """Of every square of `factor` x `factor` pixels one: mean colour and opacity, depth and normal of its middle."""
        h, w = (n // factor for n in self.opacity.shape)
        color, opacity = (
            image.reshape(h, factor, w, factor, -1).mean((1, 3), dtype=np.float32)
            for image in (self.color, self.opacity)
        )
        middle = slice(factor // 2, None, factor)
        return RenderedView(color, opacity[..., 0], self.depth[middle, middle], self.normal[middle, middle])


RenderViewFn = Callable[[Camera, Array], RenderedView]  # of a camera and its world_from_camera [4, 4]


class RenderPartFn(Protocol):
    """A `RenderViewFn` that can be asked for some pixels only."""

    def __call__(
        self, camera: Camera, world_from_camera: Array, wanted: NDArray[np.bool_] | None = None, /
    ) -> RenderedView:
        """The view; with `wanted` [h, w] nothing is there in the other pixels: no opacity, no depth."""
