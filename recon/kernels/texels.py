"""What pixels say against a texture: each sees four texels by bilinear shares, and hands what it misses back to them."""

from dataclasses import dataclass

import torch
from torch import Tensor

OUTLIER = 0.15  # difference of colour at which a pixel's weight has fallen to 1 / e


@dataclass(frozen=True)
class SeenTexels:
    """The pixels of one photo that see the texture, on one device: rows of a matrix A that takes texels T to a picture A T."""

    row: int  # texels of a row of the texture
    texels: Tensor  # [n] int32, flat: the first of four that each lies between
    shares: Tensor  # [n, 4] float32, sum 1: of it, of that to its right, and of the two below
    color: Tensor  # [n, 3] uint8 of the photo
    gain: Tensor  # [3] float32 multiplies the colours
    weight: Tensor  # [n] float32


def add_corrections(seen: SeenTexels, texture: Tensor, sums: Tensor) -> None:
    """Add A^T W (g P - A T) and A^T W 1 to `sums` [t, 4] (colour, weight), for a texture T [t, 4] (colour, unused) and a photo P.

    W is a pixel's weight, smaller the more photo and picture differ (`OUTLIER`).
    """
    from recon.kernels import native

    if texture.device.type != "cpu" or native.why_missing():
        add_corrections_reference(seen, texture, sums)
    else:
        from recon.kernels.native import texels

        texels.add_corrections(seen, texture, sums, OUTLIER)


def add_corrections_reference(seen: SeenTexels, texture: Tensor, sums: Tensor) -> None:
    """`add_corrections` in torch, on any device: the definition."""
    corners = [seen.texels.long() + step for step in (0, 1, seen.row, seen.row + 1)]
    missing = seen.color * (seen.gain / 255)
    for corner, share in zip(corners, seen.shares.unbind(1), strict=True):
        missing -= texture.index_select(0, corner)[:, :3] * share[:, None]  # half the time of texture[corner]
    weight = seen.weight * torch.exp(-((missing.abs().amax(1) / OUTLIER) ** 2))
    said = torch.cat([missing, torch.ones_like(weight)[:, None]], 1) * weight[:, None]
    for corner, share in zip(corners, seen.shares.unbind(1), strict=True):
        sums.index_add_(0, corner, said * share[:, None])
