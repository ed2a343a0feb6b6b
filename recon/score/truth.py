"""Score a run against exact truth: where the cameras were, what the place looks like in metres.

`truth.json` names the intrinsics and, for each frame of the video, its time and `world_from_camera` (OpenCV axes, metres,
+z up), and a triangle mesh beside it. A reconstruction is free in position, orientation and scale until somebody fixes
them, so it is first aligned to the truth by one similarity, `truth_from_world`, fitted to the cameras (`alignment.py`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recon.formats import cameras_json
from recon.formats.meshes import read_ply
from recon.geometry import Reconstruction, Similarity, TriangleMesh, View
from recon.score.alignment import align_cameras, rotation_angles_deg
from recon.score.seen_points import seen_points
from recon.score.truth_file import Truth, read_truth
from recon.score.truth_surface import score_surface
from recon.workspace import Workspace, check_poses, read_json, write_metrics
from recon.workspace.console import say, warn
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file


@dataclass(frozen=True)
class Judge:
    """A run beside the truth: how to bring its surfaces there, and what of the exact one its cameras saw."""

    truth: Truth
    reconstruction: Reconstruction
    views: list[View]  # those that match a frame of the truth
    frames: NDArray[np.int64]  # and its row, for each
    truth_from_world: Similarity

    def surface_scores(
        self, *meshes: TriangleMesh, max_distance_m: float, n_samples: int, seed: int
    ) -> list[dict[str, Any]]:
        """The scores of meshes in the run's world; the truth must have a mesh."""
        exact, poses = self.truth.mesh, self.truth.world_from_camera[self.frames]
        assert exact is not None
        seen = seen_points(
            exact, self.truth.camera, poses, max_distance_m=max_distance_m, n_points=n_samples, seed=seed
        )
        moved = [TriangleMesh(self.truth_from_world.points(mesh.vertices), mesh.faces) for mesh in meshes]
        return [
            score_surface(
                mesh,
                exact,
                seen,
                centers=poses[:, :3, 3],
                max_distance_m=max_distance_m,
                n_samples=n_samples,
                seed=seed,
            )
            for mesh in moved
        ]


def judge(workspace: Workspace, *, truth: Path) -> Judge:
    """Align the run to a truth.json by its cameras.

    Raises:
        UserError: truth that is missing or malformed, or fewer than three views that match its frames.
    """
    exact = read_truth(Path(truth))
    reconstruction = _read_reconstruction(workspace)
    views, frames = match_frames(reconstruction.views, exact)
    if len(views) < 3:
        raise UserError(
            f"{truth}: only {len(views)} of {len(reconstruction.views)} posed views match one of its "
            f"{len(exact.times_s)} frames by time or number; 3 are needed. Is this the truth of the captured video?"
        )
    truth_from_world = align_cameras(views, exact.world_from_camera[frames])
    return Judge(exact, reconstruction, views, frames, truth_from_world)


def score_against_truth(
    workspace: Workspace,
    *,
    truth: Path,
    max_distance_m: float = 30.0,
    n_samples: int = 200_000,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare the run's poses, and its mesh where there is one, with `truth`; write and return metrics "truth".

    Args:
        truth: a truth.json; its mesh, if it names one, lies in the same folder.
        max_distance_m: surfaces farther than this from every scored camera need not be reconstructed.
        n_samples: at most so many points are sampled on either surface.
    """
    run = judge(workspace, truth=truth)
    metrics = {
        "source": str(truth),
        "views_matched": len(run.views),
        "views_total": len(run.reconstruction.views),
        **_camera_scores(run.reconstruction, run.views, run.truth, run.frames, run.truth_from_world),
    }
    mesh_path = workspace.mesh / "mesh.ply"
    if run.truth.mesh is not None and is_file(mesh_path):
        check_poses(workspace, workspace.mesh, made_by="python scripts/mesh.py")
        mesh = read_ply(mesh_path)
        metrics |= run.surface_scores(mesh, max_distance_m=max_distance_m, n_samples=n_samples, seed=seed)[0]
    write_metrics(workspace, "truth", metrics)
    _report(metrics)
    return metrics


def _read_reconstruction(workspace: Workspace) -> Reconstruction:
    made_by = f"python scripts/poses.py workspace={workspace.root}"
    value = read_json(workspace.cameras_json, made_by=made_by)
    return cameras_json.decode(value, root=workspace.root, points=None, source=workspace.cameras_json)


# ---- cameras -------------------------------------------------------------------------------------------------------


def match_frames(views: Sequence[View], truth: Truth) -> tuple[list[View], NDArray[np.int64]]:
    """Views that belong to a frame of the truth, and the row of that frame for each.

    By time where the view has one (nearest within half a frame), else by the last number in its name.
    """
    half_frame = np.median(np.diff(truth.times_s)) / 2 if len(truth.times_s) > 1 else np.inf
    rows = {int(index): row for row, index in enumerate(truth.indices)}
    matched: list[View] = []
    frames: list[int] = []
    for view in views:
        if view.time_s is not None:
            nearest = int(np.abs(truth.times_s - view.time_s).argmin())
            row = nearest if abs(truth.times_s[nearest] - view.time_s) <= half_frame else None
        else:
            numbers = re.findall(r"\d+", Path(view.name).stem)
            row = rows.get(int(numbers[-1])) if numbers else None
        if row is not None:
            matched.append(view)
            frames.append(row)
    return matched, np.array(frames, dtype=np.int64)


def _camera_scores(
    reconstruction: Reconstruction,
    views: Sequence[View],
    truth: Truth,
    frames: NDArray[np.int64],
    truth_from_world: Similarity,
) -> dict[str, Any]:
    exact = truth.world_from_camera[frames]
    aligned = truth_from_world.poses(np.stack([view.world_from_camera for view in views]))
    errors_m = np.linalg.norm(aligned[:, :3, 3] - exact[:, :3, 3], axis=-1)
    rotations_deg = rotation_angles_deg(aligned[:, :3, :3], exact[:, :3, :3])
    up = truth_from_world.rotation @ np.array([0.0, 0.0, 1.0])
    scale = reconstruction.scale
    focals = [view.camera.resized(truth.camera.size_hw).fx for view in views]
    in_time = exact[np.argsort(frames), :3, 3]
    return {
        "camera_rms_m": float(np.sqrt((errors_m**2).mean())),
        "camera_max_m": float(errors_m.max()),
        "rotation_median_deg": float(np.median(rotations_deg)),
        "rotation_max_deg": float(rotations_deg.max()),
        "up_axis_error_deg": float(np.rad2deg(np.arctan2(np.hypot(up[0], up[1]), up[2]))),
        "is_up_aligned": reconstruction.is_up_aligned,
        "scale_ratio": truth_from_world.scale,  # true metres of one world unit
        "scale_relative_error": scale and scale.metres_per_unit / truth_from_world.scale - 1,
        "focal_relative_error": float(np.median(focals)) / truth.camera.fx - 1,
        "path_length_m": float(np.linalg.norm(np.diff(in_time, axis=0), axis=-1).sum()),
    }


def _report(metrics: Mapping[str, Any]) -> None:
    say(
        f"truth: cameras {1000 * metrics['camera_rms_m']:.1f} mm rms over {metrics['path_length_m']:.1f} m, rotation "
        f"{metrics['rotation_median_deg']:.2f} deg, up axis {metrics['up_axis_error_deg']:.2f} deg off"
    )
    if metrics.get("outside_fraction") == 1.0:
        warn("truth: no part of the mesh lies where the exact mesh is; its F-score is 0")
    elif "f_score_5cm" in metrics:
        say(surface_line(metrics))


def surface_line(scores: Mapping[str, Any]) -> str:
    """The scores of a surface in one line."""
    floor = "" if scores["floor_rms_m"] is None else f", floor {1000 * scores['floor_rms_m']:.0f} mm rms"
    return (
        f"truth: mesh F-score {scores['f_score_2cm']:.3f} / {scores['f_score_5cm']:.3f} / {scores['f_score_10cm']:.3f} at "
        f"2 / 5 / 10 cm (at 5: precision {scores['precision_5cm']:.3f}, recall {scores['recall_5cm']:.3f}), accuracy "
        f"{1000 * scores['accuracy_m']:.0f} mm, completeness {1000 * scores['completeness_m']:.0f} mm{floor}; "
        f"{scores['outside_fraction']:.0%} of the surface lies outside the truth's box"
    )
