"""The poses stage for captured frames: structure from motion, aligned with gravity, in metres where scale is known."""

import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pycolmap

from recon.console import say, warn
from recon.errors import UserError
from recon.formats import cameras_json, colmap
from recon.geometry.reconstruction import Reconstruction
from recon.geometry.transforms import Similarity
from recon.poses import diagnosis
from recon.poses.align import Up, find_up, world_from_capture
from recon.poses.colmap_log import colmap_log
from recon.poses.features import extract
from recon.poses.frames import FrameSet, read_frames_json
from recon.poses.gps import gps_of
from recon.poses.mapping import Mapped, map_frames, refine_lens, triangulation_angles_deg
from recon.poses.metric import apply_scale
from recon.poses.pairs import choose_pairs, match
from recon.poses.scale import ScaleSettings, scale_settings
from recon.workspace import (
    Workspace,
    fingerprint,
    is_finished,
    mark_finished,
    replace_folder,
    write_json,
    write_metrics,
)

# Below this the depth of most points is a guess: COLMAP itself drops points under 1.5 degrees.
_MIN_MEDIAN_ANGLE_DEG = 2.0


def pose_frames(
    workspace: Workspace,
    *,
    image_size: int | None,
    max_features: int,
    pairs: str,
    overlap: int,
    loop_neighbours: int,
    exhaustive_up_to: int,
    retrieval_neighbours: int,
    mapper: str,
    camera_model: str,
    retry_below: float,
    min_registered: float,
    seed: int,
    threads: int | None,
    scale: Mapping[str, Any],
) -> Path:
    """Find the pose of every kept frame in `frames/`; writes `poses/` and returns its path.

    Settings: conf/poses/default.yaml and conf/scale/default.yaml. Raises `UserError`, with the likely cause, when less
    than `min_registered` of the frames get a pose or the frames show no parallax.
    """
    settings = {key: value for key, value in locals().items() if key not in ("workspace", "threads")}
    _check(pairs=pairs, mapper=mapper, camera_model=camera_model)
    given_scale = scale_settings(scale)
    frames = read_frames_json(workspace)
    key = fingerprint(settings, [workspace.frames])
    if is_finished(workspace.poses, key):
        say("poses: up to date")
        return workspace.poses
    started = time.perf_counter()
    with replace_folder(workspace.poses) as temporary:
        scratch = temporary / "scratch"
        scratch.mkdir()
        with colmap_log(temporary / "colmap.log"):
            database = scratch / "database.db"
            extract(
                database,
                workspace.frames,
                frames,
                max_features=max_features,
                image_size=image_size,
                threads=threads,
            )
            matched_by, chosen = choose_pairs(
                database,
                frames,
                pairs=pairs,
                overlap=overlap,
                loop_neighbours=loop_neighbours,
                exhaustive_up_to=exhaustive_up_to,
                retrieval_neighbours=retrieval_neighbours,
                seed=seed,
            )
            match(database, frames, chosen, folder=scratch, threads=threads)
            statistics = diagnosis.pair_statistics(database, frames, chosen)
            problem = diagnosis.check_motion(statistics)
            if problem is not None:
                raise UserError(f"{workspace.frames}: {problem}")
            mapped, attempts = map_frames(
                database,
                frames,
                image_folder=workspace.frames,
                scratch=scratch,
                mapper=mapper,
                retry_below=retry_below,
                seed=seed,
                threads=threads,
            )
            angle = _accept(mapped, frames, statistics, min_registered)
            assert mapped is not None  # _accept raised otherwise
            model, lens = refine_lens(mapped.model, camera_model=camera_model)
            mapped = replace(mapped, model=model)
            reconstruction, up, scale_sources = _to_world(mapped.model, frames, workspace, scratch, given_scale, seed)
            _write_model(mapped.model, reconstruction.world_from_capture, temporary / "colmap")
        shutil.rmtree(scratch)
        cameras_json.write(temporary / "cameras.json", reconstruction, root=workspace.root)
        report = {
            **_quality(mapped, frames, reconstruction),
            "median_triangulation_angle_deg": angle,
            "lens": lens,
            "pairs": {"chosen_by": matched_by, "matched": len(chosen), "verified": statistics.verified},
            "attempts": attempts,
            "up": vars(up),
            "scale": reconstruction.scale and vars(reconstruction.scale),
            "scale_sources": scale_sources,
            "seconds": time.perf_counter() - started,
            "unregistered": sorted({f.name for f in frames.frames} - {v.name for v in reconstruction.views}),
        }
        write_json(temporary / "report.json", report)
        _say_report(report, workspace)
        mark_finished(temporary, key, settings=settings, seconds=time.perf_counter() - started)
    metrics = ("registered", "total", "reprojection_error_px", "mean_track_length", "n_points", "seconds")
    write_metrics(workspace, "poses", {k: report[k] for k in (*metrics, "method", "camera", "scale")})
    return workspace.poses


def _check(**choices: str) -> None:
    allowed = {
        "pairs": ("auto", "sequential", "exhaustive", "retrieval"),
        "mapper": ("auto", "incremental", "global"),
        "camera_model": ("auto", "SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV"),
    }
    for key, value in choices.items():
        if value not in allowed[key]:
            raise UserError(f"poses.{key}={value}: expected one of {', '.join(allowed[key])}.")


def _accept(
    mapped: Mapped | None, frames: FrameSet, statistics: diagnosis.PairStatistics, min_registered: float
) -> float:
    """The median triangulation angle (degrees) of a model that is good enough; `UserError` says why it is not."""
    total = len(frames.frames)
    registered = mapped.registered if mapped else 0
    if mapped is None or registered < max(3, min_registered * total):
        raise UserError(
            f"poses: only {registered} of {total} frames could be posed ({min_registered:.0%} are needed): "
            f"{diagnosis.explain(statistics, frames)}"
        )
    angles = triangulation_angles_deg(mapped.model)
    angle = float(np.median(angles)) if len(angles) else 0.0
    if angle < _MIN_MEDIAN_ANGLE_DEG:
        raise UserError(
            f"poses: the camera barely moved against the size of the scene (rays to a point meet at {angle:.1f} "
            f"degrees in the median, {_MIN_MEDIAN_ANGLE_DEG:g} are needed), so depth is unknown. Move sideways while "
            "filming, by a tenth of the distance to the scene between frames."
        )
    return angle


def _to_world(
    model: pycolmap.Reconstruction,
    frames: FrameSet,
    workspace: Workspace,
    scratch: Path,
    scale: ScaleSettings,
    seed: int,
) -> tuple[Reconstruction, Up, list[dict[str, Any]]]:
    """The model as our noun with +z up, on the ground, in metres where the scale is known; how up and scale were found."""
    folder = scratch / "winner"
    folder.mkdir()
    model.write(folder)
    captured = _named(colmap.read(folder, images=workspace.frames), frames, workspace.frames)
    gps = gps_of(captured, workspace)
    up = find_up(captured, seed=seed, gps=gps)
    aligned = replace(captured.transformed(world_from_capture(captured, up)), is_up_aligned=True)
    error = _position_error(model, captured)
    metric, sources = apply_scale(aligned, scale, gps=gps, position_error=error, given_format=None, seed=seed)
    return metric, up, sources


def _named(captured: Reconstruction, frames: FrameSet, folder: Path) -> Reconstruction:
    """Views with the names and times that capture gave them, in order of capture."""
    by_image = {view.image: view for view in captured.views}
    posed = [(by_image[folder / f.image], f) for f in frames.frames if folder / f.image in by_image]
    return replace(captured, views=tuple(replace(view, name=f.name, time_s=f.time_s) for view, f in posed))


def _position_error(model: pycolmap.Reconstruction, captured: Reconstruction) -> float:
    """One sigma of a camera centre in model units: resection of n points by least squares, 6 unknowns of 2n."""
    assert captured.points is not None
    depth = float(np.median(np.linalg.norm(captured.points.positions - np.median(captured.centers, axis=0), axis=1)))
    focal = float(np.median([view.camera.fx for view in captured.views]))
    n = max(model.compute_mean_observations_per_reg_image(), 6.0)
    return depth * model.compute_mean_reprojection_error() / focal * math.sqrt(6 / (2 * n))


def _write_model(model: pycolmap.Reconstruction, world_from_model: Similarity, folder: Path) -> None:
    """The COLMAP model with its tracks, in our world frame."""
    rotation = pycolmap.Rotation3d(world_from_model.rotation)
    model.transform(pycolmap.Sim3d(world_from_model.scale, rotation, world_from_model.translation))
    folder.mkdir()
    model.write(folder)


def _quality(mapped: Mapped, frames: FrameSet, reconstruction: Reconstruction) -> dict[str, Any]:
    cameras = list(dict.fromkeys(view.camera for view in reconstruction.views))
    first = cameras[0]
    return {
        "registered": mapped.registered,
        "total": len(frames.frames),
        "reprojection_error_px": mapped.model.compute_mean_reprojection_error(),
        "mean_track_length": mapped.model.compute_mean_track_length(),
        "n_points": mapped.model.num_points3D(),
        "method": mapped.method,
        "camera": {
            "count": len(cameras),
            "focal_px": float(np.median([camera.fx for camera in cameras])),
            "distortion": list(first.distortion),
            "size_hw": list(first.size_hw),
        },
    }


def _say_report(report: dict[str, Any], workspace: Workspace) -> None:
    camera = report["camera"]
    distortion = ", ".join(f"{k:.3g}" for k in camera["distortion"])
    say(
        f"poses: {report['registered']} of {report['total']} frames registered ({report['method']} mapping), "
        f"reprojection error {report['reprojection_error_px']:.2f} px, mean track {report['mean_track_length']:.1f}, "
        f"{report['n_points']} points, focal {camera['focal_px']:.0f} px, distortion [{distortion}], "
        f"{report['seconds']:.0f} s -> {workspace.poses}"
    )
    scale = report["scale"]
    if scale is None:
        say("poses: scale unknown (lengths are in arbitrary units): set scale.known_distance_m=... for metres")
    else:
        say(f"poses: metres, from the {scale['source']} (+-{scale['relative_error']:.1%})")
    if report["unregistered"]:
        names = report["unregistered"]
        warn(f"{len(names)} frames have no pose and are left out: {', '.join(names[:8])}{', ...' * (len(names) > 8)}")
    ratio = camera["focal_px"] / max(camera["size_hw"])
    if not 0.3 < ratio < 4:
        warn(f"focal length {camera['focal_px']:.0f} px is implausible for this picture size: check the model's shape")
