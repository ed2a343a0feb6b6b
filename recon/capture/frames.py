"""The capture stage: a video or a folder of photos becomes `frames/` and `frames/frames.json`."""

import time
from pathlib import Path
from typing import Any

from recon.capture.keyframes import Spacing
from recon.capture.panorama import WHOLE_QUALITY, count_panoramas, cut_views, find_projection, plan_views
from recon.capture.photos import capture_photos
from recon.capture.records import MIN_VIEWS, Capture, count_reasons
from recon.capture.source import source_kind
from recon.capture.video import capture_video
from recon.console import say
from recon.errors import UserError
from recon.workspace import (
    Workspace,
    fingerprint,
    is_finished,
    mark_finished,
    replace_folder,
    write_json,
    write_metrics,
)


def capture_frames(
    workspace: Workspace,
    *,
    source: str | Path | None,
    target_count: int,
    max_count: int,
    min_motion: float,
    max_motion: float,
    max_size: int | None,
    jpeg_quality: int,
    projection: str,
    panorama_views: int,
    panorama_fov_deg: float,
    panorama_poles: str,
) -> Path:
    """Write the chosen images of `source` and `frames.json` into `workspace.frames`; what each setting means:
    conf/capture/default.yaml.

    Images are upright and all of one size. `frames.json` lists every frame of the source, the dropped ones with the
    reason, in order of capture, which is the order of names. `UserError` for a source that cannot become a scene.
    """
    if source is None:
        raise UserError(
            "capture.source is not set: give a video or a folder of photos, e.g. capture.source=walk.mp4, "
            "or posed images with dataset=transforms dataset.path=FOLDER"
        )
    source = Path(source)
    kind = source_kind(source)
    spacing = Spacing(target_count=target_count, max_count=max_count, min_motion=min_motion, max_motion=max_motion)
    _check_settings(spacing, max_size=max_size, jpeg_quality=jpeg_quality)
    plan = plan_views(n_around=panorama_views, fov_deg=panorama_fov_deg, poles=panorama_poles)
    settings = {
        "source": source,
        **vars(spacing),
        "max_size": max_size,
        "jpeg_quality": jpeg_quality,
        "projection": projection,
        "panorama_views": panorama_views,
        "panorama_fov_deg": panorama_fov_deg,
        "panorama_poles": panorama_poles,
    }
    key = fingerprint(settings, [source])
    if is_finished(workspace.frames, key):
        say("capture: up to date")
        return workspace.frames
    started = time.monotonic()
    is_panorama = find_projection(source, kind, projection) == "equirectangular"
    with replace_folder(workspace.frames) as folder:
        size, quality = (plan.whole_size(max_size), WHOLE_QUALITY) if is_panorama else (max_size, jpeg_quality)
        if kind == "video":
            steps = plan.spacing(spacing) if is_panorama else spacing
            capture = capture_video(source, folder, spacing=steps, max_size=size, jpeg_quality=quality)
        else:
            capture = capture_photos(source, folder, max_size=size, jpeg_quality=quality)
        _check_enough(capture)
        if is_panorama:
            capture = cut_views(capture, folder, plan, jpeg_quality=jpeg_quality)
        write_json(folder / workspace.frames_json.name, capture.as_json())
        seconds = time.monotonic() - started
        mark_finished(folder, key, settings=settings, seconds=seconds)
    write_metrics(workspace, "capture", _metrics(capture, seconds))
    _report(capture)
    return workspace.frames


def _check_settings(spacing: Spacing, *, max_size: int | None, jpeg_quality: int) -> None:
    """Settings a person typed: of the right kind and possible."""
    for name, number, low, high in (
        ("target_count", spacing.target_count, MIN_VIEWS, 100_000),
        ("max_count", spacing.max_count, MIN_VIEWS, 100_000),
        ("jpeg_quality", jpeg_quality, 1, 100),
        ("max_size", 16384 if max_size is None else max_size, 64, 16384),
    ):
        if not isinstance(number, int) or not low <= number <= high:
            raise UserError(f"capture.{name}={number}: expected a whole number from {low} to {high}.")
    for name, fraction in (("min_motion", spacing.min_motion), ("max_motion", spacing.max_motion)):
        if not isinstance(fraction, (int, float)) or not 0 < fraction <= 1:
            raise UserError(f"capture.{name}={fraction}: expected a fraction of the image's longest side, 0 to 1.")
    for low_name, high_name in (("min_motion", "max_motion"), ("target_count", "max_count")):
        low_value, high_value = getattr(spacing, low_name), getattr(spacing, high_name)
        if low_value > high_value:
            raise UserError(
                f"capture.{low_name}={low_value} is over capture.{high_name}={high_value}: set capture.{high_name} too."
            )


def _check_enough(capture: Capture) -> None:
    """Too few different views make no scene; say what was wrong with the others."""
    n_kept, n_read = len(capture.kept), len(capture.frames)
    if n_kept >= MIN_VIEWS:
        return
    noun = "frames" if capture.kind == "video" else "photos"
    dropped = f" ({count_reasons(capture.frames)})" if n_kept < n_read else ""
    raise UserError(
        f"capture.source={capture.source}: only {n_kept} of {n_read} {noun} show different views{dropped}; at least "
        f"{MIN_VIEWS} are needed, 20 or more are better. Move the camera sideways around the scene while filming."
    )


def _metrics(capture: Capture, seconds: float) -> dict[str, Any]:
    return {
        "frames_read": count_panoramas(capture.frames),
        "frames_kept": count_panoramas(capture.kept),
        "views_per_frame": 1 if capture.rig is None else len(capture.rig),
        "seconds": seconds,
        "size_hw": capture.size_hw,
        "fps": capture.fps,
        "duration_s": capture.duration_s,
    }


def _report(capture: Capture) -> None:
    h, w = capture.size_hw
    dropped = count_reasons(capture.frames)
    noun = "frames" if capture.kind == "video" else "photos"
    focal = f", focal length about {capture.focal_prior_px:.0f} px (EXIF)" if capture.focal_prior_px else ""
    if capture.rig is not None:
        noun = "panoramas"
        focal = f", {len(capture.rig)} views each, focal length {capture.exact_focal_px:.2f} px (exact)"
    say(
        f"capture: kept {count_panoramas(capture.kept)} of {count_panoramas(capture.frames)} {noun} at {w}x{h}{focal}"
        + (f"; dropped {dropped}" if dropped else "")
    )
