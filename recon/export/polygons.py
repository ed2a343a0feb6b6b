"""A flat shape covered by few convex polygons (approximate convex decomposition after Lien and Amato, 2006)."""

import cv2
import numpy as np
from scipy import ndimage

_DIRECTIONS = np.pi / 8 * np.arange(8)  # of cuts
_CORNERS = 6  # corners of the outline round the deepest point that a cut may go through


def convex_cover(mask: np.ndarray, *, overhang: float, least: float) -> list[np.ndarray]:
    """Convex polygons [k, 2] (x = column, y = row; cells are squares round whole numbers) that cover a mask [rows, columns].

    None reaches further than `overhang` cells beside the mask. A piece whose hull does is cut in two beside the deepest point
    of its worst bay or hole, so that the least is left to cover. Bits of under `least` cells are left out. Pieces meet
    without cracks.
    """
    away = ndimage.distance_transform_edt(~mask)
    corners = _corners(mask, overhang)
    open_pieces = _connected(np.argwhere(mask), least)
    cover = []
    while open_pieces:
        piece = open_pieces.pop()
        hull = _hull(piece)
        deepest = _deepest(hull, away)
        if away[deepest] <= overhang:
            cover.append(_around(hull))
            continue
        nearest = np.argsort(((corners - deepest) ** 2).sum(1), kind="stable")[:_CORNERS]
        for side in _cut(piece, np.concatenate([corners[nearest], [deepest]])):
            open_pieces += _connected(side, least)
    return cover


def _corners(mask: np.ndarray, overhang: float) -> np.ndarray:
    """Corners [n, 2] (row, column) of the outlines of a mask and of its holes."""
    contours, _ = cv2.findContours(np.pad(mask.astype(np.uint8), 1), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    rings = [cv2.approxPolyDP(contour, max(overhang, 1.0), True)[:, 0, ::-1] - 1 for contour in contours]
    return np.concatenate([np.zeros((0, 2), int), *rings])


def _connected(cells: np.ndarray, least: float) -> list[np.ndarray]:
    """Connected sets of cells [n, 2] (row, column), those of at least `least`."""
    if len(cells) < least:
        return []
    low = cells.min(0)
    picture = np.zeros(cells.max(0) - low + 1, np.uint8)
    picture[tuple((cells - low).T)] = 1
    n, labels = cv2.connectedComponents(picture, connectivity=4)
    pieces = [np.argwhere(labels == number) + low for number in range(1, n)]
    return [piece for piece in pieces if len(piece) >= least]


def _hull(cells: np.ndarray) -> np.ndarray:
    """The convex hull [k, 1, 2] (x, y) of cells (row, column) in order of rows: of the ends of every row."""
    first = np.flatnonzero(np.diff(cells[:, 0], prepend=-1))
    ends = np.concatenate([cells[first], cells[np.append(first[1:], len(cells)) - 1]])
    return np.asarray(cv2.convexHull(np.ascontiguousarray(ends[:, ::-1], np.int32)))


def _around(hull: np.ndarray) -> np.ndarray:
    """The hull [k, 2] of the squares round the corners of a hull of cells."""
    squares = hull + np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], np.float32) / 2
    ring = cv2.convexHull(squares.reshape(-1, 1, 2).astype(np.float32))
    return cv2.approxPolyDP(ring, 0.3, True)[:, 0].astype(float)


def _deepest(hull: np.ndarray, away: np.ndarray) -> tuple[int, int]:
    """The cell (row, column) within a hull that lies furthest from the mask."""
    low, high = hull[:, 0].min(0), hull[:, 0].max(0)
    inside = np.zeros((high - low + 1)[::-1], np.uint8)
    cv2.fillConvexPoly(inside, hull - low, 1)
    crop = away[low[1] : high[1] + 1, low[0] : high[0] + 1] * inside
    row, column = np.unravel_index(crop.argmax(), crop.shape)
    return int(row + low[1]), int(column + low[0])


def _cut(cells: np.ndarray, through: np.ndarray) -> list[np.ndarray]:
    """The two sides of the cut beside one of the cells `through` [n, 2] whose hulls are smallest together."""
    best: list[np.ndarray] = []
    least = np.inf
    for angle in _DIRECTIONS:
        direction = np.array([np.cos(angle), np.sin(angle)])
        height = cells @ direction
        for at in np.unique(np.round((through @ direction)[:, None] + [-0.5, 0.5], 3)):
            is_above = height > at
            if is_above.all() or not is_above.any():
                continue
            sides = [cells[is_above], cells[~is_above]]
            area = sum(cv2.contourArea(_around(_hull(side)).astype(np.float32)) for side in sides)
            if area < least:
                best, least = sides, area
    return best
