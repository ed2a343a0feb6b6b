"""The poses stage for data sets that come with poses: read, checked, turned upright, and written like our own."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from recon.formats import cameras_json
from recon.formats.depth_files import depth_files
from recon.formats.named_files import ARCHIVES
from recon.geometry.geodesy import GpsFix
from recon.geometry.reconstruction import Reconstruction
from recon.geometry.transforms import Similarity, rotation_between
from recon.poses.exchange import picture_folder, write_exchange
from recon.poses.given.formats import FORMATS
from recon.poses.given.leaping import leaps, tell_leaps
from recon.poses.given.pictures import has_transparency
from recon.poses.given.points import GivenPoints, PointSearch, find_points
from recon.poses.given.settings import DatasetSettings
from recon.poses.given.sound import made_sound
from recon.poses.given.units import points_in_units_of_poses, settled_unit
from recon.poses.report import camera_report
from recon.poses.sfm.colmap_log import colmap_log
from recon.poses.sfm.settings import PoseSettings
from recon.poses.world_frame.gps.fixes import gps_of
from recon.poses.world_frame.scale.metric import Clues, apply_scale
from recon.poses.world_frame.scale.settings import ScaleSettings
from recon.poses.world_frame.up.align import Up, find_up
from recon.poses.world_frame.up.held import Turns, turns_of
from recon.workspace import StageRun, Workspace, write_json
from recon.workspace.console import say, warn
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file, is_folder

_UPRIGHT_WITHIN_DEG = 30.0
_ENOUGH = 200  # pictures: a few minutes on two cores; more give more points of the same places
_METRICS = (
    "registered",
    "total",
    "reprojection_error_px",
    "mean_track_length",
    "n_points",
    "seconds",
    "method",
    "camera",
    "scale",
)


def import_dataset(
    workspace: Workspace,
    *,
    settings: DatasetSettings,
    scale: ScaleSettings,
    features: PoseSettings,
    seed: int,
    threads: int | None,
) -> Path:
    """Read given poses into `poses/` and return its path. Pictures stay where they are; a video's go to `frames/`.

    Args:
        workspace: the run folder.
        settings, scale: conf/dataset and conf/scale.
        features: conf/poses, of which the size and number of features are used, for triangulation.
        seed: of all random numbers; threads: of features and matching, None: all cores.

    Raises `UserError` naming the file and frame for everything that is wrong with the data.
    """
    workspace.poses_failed.unlink(missing_ok=True)
    source = _source(settings)
    given, mask_share = made_sound(FORMATS[settings.format].read(source, settings.options(workspace)), source)
    sizes = [features.image_size, features.max_features]
    also = {"features": sizes, "seed": seed, "given": _digest(given), "tracks": 1}
    set_to = {"dataset": settings, "scale": scale}
    inputs = [*given.files, *depth_files(given.training_views)]
    run = StageRun(workspace, "poses", workspace.poses, settings=set_to, inputs=inputs, also=also)
    if run.is_finished:
        say("poses: up to date")
        return workspace.poses
    with run as folder:
        why_not = _why_no_points(given, settings)
        if why_not:
            tell_leaps(given.views, leaps(np.stack([view.world_from_camera for view in given.views])))
        found = None if why_not else _find_points(given, folder, settings, features, seed=seed, threads=threads)
        unit_m = settled_unit(found, given, settings.format, settings.unit_m)
        gps = gps_of(given, workspace)
        turns = turns_of(given, workspace)
        turned, how, up = _upright(found.reconstruction if found else given, settings.align, gps, turns)
        reconstruction, scale_sources = apply_scale(turned, scale, Clues(gps, unit_m=unit_m), seed=seed)
        cameras_json.write(folder / "cameras.json", reconstruction, root=workspace.root)
        if found:
            found.write(folder / "colmap", reconstruction)
        write_exchange(folder, reconstruction, root=workspace.root)
        report = {
            **_report(reconstruction, given, settings.format, how),
            **(found.report() if found else {"triangulation": why_not}),
            "mask_share": mask_share,
            "up_estimates": up and up.estimates,
            "scale_sources": scale_sources,
            "seconds": run.seconds,
        }
        write_json(folder / "report.json", report)
        _say_report(report, source, workspace)
        run.metrics = {k: report[k] for k in _METRICS}
    return workspace.poses


def _find_points(
    given: Reconstruction,
    folder: Path,
    settings: DatasetSettings,
    features: PoseSettings,
    *,
    seed: int,
    threads: int | None,
) -> GivenPoints:
    """Sparse points of the data set `given`, in its unit.

    folder: for scratch files and a log. settings, features: conf/dataset and conf/poses. seed, threads: as in `import_dataset`.
    """
    with _scratch(folder) as scratch, colmap_log(folder / "colmap.log"):
        search = PointSearch(
            is_refined=settings.refine,
            intrinsics=settings.refine_intrinsics,
            at_most=_ENOUGH if settings.triangulate == "auto" else None,
            features=features,
            seed=seed,
            threads=threads,
        )
        found = find_points(given, search, scratch=scratch)
        return points_in_units_of_poses(found)


def _why_no_points(given: Reconstruction, settings: DatasetSettings) -> str | None:
    """Why no points are triangulated, in words; None when they are."""
    taught = given.training_views
    if settings.triangulate == "never":
        return "dataset.triangulate=never"
    if len(taught) < 3:
        return "fewer than 3 pictures are not held out"
    # Silhouettes say where an object is at no cost; a hundred pictures of one take minutes to match for little.
    if settings.triangulate == "auto" and not settings.refine and has_transparency(taught):
        return "pictures have silhouettes"
    return None


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    scratch = folder / "scratch"
    scratch.mkdir()
    yield scratch
    shutil.rmtree(scratch)


def _source(settings: DatasetSettings) -> Path:
    if settings.path is None:
        raise UserError(f"dataset={settings.format} needs dataset.path=... (the folder of the data set).")
    source = Path(settings.path)
    if not is_file(source) and not is_folder(source):
        raise UserError(f"dataset.path={settings.path} does not exist.")
    if is_file(source) and source.suffix.lower() in ARCHIVES:
        raise UserError(f"dataset.path={settings.path}: is an archive. Unpack it and give the folder.")
    return source.resolve()


def _digest(given: Reconstruction) -> str:
    """A digest of everything that was read except the pixels."""
    digest = hashlib.sha256(json.dumps(cameras_json.encode(given, root=Path("/"))).encode())
    if given.points is not None:
        digest.update(given.points.positions.tobytes() + given.points.colors.tobytes())
    return digest.hexdigest()


# ---- the world frame -----------------------------------------------------------------------------------------------


def _upright(
    given: Reconstruction, align: str, gps: Mapping[str, GpsFix], turns: Mapping[str, Turns]
) -> tuple[Reconstruction, str, Up | None]:
    """The reconstruction with +z up as `align` asks, in words what was done, and the up that was looked for."""
    if given.is_up_aligned or align == "keep":
        return given, "as given", None
    up = find_up(given, seed=0, gps=gps, turns=turns)
    tilt = float(np.degrees(np.arccos(np.clip(up.direction[2], -1.0, 1.0))))
    if align == "auto" and tilt <= _UPRIGHT_WITHIN_DEG:
        return replace(given, is_up_aligned=True), "as given (its +z is up)", up
    turn = Similarity(1.0, rotation_between(up.direction, np.array([0.0, 0.0, 1.0])), np.zeros(3))
    upright = replace(given.transformed(turn), is_up_aligned=True)
    return upright, f"turned upright by {tilt:.0f} degrees ({up.source})", up


def _report(reconstruction: Reconstruction, given: Reconstruction, format: str, how: str) -> dict[str, Any]:
    return {
        "registered": len(reconstruction.views),
        "total": len(given.views),
        "reprojection_error_px": None,
        "mean_track_length": None,
        "n_points": 0 if reconstruction.points is None else len(reconstruction.points.positions),
        "method": f"given ({format})",
        "camera": camera_report(reconstruction),
        "up": how,
        "scale": reconstruction.scale and vars(reconstruction.scale),
        "colmap_image_path": str(picture_folder(reconstruction)),
    }


def _say_report(report: dict[str, Any], source: Path, workspace: Workspace) -> None:
    camera = report["camera"]
    say(
        f"poses: {report['registered']} given poses from {source}, {report['n_points']} points, focal "
        f"{camera['focal_px']:.0f} px, {report['up']}, {report['seconds']:.0f} s -> {workspace.poses}"
    )
    if isinstance(report["triangulation"], str):
        say(f"poses: no points triangulated ({report['triangulation']})")
    else:
        _say_triangulation(report, report["triangulation"])
    if report["scale"] is None:
        say(
            "poses: scale unknown (lengths are in the data set's units): set scale.known_distance_m=..., or "
            "dataset.unit_m=1.0 where they are metres"
        )
    else:
        say(f"poses: metres, from {report['scale']['source']} (+-{report['scale']['relative_error']:.1%})")
    if report["registered"] < 3:
        warn(f"only {report['registered']} posed pictures: a scene needs 20 or more to come out well")


def _say_triangulation(report: dict[str, Any], found: dict[str, Any]) -> None:
    if found["n_points"] == 0:
        warn("no points could be triangulated from the pictures: training does without lines of sight.")
        return
    say(
        f"poses: {found['n_points']} points triangulated from {found['pictures']} pictures, reprojection error "
        f"{report['reprojection_error_px']:.2f} px, mean track {report['mean_track_length']:.1f}; matches are "
        f"{found['epipolar_error_px']:.2f} px off the given poses in the median, {found['fitting_matches']:.0%} fit"
    )
