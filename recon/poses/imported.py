"""The poses stage for data sets that come with poses: read, checked, turned upright, and written like our own."""

import hashlib
import json
import math
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from recon.console import say, warn
from recon.errors import UserError
from recon.formats import cameras_json, llff
from recon.formats.intrinsics import Intrinsics
from recon.geometry.geodesy import GpsFix
from recon.geometry.reconstruction import Reconstruction, held_out
from recon.geometry.transforms import Similarity, rotation_between
from recon.given.formats import FORMATS, Options, check_used
from recon.given.pictures import has_transparency
from recon.given.points import GivenPoints, find_points
from recon.given.sound import made_sound
from recon.poses.exchange import picture_folder, write_exchange
from recon.sfm.colmap_log import colmap_log
from recon.workspace import (
    Workspace,
    fingerprint,
    is_finished,
    mark_finished,
    replace_folder,
    write_json,
    write_metrics,
)
from recon.workspace.reading import is_file, is_folder
from recon.world_frame.gps.fixes import gps_of
from recon.world_frame.scale.metric import apply_scale
from recon.world_frame.scale.settings import scale_settings
from recon.world_frame.up.align import Up, find_up

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
_CHOICES: dict[str, tuple[str, ...]] = {
    "format": tuple(FORMATS),
    "align": ("auto", "keep", "up"),
    "triangulate": ("auto", "always", "never"),
}


def import_dataset(
    workspace: Workspace,
    *,
    format: str,
    path: str | None,
    images: str | None,
    intrinsics: Intrinsics | None,
    time_tolerance_s: float | None,
    unit_m: float | None,
    align: str,
    triangulate: str,
    refine: bool,
    refine_intrinsics: bool,
    scale: Mapping[str, Any],
    image_size: int | None,
    max_features: int | None,
    seed: int,
    threads: int | None,
) -> Path:
    """Read given poses into `poses/` and return its path. Pictures stay where they are; a video's go to `frames/`.

    format: a key of `FORMATS`; path: the folder of the data set or its file.
    images: name of the picture folder (or video), relative to the data set, where it is not found by itself.
    intrinsics: `fx fy cx cy [k1 k2 p1 p2 [k3]]`, OpenCV's convention, or a file of them, where the data set has none.
    time_tolerance_s: how far in time a pose may be from its picture.
    unit_m: metres in a unit of the given poses; None: unknown.
    align: "auto" keeps the given world where its +z is within 30 degrees of the cameras' up and turns it upright
    otherwise; "keep" never turns, "up" always does.
    triangulate: "always" finds sparse points in the pictures that are not held out, which also tells whether the poses fit
    them; "auto" leaves it where pictures have silhouettes and takes 200 pictures at most, "never" always.
    refine: adjust the poses to the pictures; refine_intrinsics: and focal lengths and distortion.
    scale: the settings of conf/scale/default.yaml; image_size, max_features: of features, as in conf/poses/default.yaml.
    Raises `UserError` naming the file and frame for everything that is wrong with the data.
    """
    workspace.poses_failed.unlink(missing_ok=True)
    settings = {key: value for key, value in locals().items() if key not in ("workspace", "threads")}
    _check(format=format, align=align, triangulate=triangulate, refine=refine, refine_intrinsics=refine_intrinsics)
    check_used(format, images=images, intrinsics=intrinsics, time_tolerance_s=time_tolerance_s)
    given_scale = scale_settings(scale)
    _unit(unit_m)
    source = _source(path, format)
    started = time.perf_counter()
    given = FORMATS[format].read(source, Options(images, intrinsics, time_tolerance_s, workspace))
    given, mask_share = made_sound(given, source)
    bounds = {"depth_bounds": llff.read_bounds(source)} if format == "llff" else {}
    key = fingerprint({**settings, **bounds, "given": _digest(given)}, given.files)
    if is_finished(workspace.poses, key):
        say("poses: up to date")
        return workspace.poses
    with replace_folder(workspace.poses) as temporary:
        found, why_not = None, _why_no_points(given, triangulate, refine)
        if why_not is None:
            found = _find_points(
                given,
                temporary,
                is_refined=refine,
                intrinsics=refine_intrinsics,
                at_most=_ENOUGH if triangulate == "auto" else None,
                features={"max_features": max_features, "image_size": image_size},
                seed=seed,
                threads=threads,
            )
        gps = gps_of(given, workspace)
        turned, how, up = _upright(found.reconstruction if found else given, align, gps)
        reconstruction, scale_sources = apply_scale(
            turned, given_scale, gps=gps, position_error=0.0, unit_m=_unit(unit_m), seed=seed
        )
        cameras_json.write(temporary / "cameras.json", reconstruction, root=workspace.root)
        if found:
            found.write(temporary / "colmap", reconstruction)
        write_exchange(temporary, reconstruction, root=workspace.root)
        report = {
            **_report(reconstruction, given, format, how),
            **(found.report() if found else {"triangulation": why_not}),
            **bounds,
            "mask_share": mask_share,
            "up_estimates": up and up.estimates,
            "scale_sources": scale_sources,
            "seconds": time.perf_counter() - started,
        }
        write_json(temporary / "report.json", report)
        _say_report(report, source, workspace)
        mark_finished(temporary, key, settings=settings, seconds=time.perf_counter() - started)
    write_metrics(workspace, "poses", {k: report[k] for k in _METRICS})
    return workspace.poses


def _find_points(given: Reconstruction, folder: Path, **how: Any) -> GivenPoints:
    with _scratch(folder) as scratch, colmap_log(folder / "colmap.log"):
        return find_points(given, scratch=scratch, **how)


def _check(*, refine: bool, refine_intrinsics: bool, **choices: str) -> None:
    for name, allowed in _CHOICES.items():
        if choices[name] not in allowed:
            raise UserError(f"dataset.{name}={choices[name]}: expected one of {', '.join(allowed)}.")
    for name, flag in (("refine", refine), ("refine_intrinsics", refine_intrinsics)):
        if not isinstance(flag, bool):
            raise UserError(f"dataset.{name}={flag}: expected true or false.")
    if refine and choices["triangulate"] == "never":
        raise UserError("dataset.refine=true needs points: set dataset.triangulate to auto or always.")
    if refine_intrinsics and not refine:
        raise UserError("dataset.refine_intrinsics=true works on refined poses only: set dataset.refine=true too.")


def _why_no_points(given: Reconstruction, triangulate: str, refine: bool) -> str | None:
    """Why no points are triangulated, in words; None when they are."""
    taught = [view for view, out in zip(given.views, held_out(given.views), strict=True) if not out]
    if triangulate == "never":
        return "dataset.triangulate=never"
    if len(taught) < 3:
        return "fewer than 3 pictures are not held out"
    # Silhouettes say where an object is at no cost; a hundred pictures of one take minutes to match for little.
    if triangulate == "auto" and not refine and has_transparency(taught):
        return "pictures have silhouettes"
    return None


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    scratch = folder / "scratch"
    scratch.mkdir()
    yield scratch
    shutil.rmtree(scratch)


def _source(path: str | None, format: str) -> Path:
    if path is None:
        raise UserError(f"dataset={format} needs dataset.path=... (the folder of the data set).")
    source = Path(path)
    if not is_file(source) and not is_folder(source):
        raise UserError(f"dataset.path={path} does not exist.")
    return source.resolve()


def _digest(given: Reconstruction) -> str:
    """Of everything that was read, but what the pictures hold."""
    digest = hashlib.sha256(json.dumps(cameras_json.encode(given, root=Path("/"))).encode())
    if given.points is not None:
        digest.update(given.points.positions.tobytes() + given.points.colors.tobytes())
    return digest.hexdigest()


# ---- the world frame -----------------------------------------------------------------------------------------------


def _unit(unit_m: float | None) -> float | None:
    """`dataset.unit_m`, checked."""
    if unit_m is None:
        return None
    if isinstance(unit_m, bool) or not isinstance(unit_m, (int, float)) or not 0 < unit_m < math.inf:
        raise UserError(f"dataset.unit_m={unit_m}: expected the metres in a unit of the poses, e.g. 1.0, or null.")
    return float(unit_m)


def _upright(given: Reconstruction, align: str, gps: Mapping[str, GpsFix]) -> tuple[Reconstruction, str, Up | None]:
    """The reconstruction with +z up as `align` asks, in words what was done, and the up that was looked for."""
    if given.is_up_aligned or align == "keep":
        return given, "as given", None
    up = find_up(given, seed=0, gps=gps)
    tilt = float(np.degrees(np.arccos(np.clip(up.direction[2], -1.0, 1.0))))
    if align == "auto" and tilt <= _UPRIGHT_WITHIN_DEG:
        return replace(given, is_up_aligned=True), "as given (its +z is up)", up
    turn = Similarity(1.0, rotation_between(up.direction, np.array([0.0, 0.0, 1.0])), np.zeros(3))
    upright = replace(given.transformed(turn), is_up_aligned=True)
    return upright, f"turned upright by {tilt:.0f} degrees ({up.source})", up


def _report(reconstruction: Reconstruction, given: Reconstruction, format: str, how: str) -> dict[str, Any]:
    cameras = list(dict.fromkeys(view.camera for view in reconstruction.views))
    return {
        "registered": len(reconstruction.views),
        "total": len(given.views),
        "reprojection_error_px": None,
        "mean_track_length": None,
        "n_points": 0 if reconstruction.points is None else len(reconstruction.points.positions),
        "method": f"given ({format})",
        "camera": {
            "count": len(cameras),
            "focal_px": float(np.median([camera.fx for camera in cameras])),
            "distortion": list(cameras[0].distortion),
            "size_hw": list(cameras[0].size_hw),
        },
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
