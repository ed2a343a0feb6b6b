"""A scanned-looking room: floor with a hole, boxes, a table one can be under, a wall; all noisy, none watertight."""

from pathlib import Path

import numpy as np
import trimesh

from recon.formats.mesh_npz import write_npz
from recon.geometry.mesh import TriangleMesh
from recon.workspace import Workspace

TABLE_TOP, TABLE_XY = 0.74, (0.5, 0.0)
FLOOR_EXTENT = (3.0, 2.2, 0.1)
Rise = tuple[float, float, float, float, float]  # low x, high x, low y, high y, height


def box(size: tuple[float, ...], centre: tuple[float, ...]) -> trimesh.Trimesh:
    body = trimesh.creation.box(size)
    body.apply_translation(centre)
    return body


def room(*, noise: float = 0.002, side: float = 0.25, seed: int = 0) -> TriangleMesh:
    """A z-up room of a few square metres, with random uv and texture."""
    bodies = [
        box(FLOOR_EXTENT, (0, 0, -0.05)),
        box((0.5, 0.4, 0.3), (-0.9, -0.5, 0.15)),
        box((1.0, 0.7, 0.04), (*TABLE_XY, TABLE_TOP - 0.02)),
        box((3.0, 0.1, 1.2), (0, 1.1, 0.6)),
    ]
    bodies += [box((0.05, 0.05, 0.7), (0.5 + x, y, 0.35)) for x in (-0.45, 0.45) for y in (-0.3, 0.3)]
    solid = trimesh.util.concatenate([body.subdivide_to_size(side) for body in bodies])
    random = np.random.default_rng(seed)
    vertices = solid.vertices + random.normal(0, noise, solid.vertices.shape)
    centre = solid.triangles_center
    in_hole = (np.hypot(centre[:, 0] + 0.7, centre[:, 1] - 0.5) < 0.25) & (np.abs(centre[:, 2]) < 0.02)
    return TriangleMesh(
        vertices,
        solid.faces[~in_hole].astype(np.int32),
        uvs=random.random((len(vertices), 2)).astype(np.float32),
        texture=random.integers(0, 255, (24, 16, 3), dtype=np.uint8),
    )


def sheet(*rises: Rise, noise: float = 0.0) -> TriangleMesh:
    """A floor of 3 m x 2 m with blocks that rise from it, all one connected sheet; each height has a shade of its own."""
    x, y = np.meshgrid(np.arange(-60, 61) * 0.025, np.arange(-40, 41) * 0.025, indexing="ij")
    z = np.zeros_like(x)
    for low_x, high_x, low_y, high_y, height in rises:
        z[(x > low_x - 1e-6) & (x < high_x + 1e-6) & (y > low_y - 1e-6) & (y < high_y + 1e-6)] = height
    corner = np.arange(x.size).reshape(x.shape)
    a, b, c, d = corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    vertices = np.stack([x, y, z], -1).reshape(-1, 3)
    vertices += np.random.default_rng(0).normal(0, 1, vertices.shape) * noise
    shade = (80 + 200 * z.reshape(-1, 1)).astype(np.uint8).repeat(3, 1)
    return TriangleMesh(vertices, faces.astype(np.int32), colors=shade)


def workspace_of(root: Path, mesh: TriangleMesh) -> Workspace:
    """A run folder whose mesh stage has just finished."""
    workspace = Workspace(root)
    workspace.mesh.mkdir(parents=True)
    write_npz(workspace.mesh_npz, mesh)
    return workspace
