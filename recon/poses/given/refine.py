"""Given poses adjusted to the pictures: triangulate, adjust poses and points together, twice; then back to the given frame.

Bundle adjustment leaves position, turn and scale of the whole open; they are taken from the poses as they came, so nothing that
is stated in the data set's frame (other points, a known up, metres) moves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pycolmap
from numpy.typing import NDArray

from recon.geometry import Camera, Similarity, View, align_points, invert_rigid
from recon.geometry.transforms import Array
from recon.poses.given.matches import GivenMatches
from recon.poses.given.triangulate import MAX_ERROR_PX, triangulate
from recon.poses.sfm.colmap_model import colmap_camera
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
        adjust(model, intrinsics=intrinsics, threads=threads)
        current = replace(current, views=_views_of(model, current.views))
    before, after = (np.stack([views[i].world_from_camera for i in places]) for views in (matches.views, current.views))
    given_from_refined = align_poses(after, before)
    views = list(current.views)
    for i in places:
        views[i] = replace(views[i], world_from_camera=given_from_refined.poses(views[i].world_from_camera))
    return replace(current, views=tuple(views))


def adjust(model: pycolmap.Reconstruction, *, intrinsics: bool, threads: int | None) -> None:
    """Bundle adjustment of poses and points; of focal lengths and distortion too where `intrinsics` says so."""
    options = pycolmap.BundleAdjustmentOptions()
    options.print_summary = False
    options.refine_focal_length = options.refine_extra_params = intrinsics
    options.ceres.loss_function_type = pycolmap.LossFunctionType.SOFT_L1
    options.ceres.solver_options.function_tolerance = 1e-6
    options.ceres.solver_options.max_num_iterations = 50
    options.ceres.solver_options.num_threads = threads or -1
    config = pycolmap.BundleAdjustmentConfig()
    for image_id in model.reg_image_ids():
        config.add_image(image_id)
    config.fix_gauge(pycolmap.BundleAdjustmentGauge.TWO_CAMS_FROM_WORLD)
    pycolmap.create_default_bundle_adjuster(options, config, model).solve()


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


def locate(
    matches: GivenMatches, model: pycolmap.Reconstruction, places: Sequence[int], *, seed: int
) -> dict[int, Array]:
    """Poses [4, 4] of views that the model lacks, from their matches with features of its views that became points.

    Views on which too few agree are left out. The points stay where they are: the views learn from them, never the reverse.
    """
    keypoints, verified = matches.keypoints(), matches.verified()
    points = {image_id - 1: _points_seen(image) for image_id, image in model.images.items()}
    located = {}
    for place in places:
        pixels: list[Array] = []
        point_ids: list[int] = []
        for (a, b), pairs in verified.items():
            if place not in (a, b) or (a if place == b else b) not in points:
                continue
            mine, theirs = (pairs[:, 0], pairs[:, 1]) if place == a else (pairs[:, 1], pairs[:, 0])
            seen = points[b if place == a else a][theirs]
            pixels.append(keypoints[place][mine[seen >= 0]].astype(np.float64))
            point_ids.extend(seen[seen >= 0])
        positions = np.array([model.point3D(int(i)).xyz for i in point_ids]).reshape(-1, 3)
        pose = _resection(matches.views[place], np.concatenate([np.zeros((0, 2)), *pixels]), positions, seed)
        if pose is not None:
            located[place] = pose
    return located


def _points_seen(image: pycolmap.Image) -> NDArray[np.int64]:
    """The point that each feature of an image became [n], -1 where none."""
    return np.array([int(p.point3D_id) if p.has_point3D() else -1 for p in image.points2D], np.int64)


def _resection(view: View, pixels: Array, positions: Array, seed: int) -> Array | None:
    """`world_from_camera` [4, 4] of the view that sees world positions [m, 3] at pixels [m, 2]; None when few agree."""
    if len(pixels) < _MIN_INLIERS:
        return None
    options = pycolmap.AbsolutePoseEstimationOptions()
    options.ransac.max_error, options.ransac.random_seed = MAX_ERROR_PX, seed
    found = pycolmap.estimate_and_refine_absolute_pose(pixels, positions, colmap_camera(view.camera), options)
    if found is None or found["num_inliers"] < _MIN_INLIERS:
        return None
    return invert_rigid(np.vstack([found["cam_from_world"].matrix(), [0.0, 0.0, 0.0, 1.0]]))


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


def _views_of(model: pycolmap.Reconstruction, views: Sequence[View]) -> tuple[View, ...]:
    """The views as the model has them: its poses, and its cameras also for the views that it lacks."""
    cameras: dict[Camera, Camera] = {}
    poses: dict[int, Array] = {}
    for image_id, image in model.images.items():
        given = views[image_id - 1].camera
        fx, fy, cx, cy, *distortion = (float(number) for number in model.camera(image.camera_id).params)
        cameras[given] = replace(given, fx=fx, fy=fy, cx=cx, cy=cy, distortion=tuple(distortion))
        poses[image_id - 1] = invert_rigid(np.vstack([image.cam_from_world().matrix(), [0.0, 0.0, 0.0, 1.0]]))
    return tuple(
        replace(
            view, camera=cameras.get(view.camera, view.camera), world_from_camera=poses.get(i, view.world_from_camera)
        )
        for i, view in enumerate(views)
    )
