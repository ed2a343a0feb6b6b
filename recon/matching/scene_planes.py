"""Planes of the scene, found in space over all views: walls, floors, tops, also those on which only a picture matched.

Greedy RANSAC over oriented voxels of the confirmed depths (each voxel counts once, however many views saw it), largest plane
first; then normals are drawn to the few directions that the large planes have, because a small plane's own normal is too
uncertain to carry it across a wall.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.geometry.transforms import Array
from recon.kernels.planes import ScenePlane
from recon.matching.confirm import Confirmed
from recon.matching.pictures import Picture

MAX_PLANES = 96
VOXEL = 0.012  # of the typical depth
THICKNESS = 0.010  # of the typical depth: matter this near belongs to a plane
MIN_COSINE = 0.87  # between a voxel's normal and its plane's
MIN_VOXELS = 60  # of a plane
REACH = 0.5  # of the typical depth: beyond it from known matter a plane is no likelier than anything
EDGE_PLANES = 6  # a direction
N_CANDIDATES, N_VOTERS = 256, 12_000
SNAP_DEG = 3.5  # normals this near a dominant direction, or a right angle to it, are drawn to it


@dataclass(frozen=True)
class Voxels:
    """Oriented matter: one entry a voxel."""

    positions: Array  # [n, 3]
    normals: Array  # [n, 3] unit
    weights: Array  # [n] in (0, 1]: less where few pixels say so

    def __len__(self) -> int:
        return len(self.positions)

    def where(self, keep: NDArray) -> "Voxels":
        return Voxels(self.positions[keep], self.normals[keep], self.weights[keep])


def oriented_voxels(pictures: Sequence[Picture], confirmed: Sequence[Confirmed], side: float) -> Voxels:
    """Mean position and normal of the confirmed pixels in every voxel of `side` that several of them fall into."""
    points, normals = [], []
    for picture, known in zip(pictures, confirmed, strict=True):
        step = max(1, max(picture.camera.size_hw) // 200)
        at = np.zeros_like(known.is_confirmed)
        at[::step, ::step] = known.is_confirmed[::step, ::step]
        y, x = np.nonzero(at)
        camera, pose = picture.camera, picture.world_from_camera
        rays = np.stack([(x + 0.5 - camera.cx) / camera.fx, (y + 0.5 - camera.cy) / camera.fy, np.ones(len(x))], -1)
        points.append(rays * known.depth[at][:, None] @ pose[:3, :3].T + pose[:3, 3])
        q = known.planes[at].astype(np.float64)
        normals.append(-q / np.linalg.norm(q, axis=-1, keepdims=True) @ pose[:3, :3].T)
    position, normal = np.concatenate(points), np.concatenate(normals)
    if not len(position):
        return Voxels(position, normal, np.zeros(0))
    cells = np.floor((position - position.min(0)) / side).astype(np.int64)
    size = cells.max(0) + 1
    key = (cells[:, 0] * size[1] + cells[:, 1]) * size[2] + cells[:, 2]
    _, owner, counts = np.unique(key, return_inverse=True, return_counts=True)
    sums = [np.bincount(owner, column) for column in (*position.T, *normal.T)]
    mean = np.stack(sums, -1) / counts[:, None]
    length = np.linalg.norm(mean[:, 3:], axis=-1)
    keep = (counts >= 3) & (length > 0.6)  # a voxel whose normals scatter says nothing of planes
    weights = np.minimum(counts / 12, 1)
    return Voxels(mean[keep, :3], mean[keep, 3:] / length[keep, None], weights[keep])


def find_planes(voxels: Voxels, cameras: Array, *, typical_depth: float, seed: int) -> list[ScenePlane]:
    """At most MAX_PLANES planes, the best supported first, then those that only their edges show; cameras: centres [k, 3]."""
    rng = np.random.default_rng(seed)
    thickness = THICKNESS * typical_depth
    left, found = voxels, list[tuple[Array, float, Voxels]]()
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
        found.append((normal, offset, left.where(inside)))
        left = left.where(~_on_plane(left, normal, offset, 1.5 * thickness))
    snapped = _snapped([normal for normal, _, _ in found])
    pieces = [(normal, matter) for normal, (_, _, matter) in zip(snapped, found, strict=True)]
    pieces += _edge_planes(voxels, pieces, cameras, thickness)
    cell = 2 * VOXEL * typical_depth
    return [_scene_plane(normal, matter, cell=cell, reach=REACH * typical_depth) for normal, matter in pieces]


def _edge_planes(
    voxels: Voxels, known: Sequence[tuple[Array, Voxels]], cameras: Array, thickness: float
) -> list[tuple[Array, Voxels]]:
    """Blank planes that show by their edges alone, as a white ceiling does: heaps of matter, however it is turned, at one
    offset along a main direction of the scene, before which the cameras stand."""
    pieces = []
    for direction in _main_directions([normal for normal, _ in known]):
        for normal in (direction, -direction):
            offsets = voxels.positions @ normal
            taken = [float(np.median(m.positions @ n)) for n, m in known if n @ normal > 0.999]
            bins = np.arange(offsets.min() - 2 * thickness, offsets.max() + 3 * thickness, thickness)
            heap, _ = np.histogram(offsets, bins, weights=voxels.weights)
            heap = heap[1:] + heap[:-1]
            usual = 3 * np.median(heap)
            is_peak = (heap >= np.roll(heap, 1)) & (heap >= np.roll(heap, -1)) & (heap > max(usual, MIN_VOXELS))
            for k in sorted(np.flatnonzero(is_peak), key=lambda k: -heap[k])[:EDGE_PLANES]:
                offset = bins[k + 1]
                is_before = (cameras @ normal > offset).mean() > 0.5
                if is_before and all(abs(offset - other) > 1.5 * thickness for other in taken):
                    pieces.append((normal, voxels.where(np.abs(offsets - offset) < thickness)))
    return pieces


def _main_directions(normals: Sequence[Array]) -> list[Array]:
    """At most three directions at right angles: the largest plane's, the next at a right angle to it, and theirs."""
    if not normals:
        return []
    first = normals[0]
    second = next((n for n in normals[1:] if abs(n @ first) < 0.02), None)
    if second is None:
        return [first]
    third = np.cross(first, second)
    return [first, second, third / np.linalg.norm(third)]


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


def _snapped(normals: Sequence[Array]) -> list[Array]:
    """Normals, largest plane first, each drawn to the direction (or right angle) of a larger one that it is nearly at."""
    limit = np.sin(np.deg2rad(SNAP_DEG))
    kept: list[Array] = []
    result = []
    for normal in normals:
        parallel = next((d for d in kept if np.linalg.norm(np.cross(d, normal)) < limit), None)
        if parallel is not None:
            result.append(parallel * np.sign(parallel @ normal))
            continue
        for direction in kept[:2]:  # a right angle to the two largest directions
            if abs(direction @ normal) < limit:
                normal = normal - (direction @ normal) * direction
                normal = normal / np.linalg.norm(normal)
        kept.append(normal)
        result.append(normal)
    return result


def _scene_plane(normal: Array, matter: Voxels, *, cell: float, reach: float) -> ScenePlane:
    offset = float(np.median(matter.positions @ normal))
    helper = np.eye(3)[np.argmin(np.abs(normal))]
    across = np.cross(normal, helper)
    across /= np.linalg.norm(across)
    along = np.cross(normal, across)
    at = np.stack([matter.positions @ across, matter.positions @ along], -1)
    low = at.min(0) - reach
    columns, rows = np.ceil((at.max(0) + reach - low) / cell).astype(int) + 1
    free = np.ones((rows, columns), np.uint8)
    index = ((at - low) / cell).astype(int)
    free[index[:, 1], index[:, 0]] = 0
    distances = np.minimum(cv2.distanceTransform(free, cv2.DIST_L2, 5) * cell / reach, 1).astype(np.float32)
    return ScenePlane(normal, offset, across, along, low, cell, distances)
