"""What other views say of pixels that may be sky: what they know to stand there, and what they see in the same direction."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.geometry import invert_rigid
from recon.geometry.pinhole import pixels_of, rays_at, rays_of_pixels
from recon.geometry.transforms import apply_rigid
from recon.matching.confirm import Confirmed
from recon.matching.pictures import Picture

Mask = NDArray[np.bool_]

PROBE = 4  # pixels between the directions and points that are compared


def directions(picture: Picture, step: int = 1) -> NDArray[np.float64]:
    """Unit directions [h, w, 3] in the world of (every `step`-th of) the pixels."""
    rays = rays_of_pixels(picture.camera, step)
    return rays / np.linalg.norm(rays, axis=-1, keepdims=True) @ picture.world_from_camera[:3, :3].T


def matter_on(picture: Picture, candidate: Mask, others: Sequence[tuple[Picture, Confirmed]]) -> NDArray[np.int64]:
    """Per pixel [h, w], how many confirmed points of the views that say most about it fall onto it, well inside its region."""
    inner = cv2.erode(candidate.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    hits = np.zeros(candidate.shape, np.int64)
    if not inner.any():
        return hits
    for other, known in others:
        points = points_of(other, known)
        at, inside = _pixels(picture, points - picture.world_from_camera[:3, 3])
        np.add.at(hits, (at[inside, 1], at[inside, 0]), 1)
    return np.where(inner, hits, 0) // max(len(others) // 2, 1)


def points_of(picture: Picture, known: Confirmed) -> NDArray[np.float64]:
    """World positions [n, 3] of (every PROBE-th of the rows and columns of) what is confirmed."""
    depth = known.depth[PROBE // 2 :: PROBE, PROBE // 2 :: PROBE]
    rows, columns = np.nonzero(depth)
    y, x = PROBE * rows + PROBE // 2 + 0.5, PROBE * columns + PROBE // 2 + 0.5
    return apply_rigid(picture.world_from_camera, rays_at(picture.camera, x, y) * depth[rows, columns][:, None])


def _pixels(picture: Picture, offsets: NDArray[np.float64]) -> tuple[NDArray[np.int64], Mask]:
    """Pixels [n, 2] (x, y) of the ends of vectors [n, 3] from the camera, and which are in the picture."""
    local = offsets @ invert_rigid(picture.world_from_camera)[:3, :3].T
    h, w = picture.camera.size_hw
    x, y, inside = pixels_of(picture.camera, local)
    return np.stack([x, y], -1).clip(0, (w - 1, h - 1)).astype(np.int64), inside


def looks_alike(
    picture: Picture, candidate: Mask, others: Sequence[tuple[Picture, Mask, Confirmed]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Per pixel [h, w]: other views that see sky colour or matter in its direction, and other views that see there at all."""
    same, seen = np.zeros(candidate.shape, np.int64), np.zeros(candidate.shape, np.int64)
    rows, columns = np.nonzero(candidate[PROBE // 2 :: PROBE, PROBE // 2 :: PROBE])
    if not len(rows):
        return same, seen
    looks = directions(picture, PROBE)[rows, columns]
    rows, columns = PROBE * rows + PROBE // 2, PROBE * columns + PROBE // 2
    for other, their_candidate, known in others:
        at, inside = _pixels(other, looks)
        at = at[inside]
        is_same = their_candidate[at[:, 1], at[:, 0]] | known.is_confirmed[at[:, 1], at[:, 0]]
        seen[rows[inside], columns[inside]] += 1
        same[rows[inside], columns[inside]] += is_same
    return same, seen
