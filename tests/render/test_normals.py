"""Normals of depth maps whose surface is known exactly."""

import numpy as np
import torch

from recon.geometry import Camera
from recon.geometry.rays import pixel_directions
from recon.render.normals import normals_of_depth

CAMERA = Camera("PINHOLE", (30, 40), 35.0, 36.0, 20.0, 15.0)
POSE = np.array([[0.0, -1.0, 0.0, 2.0], [0.6, 0.0, -0.8, 1.0], [0.8, 0.0, 0.6, -3.0], [0.0, 0.0, 0.0, 1.0]])


def test_of_a_slanted_plane_in_the_world_frame() -> None:
    in_camera = torch.tensor([0.36, -0.48, -0.8])  # unit, towards the camera
    rays = pixel_directions(CAMERA)
    depth = -1.5 / (rays / rays[..., 2:] @ in_camera)
    assert (depth > 0).all()
    expected = torch.from_numpy(POSE[:3, :3]).float() @ in_camera
    assert torch.allclose(normals_of_depth(depth, CAMERA, POSE), expected.expand(30, 40, 3), atol=1e-3)


def test_edges_do_not_smear_and_nothing_has_no_normal() -> None:
    depth = torch.full((30, 40), 2.0)
    depth[:, 20:] = 5.0
    depth[4:8, 4:8] = 0.0
    normals = normals_of_depth(depth, CAMERA, np.eye(4))
    surface = torch.where(depth[..., None] > 0, torch.tensor([0.0, 0.0, -1.0]), 0.0)
    assert torch.allclose(normals, surface, atol=1e-5)
