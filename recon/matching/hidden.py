"""What other pictures matched before a pixel's plane hides it: the pixel shows that surface, not the plane behind.

A pale table top that a picture sees at a grazing angle takes the floor behind it, and would carve the top away. Pictures that
look down on it match it; what they matched, carried into the picture, lies before the floor. One such picture is enough: what it
matched, others have confirmed.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from recon.geometry import invert_rigid
from recon.geometry.pinhole import pixels_of, rays_of_pixels
from recon.kernels.stereo import Floats
from recon.matching.confirm import Confirmed
from recon.matching.pictures import Picture

STEP = 4  # pixels between those that are carried over
SQUARE = 2  # side of the squares of pixels that they fall in: larger ones would hide what lies beside an edge
NEARER = 0.09  # of a plane's depth: what lies before it is so much nearer
HIGHER = 0.02  # ... and stands so much off it: a road seen at a grazing angle has all its own noise before it


def matched_points(picture: Picture, known: Confirmed) -> Floats:
    """World positions [n, 3] of the confirmed depths on a grid of the pixels."""
    depth = known.depth[::STEP, ::STEP]
    local = rays_of_pixels(picture.camera)[::STEP, ::STEP][depth > 0] * depth[depth > 0][:, None]
    pose = picture.world_from_camera
    return np.asarray(local @ pose[:3, :3].T + pose[:3, 3], np.float32)


def hidden(picture: Picture, depth: Floats, normal: Floats, points: Iterable[Floats]) -> NDArray[np.bool_]:
    """[h, w]: where some of the other pictures' `points` [n, 3] lie before a plane's depth [h, w] (0: none).

    `normal` [h, w, 3] of the planes, in the world: a point on the same ray, `depth - z` nearer, stands `cosine * (depth - z)` off.
    """
    small = depth[::SQUARE, ::SQUARE]
    limit = small * (1 - np.maximum(NEARER, HIGHER / np.maximum(_cosines(picture, normal), HIGHER)))
    camera_from_world = invert_rigid(picture.world_from_camera).astype(np.float32)
    is_hidden = np.zeros(small.size, bool)
    for theirs in points:
        local = theirs @ camera_from_world[:3, :3].T + camera_from_world[:3, 3]
        x, y, inside = pixels_of(picture.camera, local)
        at = (y[inside] // SQUARE).astype(np.int64) * small.shape[1] + (x[inside] // SQUARE).astype(np.int64)
        is_hidden[at[local[inside, 2] < limit.reshape(-1)[at]]] = True
    full = is_hidden.reshape(small.shape).repeat(SQUARE, 0).repeat(SQUARE, 1)
    return np.asarray(full[: depth.shape[0], : depth.shape[1]] & (depth > 0))


def _cosines(picture: Picture, normal: Floats) -> Floats:
    """Of the angle between ray and normal, of one pixel of each square."""
    rays = rays_of_pixels(picture.camera)[::SQUARE, ::SQUARE] @ picture.world_from_camera[:3, :3].T
    along = np.abs((rays * normal[::SQUARE, ::SQUARE]).sum(-1))
    return np.asarray(along / np.linalg.norm(rays, axis=-1), np.float32)
