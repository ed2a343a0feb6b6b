"""Surface normals of a depth map."""

import torch
from torch import Tensor

from recon.geometry.cameras import Camera
from recon.geometry.rays import pixel_directions
from recon.geometry.transforms import Array


def normals_of_depth(depth: Tensor, camera: Camera, world_from_camera: Array) -> Tensor:
    """Unit normals [h, w, 3] in the world frame that face the camera; 0 where depth [h, w] is 0. On the device of `depth`.

    Cross product of the steps to the neighbouring surface points; on each axis the neighbour nearer in depth is taken, so that
    depth edges do not smear.
    """
    rays = pixel_directions(camera).to(depth)
    points = rays / rays[..., 2:].clamp_min(1e-6) * depth[..., None]
    normal = torch.linalg.cross(_tangent(points, depth, axis=1), _tangent(points, depth, axis=0))
    length = normal.norm(dim=-1, keepdim=True)
    normal = torch.where(length > 1e-12, normal / length, 0.0)
    normal = torch.where((normal * points).sum(-1, keepdim=True) > 0, -normal, normal)
    normal = torch.where(depth[..., None] > 0, normal, 0.0)
    return normal @ torch.from_numpy(world_from_camera[:3, :3]).to(depth).T


def _tangent(points: Tensor, depth: Tensor, *, axis: int) -> Tensor:
    """Step along an image axis at each pixel, towards the side where depth changes less."""
    step, jump = points.diff(dim=axis), depth.diff(dim=axis).abs()
    nothing, infinite = (
        torch.zeros_like(points.narrow(axis, 0, 1)),
        torch.full_like(depth.narrow(axis, 0, 1), torch.inf),
    )
    forward, backward = torch.cat([step, nothing], axis), torch.cat([nothing, step], axis)
    jump_forward, jump_backward = torch.cat([jump, infinite], axis), torch.cat([infinite, jump], axis)
    return torch.where((jump_forward <= jump_backward)[..., None], forward, backward)
