"""Numbers as pictures: depth, normals and errors in colour, pictures side by side. All pictures are uint8 [h, w, 3]."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # [h, w, 3]
Map = NDArray[np.float32]  # [h, w]

# Colour maps at even steps from 0 to 1, linear between (within 3 % of the originals): turbo (Mikhailov 2019), for depth,
# and matplotlib's inferno, for errors.
_TURBO = np.array(
    [
        (48, 18, 59),
        (64, 64, 162),
        (70, 107, 227),
        (66, 148, 255),
        (40, 188, 235),
        (24, 221, 194),
        (50, 242, 152),
        (109, 254, 98),
        (164, 252, 60),
        (205, 236, 52),
        (238, 207, 58),
        (253, 172, 52),
        (251, 126, 33),
        (235, 80, 14),
        (208, 47, 5),
        (169, 22, 1),
        (122, 4, 3),
    ],
    dtype=float,
)
_INFERNO = np.array(
    [
        (0, 0, 4),
        (33, 12, 74),
        (87, 16, 110),
        (138, 34, 106),
        (188, 55, 84),
        (228, 90, 49),
        (249, 142, 9),
        (249, 203, 53),
        (252, 255, 164),
    ],
    dtype=float,
)
NOTHING_HIT = np.array([38, 38, 42], np.uint8)  # dark grey: in no colour map here
GAP = 4  # white pixels between pictures side by side


def picture(color: NDArray) -> Picture:
    """A colour image [h, w, 3] in [0, 1] as uint8; anything outside is clipped."""
    return (np.clip(np.nan_to_num(color), 0, 1) * 255 + 0.5).astype(np.uint8)


def turbo(values: NDArray) -> Picture:
    """Values [h, w] in [0, 1] from blue to red."""
    return _mapped(values, _TURBO)


def inferno(values: NDArray) -> Picture:
    """Values [h, w] in [0, 1] from black over red to pale yellow."""
    return _mapped(values, _INFERNO)


def depth_range(depths: Iterable[NDArray]) -> tuple[float, float]:
    """A range (near, far) that shows these depth maps well: 2nd and 98th percentile of all that was hit (0: nothing)."""
    samples = [depth[depth > 0][:: max(1, depth.size // 20_000)] for depth in depths]
    hit = np.concatenate([*samples, np.zeros(0, np.float32)])
    if hit.size == 0:
        return 1.0, 2.0
    near, far = (float(x) for x in np.percentile(hit, (2, 98)))
    return near, max(far, near * 1.01)


def depth_picture(depth: Map, *, near: float, far: float) -> Picture:
    """Depth in turbo colours, red at `near`, blue at `far`, even in 1/depth; dark grey where nothing was hit."""
    assert 0 < near < far
    hit = depth > 0
    nearness = (1 / np.where(hit, depth, far) - 1 / far) / (1 / near - 1 / far)
    return np.where(hit[..., None], turbo(nearness), NOTHING_HIT)


def normal_picture(normal: NDArray) -> Picture:
    """World-frame normals [h, w, 3]: +x, +y, +z in red, green, blue (0..255 for -1..1); dark grey where zero."""
    hit = np.abs(normal).sum(-1, keepdims=True) > 0.5
    return np.where(hit, picture(normal / 2 + 0.5), NOTHING_HIT)


def error_picture(render: NDArray, photo: NDArray, *, full_scale: float = 0.25) -> Picture:
    """Mean absolute colour difference of two images [h, w, 3] in [0, 1]; the brightest colour means >= `full_scale`."""
    return inferno(np.abs(render - photo).mean(-1) / full_scale)


def side_by_side(pictures: Sequence[Picture]) -> Picture:
    """Pictures of one height in a row with a white gap."""
    gap = np.full((pictures[0].shape[0], GAP, 3), 255, np.uint8)
    row = [pictures[0]]
    for other in pictures[1:]:
        row += [gap, other]
    return np.concatenate(row, axis=1)


def _mapped(values: NDArray, table: NDArray) -> Picture:
    x = np.clip(np.nan_to_num(values), 0, 1) * (len(table) - 1)
    channels = [np.interp(x, np.arange(len(table)), table[:, channel]) for channel in range(3)]
    return (np.stack(channels, -1) + 0.5).astype(np.uint8)
