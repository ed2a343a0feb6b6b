"""What is trained on: photos in memory, random rays of them, and the scene's normalisation."""

from recon.dataset.free_space import LinesOfSight, free_cells, lines_of_sight
from recon.dataset.photos import Photo, PixelSampler, RayBatch, load_photo, load_photos
from recon.dataset.scene import Scene, is_possible, normalize_scene

__all__ = [
    "LinesOfSight",
    "Photo",
    "PixelSampler",
    "RayBatch",
    "Scene",
    "free_cells",
    "is_possible",
    "lines_of_sight",
    "load_photo",
    "load_photos",
    "normalize_scene",
]
