"""Planes of the scene, found in space over all views: walls, floors, tops, also those on which only a picture matched.

Greedy RANSAC over oriented voxels of the confirmed depths (each voxel counts once, however many views saw it), largest plane
first; then drawn to the few directions that the scene has (`frame`).
"""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d, uniform_filter1d

from recon.geometry.transforms import Array, plane_axes
from recon.kernels.planes import ScenePlane
from recon.matching.frame import THINNEST, Piece, core, main_frame, tightest, upright
from recon.matching.voxels import Voxels

MAX_PLANES = 96
VOXEL = 0.012  # of the typical depth
THICKNESS = 0.010  # of the typical depth: matter this near belongs to a plane
MIN_COSINE = 0.87  # between a voxel's normal and its plane's
MIN_VOXELS = 60  # of a plane
REACH = 0.5  # of the typical depth: beyond it from known matter a plane is no likelier than anything
# The same of a plane of a thing, as those along no axis are; and the number of reaches at which its distances end
THING_REACH, THING_BEYOND = 0.1, 3.0
EDGE_PLANES = 2  # a side of a direction
EDGE_CONTRAST = 2.0
BEYOND = 0.05  # share of all matter that may lie behind such a plane: walls and ceilings are the last thing
SHELL_MATTER = 0.005  # share of all matter, at least, on a shell
SHELL_BEHIND, SHELL_RATIO = 0.03, 0.5  # of all matter, and of its own, at most, behind it
RECESS = 6.0  # thicknesses behind it that do not count: windows and niches
N_CANDIDATES, N_VOTERS = 256, 12_000


def find_planes(
    voxels: Voxels, cameras: Array, *, typical_depth: float, seed: int, explained: NDArray[np.bool_] | None = None
) -> list[ScenePlane]:
    """At most MAX_PLANES planes, the best supported first, then those that only their edges show.

    voxels: all matter; explained: which of it [n] lies on other planes already. cameras: centres [k, 3]. typical_depth: world
    units. seed: of random numbers.
    """
    thickness = THICKNESS * typical_depth
    found = _greedy_planes(voxels if explained is None else voxels.where(~explained), thickness, seed)
    rng = np.random.default_rng((seed, 1))
    pieces = upright([tightest(piece, thickness, rng) for piece in found], thickness)
    if not pieces:  # next to nothing was matched, or nothing of it is flat
        return []
    n_matched = len(pieces)
    pieces += _edge_planes(voxels, pieces, cameras, thickness)
    frame = main_frame([normal for normal, _ in pieces])
    planes = []
    for index, (normal, matter) in enumerate(pieces):
        if np.abs(frame @ normal).max() > 0.9999:
            is_shell = _is_shell(normal, matter, voxels, cameras, thickness)
            plane = _scene_plane(normal, matter, is_shell, typical_depth, reach=REACH, beyond=1.0)
            planes.append(replace(plane, shows_by_edges=index >= n_matched))
        else:
            planes.append(thing_plane(normal, matter, typical_depth=typical_depth))
    return planes


def find_local_planes(voxels: Voxels, *, typical_depth: float, seed: int) -> list[ScenePlane]:
    """Planes as they lie, drawn to no frame, and shells of nothing: pieces of a road that rises and bends."""
    found = _greedy_planes(voxels, THICKNESS * typical_depth, seed)
    return [_scene_plane(*piece, False, typical_depth, reach=REACH, beyond=1.0) for piece in found]


def _greedy_planes(voxels: Voxels, thickness: float, seed: int) -> list[Piece]:
    """At most MAX_PLANES planes by RANSAC, the best supported first, each without what those before it explain."""
    rng = np.random.default_rng(seed)
    left, found = voxels, list[Piece]()
    while len(found) < MAX_PLANES and len(left) >= MIN_VOXELS:
        normal, offset = _best_candidate(left, thickness, rng)
        for _ in range(3):
            inside = _on_plane(left, normal, offset, thickness)
            if inside.sum() < 3:
                break
            normal, offset = _fit(left.where(inside), normal)
        inside = _on_plane(left, normal, offset, thickness)
        if left.weights[inside].sum() < MIN_VOXELS:
            break
        found.append((normal, left.where(inside)))
        left = left.where(~_on_plane(left, normal, offset, 1.5 * thickness))
    return found


def thing_plane(normal: Array, matter: Voxels, *, typical_depth: float) -> ScenePlane:
    """A plane of a thing: it is no shell, and likely only near its matter."""
    return _scene_plane(normal, matter, False, typical_depth, reach=THING_REACH, beyond=THING_BEYOND)


def _is_shell(normal: Array, matter: Voxels, voxels: Voxels, cameras: Array, thickness: float) -> bool:
    """Whether enough matter lies on the plane, next to none behind it but in recesses, and no camera."""
    offset = np.median(matter.positions @ normal)
    if (cameras @ normal < offset).any():
        return False
    behind = voxels.weights[voxels.positions @ normal < offset - RECESS * thickness].sum()
    every, own = voxels.weights.sum(), matter.weights.sum()
    return bool(own >= SHELL_MATTER * every and behind <= min(SHELL_BEHIND * every, SHELL_RATIO * own))


def _edge_planes(
    voxels: Voxels, known: Sequence[tuple[Array, Voxels]], cameras: Array, thickness: float
) -> list[tuple[Array, Voxels]]:
    """Blank planes that show by their edges alone, as a white ceiling does: heaps of matter, however it is turned, at one
    offset along a main direction of the scene, before which the cameras stand."""
    pieces = []
    for direction in main_frame([normal for normal, _ in known]):
        for normal in (direction, -direction):
            offsets = voxels.positions @ normal
            taken = [float(np.median(m.positions @ n)) for n, m in known if n @ normal > 0.999]
            bins = np.arange(offsets.min() - 2 * thickness, offsets.max() + 3 * thickness, thickness)
            heap, _ = np.histogram(offsets, bins, weights=voxels.weights)
            heap = heap[1:] + heap[:-1]
            usual = minimum_filter1d(uniform_filter1d(heap, 5), 21)  # how much lies at the emptiest offset round about
            is_peak = (heap >= maximum_filter1d(heap, 5)) & (heap > np.maximum(EDGE_CONTRAST * usual, MIN_VOXELS))
            peaks = []
            for k in np.flatnonzero(is_peak):  # the outermost first
                offset = float(bins[k + 1])
                is_before = (cameras @ normal > offset).mean() > 0.5
                is_last = (voxels.weights * (offsets < offset - thickness)).sum() < BEYOND * voxels.weights.sum()
                if is_before and is_last and all(abs(offset - other) > 1.5 * thickness for other in taken):
                    peaks.append((float(heap[k]), offset))
            # A ceiling shows less than the pictures and curtains that hang below it: the outermost heap counts, then the largest.
            chosen = [*peaks[:1], *sorted(peaks[1:], reverse=True)]
            for _, offset in chosen[:EDGE_PLANES]:
                pieces.append((normal, voxels.where(np.abs(offsets - offset) < thickness)))
    return pieces


def _best_candidate(voxels: Voxels, thickness: float, rng: np.random.Generator) -> tuple[Array, float]:
    voters = voxels.where(rng.choice(len(voxels), min(N_VOTERS, len(voxels)), replace=False))
    picked = rng.choice(len(voxels), min(N_CANDIDATES, len(voxels)), replace=False)
    normals = voxels.normals[picked]
    offsets = (normals * voxels.positions[picked]).sum(-1)
    near = np.abs(voters.positions @ normals.T - offsets) < thickness
    alike = voters.normals @ normals.T > MIN_COSINE
    best = int((voters.weights @ (near & alike)).argmax())
    return normals[best], float(offsets[best])


def _on_plane(voxels: Voxels, normal: Array, offset: float, thickness: float) -> NDArray[np.bool_]:
    near = np.abs(voxels.positions @ normal - offset) < thickness
    return near & (voxels.normals @ normal > MIN_COSINE)


def _fit(voxels: Voxels, normal: Array) -> tuple[Array, float]:
    """Least squares through the voxels, looking to the side of `normal`."""
    weights = voxels.weights[:, None]
    middle = (weights * voxels.positions).sum(0) / weights.sum()
    centred = np.sqrt(weights) * (voxels.positions - middle)
    fitted = np.linalg.eigh(centred.T @ centred)[1][:, 0]
    fitted = fitted if fitted @ normal > 0 else -fitted
    if fitted @ normal < MIN_COSINE:  # a strip: its own points do not say how it is turned
        fitted = normal
    return fitted, float(fitted @ middle)


def _scene_plane(
    normal: Array, matter: Voxels, is_shell: bool, typical_depth: float, *, reach: float, beyond: float
) -> ScenePlane:
    """`reach`: the unit of distances, in typical depths; they end at `beyond` of it.

    normal: [3] unit; matter: the voxels on the plane. is_shell: nothing lies behind it. typical_depth: world units.
    """
    cell, reach = 2 * VOXEL * typical_depth, reach * typical_depth
    thickness = THICKNESS * typical_depth
    offset, _ = core(matter.positions @ normal, matter.weights, least=THINNEST * thickness)
    across, along = plane_axes(normal)
    at = np.stack([matter.positions @ across, matter.positions @ along], -1)
    low, distances = _distances(at, cell, reach, beyond)
    return ScenePlane(normal, offset, across, along, low, cell, is_shell, distances, thickness, reach, beyond)


def _distances(at: Array, cell: float, reach: float, beyond: float) -> tuple[Array, NDArray[np.float32]]:
    """The corner [2] and the map [rows, columns] of distances to matter at [n, 2], in reaches, up to `beyond` of them."""
    low = at.min(0) - beyond * reach
    columns, rows = np.ceil((at.max(0) + beyond * reach - low) / cell).astype(int) + 1
    free = np.ones((rows, columns), np.uint8)
    index = ((at - low) / cell).astype(int)
    free[index[:, 1], index[:, 0]] = 0
    return low, np.minimum(cv2.distanceTransform(free, cv2.DIST_L2, 5) * cell / reach, beyond).astype(np.float32)


def extended(plane: ScenePlane, matter: Voxels) -> ScenePlane:
    """The same plane, its matter known at more places."""
    rows, columns = np.nonzero(plane.distances <= 0)
    known = plane.low + plane.cell * (np.stack([columns, rows], -1) + 0.5)
    more = np.stack([matter.positions @ plane.across, matter.positions @ plane.along], -1)
    low, distances = _distances(np.concatenate([known, more]), plane.cell, plane.reach, plane.beyond)
    return replace(plane, low=low, distances=distances)


def is_on(voxels: Voxels, plane: ScenePlane, thickness: float) -> NDArray[np.bool_]:
    """Which voxels lie within `thickness` of a plane, turned as it is."""
    return _on_plane(voxels, plane.normal, plane.offset, thickness)
