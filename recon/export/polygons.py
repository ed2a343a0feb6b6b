"""A flat shape covered by few convex polygons (approximate convex decomposition after Lien and Amato, 2006)."""

import cv2
import numpy as np
from scipy import ndimage

_DIRECTIONS = np.pi / 8 * np.arange(8)  # of cuts


def convex_cover(mask: np.ndarray, *, overhang: float, least: float) -> list[np.ndarray]:
    """Convex polygons [k, 2] (x = column, y = row) that cover a mask [rows, columns], and little more.

    None reaches further than `overhang` cells beside the mask. A piece whose hull does is cut in two at the deepest point of
    its worst bay or hole, along the direction that leaves the least to cover. Bits of under `least` cells are left out.
    Neighbours overlap by a cell, so that there are no cracks between them.
    """
    away = ndimage.distance_transform_edt(~mask)
    open_pieces = _connected(np.argwhere(mask), least)
    cover = []
    while open_pieces:
        piece = open_pieces.pop()
        hull = _hull(piece)
        deepest = _deepest(hull, away)
        if away[deepest] <= overhang:
            cover.append(cv2.approxPolyDP(hull, 0.5, True)[:, 0].astype(float))
            continue
        for side in _cut(piece, np.array(deepest)):
            open_pieces += _connected(side, least)
    return cover


def _connected(cells: np.ndarray, least: float) -> list[np.ndarray]:
    """Connected sets of cells [n, 2] (row, column), those of at least `least`."""
    if len(cells) < least:
        return []
    low = cells.min(0)
    picture = np.zeros(cells.max(0) - low + 1, np.uint8)
    picture[tuple((cells - low).T)] = 1
    n, labels = cv2.connectedComponents(picture, connectivity=8)
    pieces = [np.argwhere(labels == number) + low for number in range(1, n)]
    return [piece for piece in pieces if len(piece) >= least]


def _hull(cells: np.ndarray) -> np.ndarray:
    """The convex hull [k, 1, 2] (x, y) of cells (row, column) in order of rows: of the ends of every row."""
    first = np.flatnonzero(np.diff(cells[:, 0], prepend=-1))
    ends = np.concatenate([cells[first], cells[np.append(first[1:], len(cells)) - 1]])
    return np.asarray(cv2.convexHull(np.ascontiguousarray(ends[:, ::-1], np.int32)))


def _deepest(hull: np.ndarray, away: np.ndarray) -> tuple[int, int]:
    """The cell (row, column) within a hull that lies furthest from the mask."""
    low, high = hull[:, 0].min(0), hull[:, 0].max(0)
    inside = np.zeros((high - low + 1)[::-1], np.uint8)
    cv2.fillConvexPoly(inside, hull - low, 1)
    crop = away[low[1] : high[1] + 1, low[0] : high[0] + 1] * inside
    row, column = np.unravel_index(crop.argmax(), crop.shape)
    return int(row + low[1]), int(column + low[0])


def _cut(cells: np.ndarray, at: np.ndarray) -> list[np.ndarray]:
    """The two sides of the best cut through `at`; both hold the cells of the cut."""
    best: list[np.ndarray] = []
    least = np.inf
    for angle in _DIRECTIONS:
        height = (cells - at) @ np.array([np.cos(angle), np.sin(angle)])
        sides = [cells[height >= -0.75], cells[height <= 0.75]]
        if min(len(side) for side in sides) == 0 or max(len(side) for side in sides) == len(cells):
            continue
        area = sum(cv2.contourArea(_hull(side)) for side in sides)
        if area < least:
            best, least = sides, area
    return best
