"""Which pictures see the same things, from what angle, and how deep: what the sparse points say before any matching."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from recon.geometry import Reconstruction, View, focus_of, invert_rigid
from recon.geometry.pinhole import pixels_of
from recon.geometry.transforms import Array, apply_rigid

BEST_ANGLE_DEG = 6.0  # between the lines of sight of two pictures: enough parallax, little change of looks
ANGLE_BELOW_DEG, ANGLE_ABOVE_DEG = 3.0, 9.0  # how fast smaller and larger angles lose
MIN_TRACK = 3  # observations, of a point that is believed
MIN_SHARED = 8  # points, of a source
N_NEAREST = 2  # points of a view that may be nearer than what it is said to see nearest: one or two are wrong
SAME_WAY = 0.8  # cosine between two cameras' axes
FARTHER = 5.0  # times as far as its nearest cameras stand, some sources of a view do
N_STEPS = 3  # cameras alike, whose farthest is a view's step
MIN_KNOWN = 30  # points of a view, else all views' depths bound its own


@dataclass(frozen=True)
class SparseScene:
    """Sparse points and which of them each view sees."""

    positions: Array  # [n, 3] world
    seen: tuple[NDArray[np.int64], ...]  # per view, indices of points

    def local(self, index: int, camera_from_world: Array) -> Array:
        """Positions [k, 3] in the camera frame [4, 4] of the points that view `index` sees, in front of it."""
        local = apply_rigid(camera_from_world, self.positions[self.seen[index]])
        return local[local[:, 2] > 0]


def sparse_scene(reconstruction: Reconstruction, views: Sequence[View]) -> SparseScene:
    """Points by their tracks where there are any, else by which frusta hold them; maybe no points."""
    tracks = reconstruction.tracks
    if len(tracks):
        is_believed = tracks.lengths >= MIN_TRACK
        rank = np.cumsum(is_believed) - 1
        place = {view.name: i for i, view in enumerate(reconstruction.views)}
        seen = (tracks.seen_by(place[view.name]) for view in views)
        return SparseScene(tracks.points.positions[is_believed], tuple(rank[ids[is_believed[ids]]] for ids in seen))
    positions = np.zeros((0, 3)) if reconstruction.points is None else reconstruction.points.positions
    return SparseScene(positions, tuple(_in_frustum(positions, view) for view in views))


def _in_frustum(positions: Array, view: View) -> NDArray[np.int64]:
    return np.flatnonzero(pixels_of(view.camera, apply_rigid(invert_rigid(view.world_from_camera), positions))[2])


def choose_sources(views: Sequence[View], scene: SparseScene, n: int) -> NDArray[np.int32]:
    """The `n` best sources of each view, best first: [n_views, n], -1 where there are no more.

    By shared points, each counting by the angle between the two lines of sight to it; where points say nothing, by how
    the cameras stand to each other. But points lie where much is to see, which may be far away, and every depth wants a step
    of its own between the cameras: so half of the sources are the nearest cameras that look the same way (the road before a
    car shows in no others), and a quarter those that stand a few times as far away.
    """
    scores = _shared_scores(views, scene)
    scores = np.where(scores > 0, 1 + scores, _pose_scores(views, scene))
    np.fill_diagonal(scores, 0)
    wanted = np.where(_near_and_farther(views, n // 2, n // 4), np.inf, scores)
    order = np.argsort(-wanted, axis=1, kind="stable")[:, :n]
    order = np.take_along_axis(order, np.argsort(-np.take_along_axis(scores, order, 1), axis=1, kind="stable"), 1)
    chosen = np.where(np.take_along_axis(wanted, order, 1) > 0, order, -1)
    return np.pad(chosen, ((0, 0), (0, n - chosen.shape[1])), constant_values=-1).astype(np.int32)


def _near_and_farther(views: Sequence[View], n_near: int, n_farther: int) -> NDArray[np.bool_]:
    """[n_views, n_views]: which others are a view's `n_near` nearest alike, or the `n_farther` next to FARTHER times as far."""
    steps = np.maximum(_steps(views), 1e-12)
    is_near = _is_among_least(steps, n_near)
    usual = np.array([np.median(row[near]) if near.any() else np.inf for row, near in zip(steps, is_near, strict=True)])
    view, other = np.nonzero(~is_near & np.isfinite(steps))
    gaps = np.full_like(steps, np.inf)
    gaps[view, other] = np.abs(np.log(steps[view, other]) - np.log(FARTHER * usual[view]))
    return is_near | _is_among_least(gaps, n_farther)


def _steps(views: Sequence[View]) -> Array:
    """[n_views, n_views] distances between cameras that look the same way within SAME_WAY; infinite between others."""
    poses = np.stack([view.world_from_camera for view in views])
    steps = np.linalg.norm(poses[:, None, :3, 3] - poses[None, :, :3, 3], axis=-1)
    steps[poses[:, :3, 2] @ poses[:, :3, 2].T < SAME_WAY] = np.inf
    np.fill_diagonal(steps, np.inf)
    return steps


def _is_among_least(values: Array, k: int) -> NDArray[np.bool_]:
    """Which are among the k least of their row, and finite."""
    return (values.argsort(1, kind="stable").argsort(1, kind="stable") < k) & np.isfinite(values)


def _shared_scores(views: Sequence[View], scene: SparseScene) -> Array:
    n = len(views)
    rows = np.repeat(np.arange(n), [len(ids) for ids in scene.seen])
    columns = np.concatenate([*scene.seen, np.zeros(0, np.int64)])
    sees = scipy.sparse.csr_matrix(
        (np.ones(len(rows), np.float32), (rows, columns)), shape=(n, max(len(scene.positions), 1))
    )
    shared = (sees @ sees.T).toarray()
    directions = []
    for view, ids in zip(views, scene.seen, strict=True):
        away = scene.positions[ids] - view.world_from_camera[:3, 3]
        directions.append(away / np.maximum(np.linalg.norm(away, axis=-1, keepdims=True), 1e-12))
    scores = np.zeros((n, n))
    for i, j in zip(*np.nonzero(np.triu(shared >= MIN_SHARED, 1)), strict=True):
        _, a, b = np.intersect1d(scene.seen[i], scene.seen[j], assume_unique=True, return_indices=True)
        cosines = (directions[i][a] * directions[j][b]).sum(-1)
        scores[i, j] = scores[j, i] = _angle_worth(np.rad2deg(np.arccos(np.clip(cosines, -1, 1)))).sum()
    return scores


def _pose_scores(views: Sequence[View], scene: SparseScene) -> Array:
    """In [0, 1): the worth of the angle at the typical distance, less where the cameras look elsewhere."""
    poses = np.stack([view.world_from_camera for view in views])
    distance = typical_depth(views, scene)
    steps = np.linalg.norm(poses[:, None, :3, 3] - poses[None, :, :3, 3], axis=-1)
    turns = np.clip(poses[:, :3, 2] @ poses[:, :3, 2].T, -1, 1)
    worth = _angle_worth(np.rad2deg(2 * np.arctan(steps / (2 * distance))))
    return 0.99 * worth * np.clip((turns - 0.5) / 0.5, 0, 1)


def _angle_worth(degrees: Array) -> Array:
    spread = np.where(degrees < BEST_ANGLE_DEG, ANGLE_BELOW_DEG, ANGLE_ABOVE_DEG)
    return np.exp(-(((degrees - BEST_ANGLE_DEG) / spread) ** 2) / 2)


def typical_depth(views: Sequence[View], scene: SparseScene) -> float:
    """Median depth of the points in the views; without points, the distance to what all cameras look at."""
    depths = np.concatenate(_point_depths(views, scene))
    if len(depths) >= MIN_KNOWN:
        return float(np.median(depths))
    poses = np.stack([view.world_from_camera for view in views])
    return max(float(np.median(np.linalg.norm(poses[:, :3, 3] - focus_of(poses), axis=1))), 1e-6)


def depth_ranges(views: Sequence[View], scene: SparseScene) -> list[tuple[float, float]]:
    """The depths (near, far) that each view is searched between: its points' with room on both sides.

    The near end is no farther than the nearest cameras alike stand apart: what is nearer no two pictures show, and a road
    before a car has no points to say how near it is.
    """
    local = _point_depths(views, scene)
    everything = np.concatenate(local)
    if len(everything) < MIN_KNOWN:
        distance = typical_depth(views, scene)
        return [(0.2 * distance, 4 * distance)] * len(views)
    near_all, far_all = np.percentile(everything, [0.5, 99.5])
    ranges = []
    for depths, steps in zip(local, np.sort(_steps(views), axis=1), strict=True):
        near, far = near_all, far_all
        if len(depths) >= MIN_KNOWN:
            near, far = np.partition(depths, N_NEAREST)[N_NEAREST], np.percentile(depths, 99)
        near = min(0.5 * near, near_all, steps[:N_STEPS][-1])
        ranges.append((float(near), 2.0 * float(max(far, 0.5 * far_all))))
    return ranges


def _point_depths(views: Sequence[View], scene: SparseScene) -> list[Array]:
    return [scene.local(i, invert_rigid(view.world_from_camera))[:, 2] for i, view in enumerate(views)]
