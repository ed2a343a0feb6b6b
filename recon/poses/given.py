"""The poses stage for data sets that come with poses: read, checked, turned upright, and written like our own."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from recon.console import say, warn
from recon.errors import UserError
from recon.formats import blender, cameras_json, colmap, llff, transforms_json
from recon.geometry.geodesy import GpsFix
from recon.geometry.reconstruction import Reconstruction
from recon.geometry.transforms import Similarity, rotation_between
from recon.poses.align import Up, find_up
from recon.poses.gps import gps_of
from recon.poses.metric import apply_scale
from recon.poses.scale import scale_settings
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
    align: str,
    scale: Mapping[str, Any],
) -> Path:
    """Read given poses into `poses/` and return its path. Pictures stay where they are.

    format: "transforms", "blender", "colmap" or "llff"; path: the folder of the data set or its file.
    images: name of the picture folder, relative to the data set, where it is not found by itself (colmap, llff).
    align: "auto" keeps the given world where its +z is within 30 degrees of the cameras' up and turns it upright
    otherwise; "keep" never turns, "up" always does.
    scale: the settings of conf/scale/default.yaml.
    Raises `UserError` naming the file and frame for everything that is wrong with the data.
    """
    settings = {"format": format, "path": path, "images": images, "align": align, "scale": dict(scale)}
    if format not in _READERS:
        raise UserError(f"dataset.format={format}: expected one of {', '.join(_READERS)}.")
    if align not in ("auto", "keep", "up"):
        raise UserError(f"dataset.align={align}: expected auto, keep or up.")
    given_scale = scale_settings(scale)
    source = _source(path, format)
    started = time.perf_counter()
    given = _READERS[format](source, images)
    inputs = _inputs(source)
    key = fingerprint({**settings, "views": [(v.name, str(v.image), v.camera.size_hw) for v in given.views]}, inputs)
    if is_finished(workspace.poses, key):
        say("poses: up to date")
        return workspace.poses
    gps = gps_of(given, workspace)
    turned, how, up = _upright(given, align, gps)
    reconstruction, scale_sources = apply_scale(
        turned, given_scale, gps=gps, position_error=0.0, given_format=format, seed=0
    )
    report = _report(reconstruction, given, format, how, time.perf_counter() - started)
    report |= {"up_estimates": up and up.estimates, "scale_sources": scale_sources}
    if format == "llff":
        report["depth_bounds"] = llff.read_bounds(source)
    with replace_folder(workspace.poses) as temporary:
        cameras_json.write(temporary / "cameras.json", reconstruction, root=workspace.root)
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


def _read_colmap(path: Path, images: str | None) -> Reconstruction:
    folder = path if path.is_dir() else path.parent
    if images is not None and not (folder / images).is_dir():
        raise UserError(f"dataset.images={images}: no such folder in {folder}.")
    return colmap.read(path, images=folder / images if images is not None else None)


_READERS: dict[str, Callable[[Path, str | None], Reconstruction]] = {
    "transforms": lambda path, images: transforms_json.read(path),
    "blender": lambda path, images: blender.read(path),
    "colmap": _read_colmap,
    "llff": lambda path, images: llff.read(path, images=images),
}


def _inputs(source: Path) -> list[Path]:
    """The small files that hold the poses: beside or below the named one; pictures count by name and size only."""
    folder = source if source.is_dir() else source.parent
    names = ("transforms*.json", "poses_bounds.npy", "sparse/**/*.bin", "sparse/**/*.txt", "*.bin", "*.txt", "*.ply")
    return sorted({file for name in names for file in folder.glob(name) if file.is_file()})


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
        "seconds": seconds,
    }


def _say_report(report: dict[str, Any], source: Path, workspace: Workspace) -> None:
    camera = report["camera"]
    say(
        f"poses: {report['registered']} given poses from {source}, {report['n_points']} points, focal "
        f"{camera['focal_px']:.0f} px, {report['up']} -> {workspace.poses}"
    )
    if report["scale"] is None:
        say("poses: scale unknown (lengths are in the data set's units): set scale.known_distance_m=... for metres")
    if report["registered"] < 3:
        warn(f"only {report['registered']} posed pictures: a scene needs 20 or more to come out well")
