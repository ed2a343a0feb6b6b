"""The package's picture: the mesh stage's own where there is one, else a ray-cast view from above at an angle."""

import shutil
from pathlib import Path

import numpy as np

from recon.formats.images import write_image
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface
from recon.geometry.transforms import look_at


def write_preview(path: Path, mesh: TriangleMesh, *, made_already: Path) -> None:
    """Copy `made_already`, or draw the mesh shaded by how its faces turn towards the viewer."""
    if made_already.exists():
        shutil.copyfile(made_already, path)
        return
    write_image(path, draw(mesh, size_hw=(480, 640)))


def draw(mesh: TriangleMesh, *, size_hw: tuple[int, int]) -> np.ndarray:
    """Shaded picture [h, w, 3] uint8; faces seen from behind are cut away, so that a room shows its inside."""
    height, width = size_hw
    low, high = np.quantile(mesh.vertices, 0.01, axis=0), np.quantile(mesh.vertices, 0.99, axis=0)
    centre, radius = (low + high) / 2, np.linalg.norm(high - low) / 2
    eye = centre + 2.0 * radius * np.array([0.55, -0.65, 0.7])
    world_from_camera = look_at(eye, centre, np.array([0.0, 0.0, 1.0]))
    x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    rays = np.stack([x, y, np.full_like(x, 1.1 * height)], -1).reshape(-1, 3)
    rays = (rays / np.linalg.norm(rays, axis=1, keepdims=True)) @ world_from_camera[:3, :3].T
    origins, shade = np.repeat(eye[None], len(rays), 0), np.full(len(rays), 1.0)
    surface, left = Surface(mesh), np.arange(len(rays))
    for _ in range(8):  # step through faces seen from behind
        hits = surface.cast(origins[left], rays[left])
        facing = -(hits.normals * rays[left]).sum(1)
        seen = np.isfinite(hits.distance)
        shade[left[seen & (facing > 0)]] = 0.15 + 0.75 * facing[seen & (facing > 0)]
        again = seen & (facing <= 0)
        origins[left[again]] += (hits.distance[again, None] + 1e-4 * radius) * rays[left[again]]
        left = left[again]
    grey = (255 * np.clip(shade, 0, 1)).astype(np.uint8).reshape(height, width)
    return np.repeat(grey[..., None], 3, -1)
