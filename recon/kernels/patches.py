"""Where patches of one picture lie in another: the public function, native only.

Lucas and Kanade 1981, of a patch warped by a homography, with gain and offset of the brightness.
"""

from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True)
class Limits:
    """Which patches are followed, and which count as found."""

    n_rounds: int
    max_gain: float  # of the brightness between the pictures
    min_likeness: float  # NCC of a patch and its place
    hopeless: float  # NCC below which a patch is not followed further
    max_shift: float  # pixels from where it was foretold
    max_last_step: float  # pixels: one that still moves has not settled
    min_texture: float  # smaller eigenvalue of the summed squared slopes, grey levels squared
    flat: float  # added to both eigenvalues


def find_patches(
    grey: NDArray[np.float32], warps: NDArray[np.float64], layers: NDArray[np.float32], limits: Limits
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Pixels x, y [n, 2] of the other picture (0: the middle of the first) where the patches' middles lie; which were found [n].

    Args:
        grey: [n, side, side] of the patches, side odd.
        warps: [n, 3, 3], what takes (right, down, 1) of a pixel, counted from its patch's middle, to homogeneous pixels of the
            other picture: where the patches are looked for. Those that may leave the picture are not found.
        layers: [h, w, 3] of the other picture: smooth grey, its slopes to the right and down.
        limits: of what is found.
    """
    from recon.kernels import native
    from recon.kernels.native import patches

    n, side, width = grey.shape
    assert side == width and side % 2 == 1 and warps.shape == (n, 3, 3) and layers.shape[2:] == (3,)
    native.set_n_threads(torch.get_num_threads())
    return patches.find_patches(
        np.ascontiguousarray(grey, np.float32),
        np.ascontiguousarray(warps, np.float64),
        np.ascontiguousarray(layers, np.float32),
        asdict(limits),
    )
