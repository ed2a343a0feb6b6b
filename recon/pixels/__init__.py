"""What is trained on: pixels of the photos within a budget of memory, as rays, and the scene's normalisation."""

from recon.pixels.free_space import LinesOfSight, free_cells, lines_of_sight
from recon.pixels.outlines import Outline
from recon.pixels.pixel_pool import PixelPool
from recon.pixels.pixel_sampler import PixelSampler, RayBatch
from recon.pixels.scene import Scene, is_possible, normalize_scene

__all__ = [
    "LinesOfSight",
    "Outline",
    "PixelPool",
    "PixelSampler",
    "RayBatch",
    "Scene",
    "free_cells",
    "is_possible",
    "lines_of_sight",
    "normalize_scene",
]
