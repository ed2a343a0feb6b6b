"""Colours of photos on a surface: the sum over photos that painting spends its time on, in torch, on a GPU where there is one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from recon.mesh.atlas import SurfaceSamples
from recon.mesh.photos import PhotoWithDepth, seen_in
from recon.mesh.picture import sample_image
from recon.workspace.console import progress

Weights = NDArray[np.float32]

_EDGE = 0.05  # of a picture's shorter side, over which it fades out: lenses shade there


@dataclass(frozen=True)
class ShownBy:
    """How much each photo counts on a surface."""

    weights: Weights  # [photos, vertices] in between they run evenly across a face
    # [photos, faces] where a photo sees the face at all and counts at a corner: round a corner it may see a vertex only
    is_shown: NDArray[np.bool_]

    @classmethod
    def at(cls, weights: Weights, seen: NDArray[np.bool_], faces: NDArray[np.int32]) -> "ShownBy":
        """Of weights at corners and the faces [photos, f] that photos see; faces [f, 3]."""
        counts = [row & (of_vertices > 0)[faces].any(1) for row, of_vertices in zip(seen, weights, strict=True)]
        return cls(weights, np.stack(counts))


def at_corners(weights: Weights, faces: NDArray[np.int32]) -> Weights:
    """[photos, vertices]: the means over the faces [f, 3] that meet in a vertex of weights [photos, f].

    Faces that meet so give a photo one weight there, however differently they weigh it in their middles: no seam.
    """
    n_faces, n_vertices = len(faces), int(faces.max(initial=-1)) + 1
    meets = sparse.csr_array(
        (np.ones(3 * n_faces, np.float32), (faces.reshape(-1), np.repeat(np.arange(n_faces), 3))), (n_vertices, n_faces)
    )
    count = np.maximum(meets.sum(1), 1)
    return np.asarray((meets @ weights.T).T / count, np.float32)


def blend(
    photos: Sequence[PhotoWithDepth],
    shown: ShownBy,
    gains: NDArray[np.float32],  # [photos, 3] multiply a photo's colours
    samples: SurfaceSamples,
    *,
    tolerance: float,
    device: torch.device,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weighted sum of colours [n, 3] and of weights [n] over photos, at n samples.

    Face and corners decide which photos are taken; the sample itself must still be visible in them, at most `tolerance` (world
    units) behind the depth of the mesh there. shown: of what faces and corners each photo counts. `device`: what computes.
    """
    positions, faces, corners, shares = (
        torch.from_numpy(array).to(device)
        for array in (samples.positions, samples.faces, samples.corners, samples.shares)
    )
    corners, faces = corners.long(), faces.long()
    total, weight_sum = torch.zeros(len(samples), 3, device=device), torch.zeros(len(samples), device=device)
    with progress("mesh: painting", len(photos)) as bar:
        for photo, at_vertices, is_shown, gain in zip(photos, shown.weights, shown.is_shown, gains, strict=True):
            of_vertices, of_faces = (torch.from_numpy(array).to(device) for array in (at_vertices, is_shown))
            chosen = of_faces.index_select(0, faces).nonzero()[:, 0]
            seen = seen_in(photo, positions.index_select(0, chosen), tolerance=tolerance)
            chosen, pixels = chosen[seen.is_visible], seen.pixels[seen.is_visible]
            of_corners = of_vertices[corners.index_select(0, chosen)] * shares.index_select(0, chosen)
            weight = of_corners.sum(1) * _border(pixels, photo)
            colors = sample_image(torch.from_numpy(photo.color).to(device), pixels)
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
