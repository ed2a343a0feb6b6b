"""Planes fitted to the depths round every pixel of a picture, and how many of those lie on them: the public functions.

A plane q [3] of a pixel means 1 / depth = q . (u, v, 1), as in `recon.kernels.stereo`: on it inverse depth is linear in the
picture. Asked are 5 x 5 pixels round each, `step` apart.
"""

from collections.abc import Sequence

import numpy as np
import torch

from recon.kernels.stereo import Floats, StereoView


def fit_planes(view: StereoView, planes: Floats, *, step: int, tolerances: Sequence[float]) -> Floats:
    """The plane [h, w, 3] that fits best to the inverse depths round each pixel, by least squares, in rounds.

    A round takes the depths within its tolerance of the plane of the round before, at first the pixel's own: what stands before
    or behind a surface does not bend it. Where fewer than 8 pixels are left, the plane stays as it is.

    Args:
        view: the picture; planes: [h, w, 3] of its pixels.
        step: pixels between those asked.
        tolerances: relative differences of inverse depth, one per round.
    """
    from recon.kernels import native
    from recon.kernels.native import plane_fits

    native.set_n_threads(torch.get_num_threads())
    return plane_fits.fit_planes(np.ascontiguousarray(planes, np.float32), view.intrinsics, step, tolerances)


def coherence(view: StereoView, planes: Floats, inverse_depths: Floats, *, step: int, tolerance: float) -> Floats:
    """Share [h, w], in [0, 1], of the pixels round each whose depth lies on the pixel's own plane within `tolerance`.

    view: the picture; planes: [h, w, 3] and inverse_depths: [h, w] of its pixels; step: pixels between those asked, of which those
    outside the picture do not count; tolerance: relative.
    """
    from recon.kernels import native
    from recon.kernels.native import plane_fits

    native.set_n_threads(torch.get_num_threads())
    maps = (np.ascontiguousarray(planes, np.float32), np.ascontiguousarray(inverse_depths, np.float32))
    return plane_fits.coherence(*maps, view.intrinsics, step, tolerance)
