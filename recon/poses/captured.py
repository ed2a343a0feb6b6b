"""The poses stage for captured frames: structure from motion, aligned with gravity, in metres where scale is known."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from recon.formats import cameras_json
from recon.formats.depth_files import depth_files
from recon.formats.frame_set import read_frame_set
from recon.geometry.reconstruction import Reconstruction
from recon.poses.doctor import examine, failure_told
from recon.poses.exchange import write_exchange
from recon.poses.report import camera_report
from recon.poses.sfm.colmap_model import Model, reconstruction_of, write_model
from recon.poses.sfm.resection import position_sigma
from recon.poses.sfm.settings import PoseSettings
from recon.poses.sfm.structure import find_structure
from recon.poses.world_frame.gps.fixes import gps_of
from recon.poses.world_frame.scale.metric import Clues, apply_scale
from recon.poses.world_frame.scale.settings import ScaleSettings
from recon.poses.world_frame.up.align import Up, find_up, world_from_capture
from recon.poses.world_frame.up.held import turns_of
from recon.workspace import STAGE_MARK, StageRun, Workspace, write_json
from recon.workspace.console import say, warn
from recon.workspace.errors import UserError


def pose_frames(
    workspace: Workspace, *, settings: PoseSettings, scale: ScaleSettings, seed: int, threads: int | None
) -> Path:
    """Find the pose of every kept frame in `frames/`; writes `sfm/` and `poses/` and returns the path of the latter.

    Another scale costs nothing: the model in `sfm/` stays. Raises `UserError`, with the likely cause, when less than
    `settings.min_registered` of the frames get a pose or the frames show no parallax; an older `poses/` stays then, and
    `poses_failed.json` holds what was found.
    """
    workspace.poses_failed.unlink(missing_ok=True)
    frames = read_frame_set(workspace)
    if frames.is_lens_exact and settings.camera_model != "auto":
        raise UserError(
            f"poses.camera_model={settings.camera_model}: the frames are views cut from panoramas, exact pinholes without "
            "anything to estimate; expected auto. Leave poses.camera_model out."
        )
    if settings.focal_px is not None:
        n_cameras = 1 if frames.rig else len(frames.camera_groups())
        if n_cameras > 1:
            raise UserError(
                f"poses.focal_px={settings.focal_px:g}: is of one camera, but the frames were taken by {n_cameras}. "
                "Leave it out, or capture the photos of one camera."
            )
        frames = frames.with_focal(settings.focal_px)
    structure = find_structure(workspace, frames, settings, seed=seed, threads=threads, failure_told=failure_told)
    captured = reconstruction_of(structure.model, frames, workspace.frames)
    inputs = [workspace.frames, workspace.sfm / STAGE_MARK, *depth_files(captured.training_views)]
    run = StageRun(
        workspace, "poses", workspace.poses, settings={"scale": scale}, inputs=inputs, also={"seed": seed, "tracks": 1}
    )
    if run.is_finished:
        say("poses: up to date")
        return workspace.poses
    with run as folder, failure_told(workspace, frames, models=workspace.sfm):
        reconstruction, up, scale_sources = _to_world(captured, structure.model, workspace, scale, seed)
        write_model(structure.model, reconstruction.world_from_capture, folder / "colmap")
        cameras_json.write(folder / "cameras.json", reconstruction, root=workspace.root)
        write_exchange(folder, reconstruction, root=workspace.root)
        report = {
            **structure.report,
            "camera": camera_report(reconstruction),
            "up": vars(up),
            "scale": reconstruction.scale and vars(reconstruction.scale),
            "scale_sources": scale_sources,
            "unregistered": sorted({f.name for f in frames.frames} - {v.name for v in reconstruction.views}),
        }
        write_json(folder / "report.json", report)
        examine(workspace, frames, reconstruction, folder=folder)
        _say_report(report, workspace)
        metrics = ("registered", "total", "reprojection_error_px", "mean_track_length", "n_points", "seconds")
        run.metrics = {k: report[k] for k in (*metrics, "method", "camera", "scale")}
    return workspace.poses


def _to_world(
    captured: Reconstruction, model: Model, workspace: Workspace, scale: ScaleSettings, seed: int
) -> tuple[Reconstruction, Up, list[dict[str, Any]]]:
    """The model, as `captured`, with +z up, on the ground, in metres where the scale is known; how up and scale were found."""
    gps = gps_of(captured, workspace)
    up = find_up(captured, seed=seed, gps=gps, turns=turns_of(captured, workspace))
    aligned = replace(captured.transformed(world_from_capture(captured, up)), is_up_aligned=True)
    metric, sources = apply_scale(aligned, scale, Clues(gps, position_sigma(model)), seed=seed)
    return metric, up, sources


def _say_report(report: dict[str, Any], workspace: Workspace) -> None:
    camera = report["camera"]
    distortion = ", ".join(f"{k:.3g}" for k in camera["distortion"])
    say(
        f"poses: {report['registered']} of {report['total']} frames registered ({report['method']}), "
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
    if report["problems"]:
        warn(f"the poses may be wrong: {'; '.join(report['problems'])}")
