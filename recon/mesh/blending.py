"""Colours of photos on a surface: the sum over photos that painting spends its time on, in torch, on a GPU where there is one."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recon.mesh.atlas import SurfaceSamples
from recon.mesh.photos import PhotoWithDepth, seen_in
from recon.mesh.picture import sample_image
from recon.workspace.console import progress

_EDGE = 0.05  # of a picture's shorter side, over which it fades out: lenses shade there


def blend(
    photos: Sequence[PhotoWithDepth],
    weights: NDArray[np.float32],  # [photos, faces] of each photo on each face; 0: not taken
    gains: NDArray[np.float32],  # [photos, 3] multiply a photo's colours
    samples: SurfaceSamples,
    *,
    tolerance: float,
    device: torch.device,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weighted sum of colours [n, 3] and of weights [n] over photos, at n samples.

    The face decides which photos are taken; the sample itself must still be visible in them, at most `tolerance` (world units)
    behind the depth of the mesh there. `device`: what computes.
    """
    positions, faces = (torch.from_numpy(array).to(device) for array in (samples.positions, samples.faces))
    total, weight_sum = torch.zeros(len(samples), 3, device=device), torch.zeros(len(samples), device=device)
    with progress("mesh: painting", len(photos)) as bar:
        for photo, of_faces, gain in zip(photos, weights, gains, strict=True):
            of_samples = torch.from_numpy(of_faces).to(device)[faces]
            chosen = of_samples.nonzero()[:, 0]
            seen = seen_in(photo, positions[chosen], tolerance=tolerance)
            weight = of_samples[chosen] * seen.is_visible * _border(seen.pixels, photo)
            colors = sample_image(torch.from_numpy(photo.color).to(device), seen.pixels)
            total[chosen] += colors * torch.from_numpy(gain).to(device) * weight[:, None]
            weight_sum[chosen] += weight
            bar.advance()
    return total.cpu().numpy(), weight_sum.cpu().numpy()


def _border(pixels: Tensor, photo: PhotoWithDepth) -> Tensor:
    """[n] from 0 at the picture's edge to 1 at a twentieth of its shorter side."""
    h, w = photo.camera.size_hw
    x, y = pixels.unbind(1)
    inside = torch.minimum(torch.minimum(x, w - x), torch.minimum(y, h - y))
    return (inside / (_EDGE * min(h, w))).clamp(1e-3, 1)
