"""A picture to look at: photo, depth, normals and kind of a few views."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.formats.images import fit_within
from recon.geometry import Kind, MatchedView

N_ROWS, WIDTH = 8, 320
_KINDS = {  # RGB
    Kind.UNKNOWN: (40, 40, 40),
    Kind.MATCHED: (70, 160, 90),
    Kind.PLANE: (225, 150, 60),
    Kind.SKY: (120, 170, 230),
}


def contact_sheet(rows: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The rows of `sheet_row` below each other."""
    widest = max(row.shape[1] for row in rows)
    return np.concatenate([np.pad(row, ((0, 4), (0, widest - row.shape[1]), (0, 0))) for row in rows], 0)


def spread(n: int, n_rows: int = N_ROWS) -> list[int]:
    """Which of n views the sheet shows."""
    return sorted(set(np.linspace(0, n - 1, min(n, n_rows)).round().astype(int).tolist()))


def sheet_row(color: NDArray[np.uint8], view: MatchedView) -> NDArray[np.uint8]:
    """A view's picture [h, w, 3] and what is known of it, side by side: photo, depth, normals, kind."""
    known = view.has_depth
    inverse = np.where(known, 1 / np.where(known, view.depth, 1), 0)
    low, high = np.percentile(inverse[known], [1, 99]) if known.any() else (0.0, 1.0)
    level = np.clip(255 * (inverse - low) / max(high - low, 1e-9), 0, 255).astype(np.uint8)
    depth = cv2.cvtColor(cv2.applyColorMap(level, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    normal = np.rint(127.5 + 127.5 * view.normal).astype(np.uint8)
    kinds = np.zeros((*view.kind.shape, 3), np.uint8)
    for kind, paint in _KINDS.items():
        kinds[view.kind == kind] = paint
    shown = [np.asarray(depth, np.uint8), normal]
    columns = [color, *(np.where(known[..., None], picture, 40).astype(np.uint8) for picture in shown), kinds]
    return np.concatenate([_small(picture) for picture in columns], 1)


def _small(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    h, w = fit_within((picture.shape[0], picture.shape[1]), WIDTH)
    return np.asarray(cv2.resize(picture, (w, h), interpolation=cv2.INTER_AREA), np.uint8)
