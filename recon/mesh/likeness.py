"""How much the textured mesh looks like the place: held-out photos against pictures of the mesh, and portraits."""

from collections.abc import Sequence

import numpy as np

from recon.console import progress
from recon.geometry import Camera, View, look_at
from recon.mesh.photos import color_and_validity
from recon.mesh.picture import MeshPicture, MeshScene


def psnr_of_views(scene: MeshScene, views: Sequence[View], *, max_side: int) -> tuple[float | None, float]:
    """Mean PSNR over the pixels that the mesh covers, and the share of valid pixels that it covers.

    The share belongs to the number: a mesh of one well-seen wall has a fine PSNR and covers little. None without views.
    """
    values, covered, valid = [], 0, 0
    with progress("mesh: held-out views", len(views)) as bar:
        for view in views:
            photo, is_valid, camera = color_and_validity(view, max_side=max_side)
            picture = scene.render(camera, view.world_from_camera)
            both = is_valid & picture.is_hit
            covered, valid = covered + int(both.sum()), valid + int(is_valid.sum())
            if both.any():
                error = float(((picture.color[both] - photo[both] / 255.0) ** 2).mean())
                values.append(-10 * np.log10(max(error, 1e-10)))
            bar.advance()
    return (float(np.mean(values)) if values else None), covered / max(valid, 1)


def portraits(scene: MeshScene, *, size_hw: tuple[int, int] = (540, 720)) -> list[MeshPicture]:
    """Five pictures from outside, back faces looked through: four sides from 30 degrees above, and the top."""
    low, high = np.percentile(scene.mesh.vertices, [1, 99], axis=0)
    center, radius = (low + high) / 2, max(float(np.linalg.norm(high - low)) / 2, 1e-9)
    h, w = size_hw
    focal = 1.2 * h
    camera = Camera("PINHOLE", size_hw, focal, focal, w / 2, h / 2)
    distance = radius * 2.3  # the bounding ball fills the height: focal * radius / distance = h / 2
    angles = np.deg2rad([45, 135, 225, 315])
    sides = np.stack([np.cos(angles), np.sin(angles), np.full(4, np.tan(np.deg2rad(30)))], -1)
    towards = [side / np.linalg.norm(side) for side in sides] + [np.array([0.0, -1e-3, 1.0])]
    up = np.array([0.0, 0.0, 1.0])
    poses = [look_at(center + distance * direction, center, up) for direction in towards]
    return [scene.render(camera, pose, cull_back=True) for pose in poses]
