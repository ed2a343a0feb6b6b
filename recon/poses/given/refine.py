"""Given poses adjusted to the pictures: triangulate, adjust poses and points together, twice; then back to the given frame.

Bundle adjustment leaves position, turn and scale of the whole open; they are taken from the poses as they came, so nothing that
is stated in the data set's frame (other points, a known up, metres) moves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from recon.geometry import Similarity, View, align_points
from recon.geometry.transforms import Array
from recon.poses.given.matches import GivenMatches
from recon.poses.given.triangulate import MAX_ERROR_PX, triangulate
from recon.poses.sfm.adjustment import Free, adjust_bundle
from recon.poses.sfm.colmap_model import Model
from recon.poses.sfm.known_cameras import points_of_features, views_as_in
from recon.poses.sfm.resection import resect
from recon.workspace.console import warn

_ROUNDS = 2
_LOOSE = 3.0  # first round: points may be off by this many times the median distance to the epipolar line
_MIN_POINTS = 50
_MIN_INLIERS = 15  # of a held-out picture's resection: fewer are found by chance


@dataclass(frozen=True)
class Change:
    """How far refinement moved the poses, in the data set's units."""

    positions: Array  # [n]
    rotations_deg: Array  # [n]
    focal_factor: float  # refined over given, median
    unlocated: tuple[str, ...]  # held-out views that kept their given poses

    def report(self) -> dict[str, Any]:
        return {
            "position_median_units": float(np.median(self.positions)),
            "position_max_units": float(self.positions.max()),
            "rotation_median_deg": float(np.median(self.rotations_deg)),
            "rotation_max_deg": float(self.rotations_deg.max()),
            "focal_factor": self.focal_factor,
            "unlocated": list(self.unlocated),
        }


def refine(
    matches: GivenMatches,
    places: Sequence[int],
    *,
    error_px: float,
    intrinsics: bool,
    scratch: Path,
    seed: int,
    threads: int | None,
) -> GivenMatches | None:
    """The same matches with the views at `places` adjusted; None, with a warning, when too little fits to adjust to.

    error_px: how far matches are off now, in the median. intrinsics: whether lenses are adjusted too. scratch: a folder for files.
    seed: of all random numbers; threads: None: all cores.
    """
    current = matches
    for limit_px in np.geomspace(max(_LOOSE * error_px, MAX_ERROR_PX), MAX_ERROR_PX, _ROUNDS):
        model = triangulate(current, places, scratch=scratch, max_error_px=float(limit_px), seed=seed, threads=threads)
        if model.num_points3D() < _MIN_POINTS:
            warn(
                f"dataset.refine: only {model.num_points3D()} points could be triangulated, too few to adjust poses to; "
                "the given poses are kept."
            )
            return None
        adjust_bundle(model, Free(focal=intrinsics, distortion=intrinsics), loss="SOFT_L1", threads=threads)
        current = replace(current, views=views_as_in(model, current.views))
    before, after = (np.stack([views[i].world_from_camera for i in places]) for views in (matches.views, current.views))
    given_from_refined = align_poses(after, before)
    views = list(current.views)
    for i in places:
        views[i] = replace(views[i], world_from_camera=given_from_refined.poses(views[i].world_from_camera))
    return replace(current, views=tuple(views))


def align_poses(a: Array, b: Array) -> Similarity:
    """The similarity `b_from_a` between poses [n, 4, 4] of the same cameras, n >= 2, by positions and axes.

    The axes decide what positions leave open: the roll about a straight path.
    """
    spreads = [max(float(np.linalg.norm(p[:, :3, 3] - p[:, :3, 3].mean(0))), 1e-12) for p in (a, b)]
    reach = [spread / np.sqrt(len(a)) for spread in spreads]  # of the axes: their tips weigh as much as the positions
    tips = [
        np.concatenate([p[:, :3, 3], *(p[:, :3, 3] + length * p[:, :3, axis] for axis in range(3))])
        for p, length in zip((a, b), reach, strict=True)
    ]
    return align_points(*tips)


def locate(matches: GivenMatches, model: Model, places: Sequence[int], *, seed: int) -> dict[int, Array]:
    """Poses [4, 4] of views that the model lacks, from their matches with features of its views that became points.

    Views on which too few agree are left out. The points stay where they are: the views learn from them, never the reverse.
    """
    keypoints, verified, points = matches.keypoints(), matches.verified(), points_of_features(model)
    located = {}
    for place in places:
        pixels, positions = [np.zeros((0, 2))], [np.zeros((0, 3))]
        for (a, b), pairs in verified.items():
            if place not in (a, b) or (a if place == b else b) not in points:
                continue
            mine, theirs = (pairs[:, 0], pairs[:, 1]) if place == a else (pairs[:, 1], pairs[:, 0])
            seen = points[b if place == a else a][theirs]
            is_point = np.isfinite(seen).all(1)
            pixels.append(keypoints[place][mine[is_point]])
            positions.append(seen[is_point])
        camera = matches.views[place].camera
        found = resect(camera, np.concatenate(pixels), np.concatenate(positions), max_error_px=MAX_ERROR_PX, seed=seed)
        if found is not None and found.n_inliers >= _MIN_INLIERS:
            located[place] = found.world_from_camera
    return located


def change_of(given: Sequence[View], refined: Sequence[View], unlocated: Sequence[str]) -> Change:
    """What refinement did to each view."""
    before, after = (np.stack([view.world_from_camera for view in views]) for views in (given, refined))
    turns = np.swapaxes(before[:, :3, :3], 1, 2) @ after[:, :3, :3]
    sines = np.linalg.norm(turns - np.swapaxes(turns, 1, 2), axis=(1, 2)) / np.sqrt(8)
    cosines = (np.trace(turns, axis1=1, axis2=2) - 1) / 2
    factors = [new.camera.fx / old.camera.fx for new, old in zip(refined, given, strict=True)]
    return Change(
        positions=np.linalg.norm(after[:, :3, 3] - before[:, :3, 3], axis=1),
        rotations_deg=np.degrees(np.arctan2(sines, cosines)),
        focal_factor=float(np.median(factors)),
        unlocated=tuple(unlocated),
    )
