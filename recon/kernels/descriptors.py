"""Features of two pictures that look alike: the public function. Exact, and faster than the usual approximate index."""

import numpy as np
from numpy.typing import NDArray

SIZE = 128  # values of a descriptor


def mutual_nearest(
    first: NDArray[np.uint8],  # [n, SIZE]
    second: NDArray[np.uint8],  # [m, SIZE]
    *,
    max_ratio: float,
    max_distance: float,
) -> NDArray[np.uint32]:
    """Places [k, 2] in `first` and `second` of the descriptors that are each other's nearest, with no other nearly as near.

    At most `max_distance` apart, and from either side nearer than `max_ratio` times the second nearest (Lowe 2004). Works on
    one thread; calls may run side by side. Needs the native kernels (`recon.kernels.is_there("native")`).
    """
    from recon.kernels.native import descriptors

    assert first.dtype == second.dtype == np.uint8 and first.shape[1:] == second.shape[1:] == (SIZE,)
    first, second = np.ascontiguousarray(first), np.ascontiguousarray(second)
    nearest = descriptors.mutual_nearest(first, second, max_ratio, max_distance)
    found = np.flatnonzero(nearest >= 0)
    return np.stack([found, nearest[found]], 1).astype(np.uint32)
