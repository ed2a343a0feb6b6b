"""One photo painted onto samples of a surface: which of them it sees, in what colour, and how much it counts."""

from dataclasses import dataclass

import torch
from torch import Tensor

EDGE = 0.05  # of a picture's shorter side, over which it fades out: lenses shade there
SLACK = 0.01  # of its depth, that a place may lie behind the mesh's own depth beside the tolerance


@dataclass(frozen=True)
class Photo:
    """A picture and what the mesh looks like from there, on one device."""

    color: Tensor  # [h, w, 3] uint8
    is_valid: Tensor  # [h, w] bool
    depth: Tensor  # [dh, dw] float32 of the mesh along camera z, perhaps smaller than the picture; 0: none
    gain: Tensor  # [3] float32 multiplies the colours
    at_vertices: Tensor  # [v] float32 how much it counts at the mesh's vertices


@dataclass(frozen=True)
class OnFaces:
    """Where n samples lie on their faces."""

    corners: Tensor  # [n, 3] int32 vertices
    shares: Tensor  # [n, 3] float32, sum 1


def add_photo(
    photo: Photo, samples: OnFaces, chosen: Tensor, pixels: Tensor, depth: Tensor, sums: Tensor, *, tolerance: float
) -> None:
    """Add colour times weight, and the weight, of the samples that a photo sees to `sums` [n, 4].

    chosen: [m] int64 samples that are looked at. pixels, depth: [m, 2], [m] float32 where they fall in the photo (x, y;
    half-pixel), and how far they lie along its camera's z. tolerance: as `is_visible` takes it.
    """
    from recon.kernels import native

    if sums.device.type != "cpu" or native.why_missing():
        add_photo_reference(photo, samples, chosen, pixels, depth, sums, tolerance=tolerance)
    else:
        from recon.kernels.native import painting

        painting.add_photo(photo, samples, chosen, pixels, depth, sums, tolerance)


def add_photo_reference(
    photo: Photo, samples: OnFaces, chosen: Tensor, pixels: Tensor, depth: Tensor, sums: Tensor, *, tolerance: float
) -> None:
    """`add_photo` (which says what photo, samples, chosen, pixels, depth, sums and tolerance are) in torch, on any device."""
    seen = is_visible(photo.is_valid, photo.depth, pixels, depth, tolerance=tolerance).nonzero()[:, 0]
    chosen, pixels = chosen[seen], pixels[seen]
    corners = samples.corners.index_select(0, chosen).long()
    weight = (photo.at_vertices[corners] * samples.shares.index_select(0, chosen)).sum(1)
    weight = weight * _border(pixels, photo.is_valid.shape)
    colors = sample_image(photo.color, pixels) * photo.gain
    sums[chosen] += torch.cat([colors, torch.ones_like(weight)[:, None]], 1) * weight[:, None]


def is_visible(is_valid: Tensor, surface: Tensor, pixels: Tensor, depth: Tensor, *, tolerance: float) -> Tensor:
    """[n] bool: inside a picture, valid there, and nothing of the mesh in front.

    is_valid: [h, w] bool. surface: [dh, dw] depth of the mesh, perhaps smaller; 0: none. pixels, depth: [n, 2], [n] of the places.
    tolerance: world units, beside `SLACK`, that a place may lie behind the mesh's own depth.
    """
    (h, w), (x, y) = is_valid.shape, pixels.unbind(1)
    index = ((x >= 0.5) & (y >= 0.5) & (x <= w - 0.5) & (y <= h - 0.5)).nonzero()[:, 0]
    column, row = pixels[index].long().unbind(1)
    there = surface[row * surface.shape[0] // h, column * surface.shape[1] // w]
    found = torch.zeros(len(pixels), dtype=torch.bool, device=pixels.device)
    is_in_front = depth[index] - there <= tolerance + SLACK * depth[index]
    found[index] = is_valid[row, column] & (there > 0) & is_in_front
    return found


def sample_image(image: Tensor, pixels: Tensor) -> Tensor:
    """Bilinear colours [n, 3] in [0, 1] of an image [h, w, 3] uint8 at pixels [n, 2] (x, y; half-pixel), edges clamped."""
    h, w = image.shape[:2]
    x, y = (pixels[:, 0] - 0.5).clamp(0, w - 1).float(), (pixels[:, 1] - 0.5).clamp(0, h - 1).float()
    x0, y0 = x.floor().long(), y.floor().long()
    x1, y1 = (x0 + 1).clamp_max(w - 1), (y0 + 1).clamp_max(h - 1)
    ax, ay = (x - x0)[:, None], (y - y0)[:, None]
    flat = image.reshape(-1, 3)  # index_select takes half the time of flat[..]
    a, b, c, d = (flat.index_select(0, y * w + x) for y in (y0, y1) for x in (x0, x1))
    top, bottom = a * (1 - ax) + b * ax, c * (1 - ax) + d * ax
    return (top * (1 - ay) + bottom * ay) / 255


def _border(pixels: Tensor, size_hw: tuple[int, ...]) -> Tensor:
    """[n] from 0 at the picture's edge to 1 at a twentieth of its shorter side."""
    (h, w), (x, y) = size_hw, pixels.unbind(1)
    inside = torch.minimum(torch.minimum(x, w - x), torch.minimum(y, h - y))
    return (inside / (EDGE * min(h, w))).clamp(1e-3, 1)
