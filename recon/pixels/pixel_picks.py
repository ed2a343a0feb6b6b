"""Some pixels of one picture, chosen so that each is equally likely and they lie all over it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recon.formats.images import fit_within
from recon.formats.photos import read_photo
from recon.geometry import View
from recon.pixels.outlines import Outline, outline_of


@dataclass(frozen=True)
class Picked:
    """m pixels of one picture on their way into the pool."""

    view: View  # with the camera of the resized picture
    positions: NDArray[np.int32]  # [m] row * width + column, ascending
    colors: NDArray[np.uint8]  # [m, 3]
    alphas: NDArray[np.uint8] | None  # [m]; None: the picture is opaque
    has_channel: bool  # the file has an alpha channel, be it opaque
    outline: Outline


def pick_pixels(view: View, *, max_size: int | None, share: float, rng: np.random.Generator) -> Picked:
    """Read a picture, its longer side shrunk to `max_size`, and pick a share of the pixels that its mask leaves (1: all)."""
    photo = read_photo(view, fit_within(view.camera.size_hw, max_size))
    n_pixels = int(np.prod(photo.view.camera.size_hw))
    usable = None if photo.mask is None else np.flatnonzero(photo.mask).astype(np.int32)
    n_usable = n_pixels if usable is None else len(usable)
    chosen = spread(n_usable, n_picked(n_usable, share), rng)
    positions = chosen if usable is None else usable[chosen]
    alpha = photo.alpha
    return Picked(
        view=photo.view,
        positions=positions,
        colors=photo.pixels.reshape(n_pixels, -1)[positions, :3],
        alphas=None if alpha is None else alpha.reshape(-1)[positions],
        has_channel=photo.pixels.shape[2] == 4,
        outline=outline_of(photo),
    )


def n_picked(n_usable: int, share: float) -> int:
    """How many of `n_usable` pixels `share` of them are: at least one, unless there are none."""
    return min(int(n_usable * share) + 1, n_usable)


def spread(n: int, m: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """m of n positions in order, one at random in each of m equal stretches: each position is equally likely."""
    if m == n:
        return np.arange(n, dtype=np.int32)
    return np.minimum((np.arange(m) + rng.random(m)) * (n / m), n - 1).astype(np.int32)
