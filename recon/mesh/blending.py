"""Colours of photos on a surface: the sum over photos that painting spends its time on, in torch, on a GPU where there is one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from recon.kernels.painting import OnFaces, Photo, add_photo
from recon.mesh.atlas import SurfaceSamples
from recon.mesh.photos import PhotoWithDepth, projected
from recon.workspace.console import progress

Weights = NDArray[np.float32]


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
    faces, on_faces = faces.long(), OnFaces(corners.int(), shares)
    sums = torch.zeros(len(samples), 4, device=device)
    with progress("mesh: painting", len(photos)) as bar:
        for photo, at_vertices, is_shown, gain in zip(photos, shown.weights, shown.is_shown, gains, strict=True):
            arrays = (photo.color, photo.is_valid, photo.depth, gain, at_vertices)
            own = Photo(*(torch.from_numpy(array).to(device) for array in arrays))
            chosen = torch.from_numpy(is_shown).to(device).index_select(0, faces).nonzero()[:, 0]
            pixels, depth = projected(photo, positions.index_select(0, chosen))
            add_photo(own, on_faces, chosen, pixels, depth, sums, tolerance=tolerance)
            bar.advance()
    return sums[:, :3].cpu().numpy(), sums[:, 3].cpu().numpy()
