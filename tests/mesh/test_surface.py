"""From depth maps to a surface: what comes out of it, and what is left out."""

from dataclasses import replace

import numpy as np

from recon.geometry import Camera, Evidence, look_at
from recon.mesh.depth_maps import DepthMap
from recon.mesh.settings import MeshSettings
from recon.mesh.surface import build_surface
from recon.mesh.trusted_depths import TrustedDepths
from recon.mesh.viewpoints import Viewpoint
from tests.default_settings import default_settings

CAMERA = Camera("PINHOLE", (90, 160), 80.0, 80.0, 80.0, 45.0)
WALL = 4.0
GAP = 1.5  # from the middle to either piece: too wide to be closed


def two_pieces(x: float, known_by: Evidence) -> DepthMap:
    """Two pieces of a wall at y = WALL: one at x < -GAP that was matched, one at x > GAP that is known in another way."""
    pose = look_at(np.array([x, 0, 0]), np.array([x, 1.0, 0]), np.array([0, 0, 1.0]))
    size = CAMERA.size_hw
    view = DepthMap.of_field(Viewpoint(CAMERA, pose), np.full(size, WALL), np.zeros(size, bool))
    across = x + WALL * view.camera_rays[..., 0]
    evidence = np.where(across < 0, Evidence.MATCHED, known_by).astype(np.uint8)
    return replace(view, depth=np.where(np.abs(across) > GAP, view.depth, 0).astype(np.float32), evidence=evidence)


def sides_of(known_by: Evidence) -> set[str]:
    maps = [two_pieces(x, known_by) for x in (-0.3, -0.1, 0.1, 0.3)]
    settings = default_settings(MeshSettings, "mesh", voxel_size=0.06)
    mesh = build_surface(TrustedDepths(maps, far=10.0, is_object=False), distance=WALL, settings=settings).mesh
    x = mesh.vertices[mesh.faces].mean(1)[:, 0]
    return {side for side, there in (("west", x < -GAP - 0.1), ("east", x > GAP + 0.1)) if there.any()}


def test_a_piece_by_itself_that_planes_alone_know_is_left_out() -> None:
    assert sides_of(Evidence.MATCHED) == sides_of(Evidence.SEEN) == {"west", "east"}
    assert sides_of(Evidence.PLANE) == {"west"}
