"""The poses stage for data sets that come with poses: read, checked, turned upright, and written like our own."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from recon.console import say, warn
from recon.errors import UserError
from recon.formats import (
    blender,
    cameras_json,
    colmap,
    csv_poses,
    kitti,
    llff,
    polycam,
    record3d,
    seven_scenes,
    transforms_json,
    tum,
)
from recon.formats.intrinsics import Intrinsics
from recon.geometry.reconstruction import Reconstruction, Scale
from recon.geometry.transforms import Similarity, rotation_between
from recon.poses.align import find_up
from recon.poses.exchange import picture_folder, write_exchange
from recon.poses.scale import apply_known_distance, scale_settings
from recon.poses.video_frames import extract_frames
from recon.workspace import (
    Workspace,
    fingerprint,
    is_finished,
    mark_finished,
    replace_folder,
    write_json,
    write_metrics,
)

_UPRIGHT_WITHIN_DEG = 30.0


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
    scale: Mapping[str, Any],
) -> Path:
    """Read given poses into `poses/` and return its path. Pictures stay where they are; a video's go to `frames/`.

    format: a key of `_FORMATS`; path: the folder of the data set or its file.
    images: name of the picture folder (or video), relative to the data set, where it is not found by itself.
    intrinsics: `fx fy cx cy [k1 k2 p1 p2 [k3]]`, OpenCV's convention, or a file of them, where the data set has none.
    time_tolerance_s: how far in time a pose may be from its picture.
    unit_m: metres in a unit of the given poses; None: unknown.
    align: "auto" keeps the given world where its +z is within 30 degrees of the cameras' up and turns it upright
    otherwise; "keep" never turns, "up" always does.
    scale: the settings of conf/scale/default.yaml.
    Raises `UserError` naming the file and frame for everything that is wrong with the data.
    """
    workspace.poses_failed.unlink(missing_ok=True)
    settings = {"format": format, "path": path, "align": align, "unit_m": unit_m, "scale": dict(scale)}
    if format not in _FORMATS:
        raise UserError(f"dataset.format={format}: expected one of {', '.join(_FORMATS)}.")
    _check_used(format, images=images, intrinsics=intrinsics, time_tolerance_s=time_tolerance_s)
    if align not in ("auto", "keep", "up"):
        raise UserError(f"dataset.align={align}: expected auto, keep or up.")
    given_scale = scale_settings(scale)
    source = _source(path, format)
    started = time.perf_counter()
    given = _FORMATS[format].read(source, _Options(images, intrinsics, time_tolerance_s, workspace))
    bounds = {"depth_bounds": llff.read_bounds(source)} if format == "llff" else {}
    key = fingerprint({**settings, **bounds, "given": _digest(given)}, [])
    if is_finished(workspace.poses, key):
        say("poses: up to date")
        return workspace.poses
    turned, how = _upright(given, align)
    reconstruction = apply_known_distance(_in_metres(turned, unit_m), **given_scale)
    report = {**_report(reconstruction, given, format, how, time.perf_counter() - started), **bounds}
    with replace_folder(workspace.poses) as temporary:
        cameras_json.write(temporary / "cameras.json", reconstruction, root=workspace.root)
        write_exchange(temporary, reconstruction, root=workspace.root)
        write_json(temporary / "report.json", report)
        _say_report(report, source, workspace)
        mark_finished(temporary, key, settings=settings, seconds=time.perf_counter() - started)
    metrics = ("registered", "total", "reprojection_error_px", "n_points", "seconds", "method", "camera", "scale")
    write_metrics(workspace, "poses", {k: report[k] for k in metrics})
    return workspace.poses


def _source(path: str | None, format: str) -> Path:
    if path is None:
        raise UserError(f"dataset={format} needs dataset.path=... (the folder of the data set).")
    source = Path(path)
    if not source.exists():
        raise UserError(f"dataset.path={path} does not exist.")
    return source.resolve()


# ---- formats -------------------------------------------------------------------------------------------------------


class _Options(NamedTuple):
    """What a reader may need beside the path of the data set."""

    images: str | None
    intrinsics: Intrinsics | None
    time_tolerance_s: float | None
    workspace: Workspace


class _Format(NamedTuple):
    """How a format is read, and which of the options it knows."""

    read: Callable[[Path, _Options], Reconstruction]
    options: tuple[str, ...] = ()


def _read_colmap(path: Path, options: _Options) -> Reconstruction:
    folder, images = path if path.is_dir() else path.parent, options.images
    if images is not None and not (folder / images).is_dir():
        raise UserError(f"dataset.images={images}: no such folder in {folder}.")
    return colmap.read(path, images=folder / images if images is not None else None)


def _read_kitti(path: Path, options: _Options) -> Reconstruction:
    pictures, times_s = kitti.find_pictures(path, options.images), None
    if pictures.is_file():  # a video
        times_s = extract_frames(options.workspace, pictures)
        pictures = options.workspace.frames.resolve()
    return kitti.read(path, pictures=pictures, intrinsics=options.intrinsics, times_s=times_s)


def _read_tum(path: Path, options: _Options) -> Reconstruction:
    images, intrinsics, time_tolerance_s, _ = options
    return tum.read(path, images=images, intrinsics=intrinsics, time_tolerance_s=time_tolerance_s)


_FORMATS = {
    "transforms": _Format(lambda path, options: transforms_json.read(path, images=options.images), ("images",)),
    "blender": _Format(lambda path, options: blender.read(path)),
    "colmap": _Format(_read_colmap, ("images",)),
    "llff": _Format(lambda path, options: llff.read(path, images=options.images), ("images",)),
    "tum": _Format(_read_tum, ("images", "intrinsics", "time_tolerance_s")),
    "kitti": _Format(_read_kitti, ("images", "intrinsics")),
    "seven_scenes": _Format(
        lambda path, options: seven_scenes.read(path, intrinsics=options.intrinsics), ("intrinsics",)
    ),
    "csv": _Format(lambda path, options: csv_poses.read(path, intrinsics=options.intrinsics), ("intrinsics",)),
    "polycam": _Format(lambda path, options: polycam.read(path)),
    "record3d": _Format(lambda path, options: record3d.read(path)),
}


def _check_used(format: str, **options: Any) -> None:
    """A setting that the format has no use for is a mistake, not to be passed over."""
    for name, value in options.items():
        if value is not None and name not in _FORMATS[format].options:
            users = [key for key, its in _FORMATS.items() if name in its.options]
            raise UserError(f"dataset.{name}={value}: dataset={format} does not use it, only {', '.join(users)}.")


def _digest(given: Reconstruction) -> str:
    """Of everything that was read; pictures count by path and size."""
    digest = hashlib.sha256(json.dumps(cameras_json.encode(given, root=Path("/"))).encode())
    if given.points is not None:
        digest.update(given.points.positions.tobytes() + given.points.colors.tobytes())
    return digest.hexdigest()


# ---- the world frame -----------------------------------------------------------------------------------------------


def _in_metres(given: Reconstruction, unit_m: float | None) -> Reconstruction:
    """Scaled to metres, where the data set's unit is known."""
    if unit_m is None:
        return given
    if isinstance(unit_m, bool) or not isinstance(unit_m, (int, float)) or not 0 < unit_m < math.inf:
        raise UserError(f"dataset.unit_m={unit_m}: expected the metres in a unit of the poses, e.g. 1.0, or null.")
    source = f"the unit of the given poses is {unit_m:g} m (dataset.unit_m)"
    metric = given.transformed(Similarity(float(unit_m), np.eye(3), np.zeros(3)))
    return replace(metric, scale=Scale(1.0, source, 0.0))


def _upright(given: Reconstruction, align: str) -> tuple[Reconstruction, str]:
    """The reconstruction with +z up as `align` asks, and in words what was done."""
    if given.is_up_aligned or align == "keep":
        return given, "as given"
    up = find_up(given, seed=0)
    tilt = float(np.degrees(np.arccos(np.clip(up.direction[2], -1.0, 1.0))))
    if align == "auto" and tilt <= _UPRIGHT_WITHIN_DEG:
        return replace(given, is_up_aligned=True), "as given (its +z is up)"
    turn = Similarity(1.0, rotation_between(up.direction, np.array([0.0, 0.0, 1.0])), np.zeros(3))
    return replace(given.transformed(turn), is_up_aligned=True), f"turned upright by {tilt:.0f} degrees ({up.source})"


def _report(
    reconstruction: Reconstruction, given: Reconstruction, format: str, how: str, seconds: float
) -> dict[str, Any]:
    cameras = list(dict.fromkeys(view.camera for view in reconstruction.views))
    return {
        "registered": len(reconstruction.views),
        "total": len(given.views),
        "reprojection_error_px": None,
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
        "seconds": seconds,
    }


def _say_report(report: dict[str, Any], source: Path, workspace: Workspace) -> None:
    camera = report["camera"]
    say(
        f"poses: {report['registered']} given poses from {source}, {report['n_points']} points, focal "
        f"{camera['focal_px']:.0f} px, {report['up']} -> {workspace.poses}"
    )
    if report["scale"] is None:
        say(
            "poses: scale unknown (lengths are in the data set's units): set scale.known_distance_m=..., or "
            "dataset.unit_m=1.0 where they are metres"
        )
    if report["registered"] < 3:
        warn(f"only {report['registered']} posed pictures: a scene needs 20 or more to come out well")
