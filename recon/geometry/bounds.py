"""Bounded and unbounded space: ray-box intersection and the contraction that folds all space into a ball."""

import torch
from torch import Tensor

from recon.geometry.rays import Rays


def intersect_box(rays: Rays, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Entry and exit distances ([n], [n]) of rays with the box [low, high] ([3], [3]).

    Entry is at least 0 (a ray may start inside); a ray that misses has entry >= exit.
    """
    inverse = 1 / torch.where(rays.directions.abs() < 1e-12, 1e-12, rays.directions)
    a, b = (low - rays.origins) * inverse, (high - rays.origins) * inverse
    t_enter = torch.minimum(a, b).amax(-1).clamp_min(0)
    t_exit = torch.maximum(a, b).amin(-1)
    return t_enter, t_exit


def contract(positions: Tensor) -> Tensor:
    """Fold R^3 into the cube of half side 2: x for |x| <= 1, else (2 - 1/|x|) x/|x|, with |.| the maximum norm.

    Mip-NeRF 360 (Barron et al. 2022, eq. 10) with the maximum norm, as nerfacc and nerfstudio use it for grids:
    every part of the cube [-2, 2]^3 is used. Positions [.., 3] in scene units, the content of interest inside [-1, 1]^3.
    """
    norm = positions.abs().amax(-1, keepdim=True).clamp_min(1)
    return positions * (2 - 1 / norm) / norm


def uncontract(contracted: Tensor) -> Tensor:
    """The inverse of `contract` for points strictly inside the cube of half side 2."""
    norm = contracted.abs().amax(-1, keepdim=True).clamp_min(1)
    return contracted / norm / (2 - norm).clamp_min(1e-6)
