"""What is trained on: photos in memory, random rays of them, and the scene's normalisation."""

from recon.dataset.photos import Photo, PixelSampler, RayBatch, load_photo, load_photos
from recon.dataset.scene import Scene, is_possible, normalize_scene

__all__ = [
    "Photo",
    "PixelSampler",
    "RayBatch",
    "Scene",
    "is_possible",
    "load_photo",
    "load_photos",
    "normalize_scene",
]
