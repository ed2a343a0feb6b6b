"""The capture stage: a video or a folder of photos becomes `frames/` and `frames/frames.json`."""

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from recon.capture.keyframes import Spacing
from recon.capture.mask_files import mask_folder
from recon.capture.mask_function import load_mask_fn
from recon.capture.masks import write_masks
from recon.capture.panorama import WHOLE_QUALITY, count_panoramas, cut_views, find_projection, plan_views
from recon.capture.photos import capture_photos
from recon.capture.records import MIN_VIEWS, Capture, count_reasons
from recon.capture.source import source_kind
from recon.capture.survey import photo_folders
from recon.capture.video import capture_video
from recon.console import say, warn
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

_LITTLE_OVERLAP = 0.6  # with less, hardly a third is shared with the next but one, and matching needs such pairs


def capture_frames(
    workspace: Workspace,
    *,
    source: str | Path | None,
    subfolders: bool,
    target_count: int | str,
    min_count: int,
    max_count: int,
    max_parallax: float,
    min_overlap: float,
    max_size: int | None,
    jpeg_quality: int,
    alpha: str,
    mask_fn: str | None,
    projection: str,
    panorama_views: int,
    panorama_fov_deg: float,
    panorama_poles: str,
) -> Path:
    """Write the chosen images of `source` and `frames.json` into `workspace.frames`; what each setting means:
    conf/capture/default.yaml.

    Images are upright, those of one camera of one size. `frames.json` lists every frame of the source, the dropped ones with the
    reason, in order of capture, which is the order of names. `UserError` for a source that cannot become a scene.
    """
    if source is None:
        raise UserError(
            "capture.source is not set: give a video or a folder of photos, e.g. capture.source=walk.mp4, "
            "or posed images with dataset=transforms dataset.path=FOLDER"
        )
    source = Path(source)
    kind = source_kind(source, subfolders=subfolders)
    spacing = Spacing(
        target_count=None if target_count == "auto" else target_count,  # type: ignore[arg-type]  # checked below
        min_count=min_count,
        max_count=max_count,
        max_parallax=max_parallax,
        min_overlap=min_overlap,
    )
    _check_settings(spacing, max_size=max_size, jpeg_quality=jpeg_quality, alpha=alpha)
    plan = plan_views(n_around=panorama_views, fov_deg=panorama_fov_deg, poles=panorama_poles)
    function, function_file = (None, None) if mask_fn is None else load_mask_fn(mask_fn)
    settings = {
        "source": source,
        "subfolders": subfolders,
        **vars(spacing),
        "max_size": max_size,
        "jpeg_quality": jpeg_quality,
        "alpha": alpha,
        "mask_fn": mask_fn,
        "projection": projection,
        "panorama_views": panorama_views,
        "panorama_fov_deg": panorama_fov_deg,
        "panorama_poles": panorama_poles,
    }
    below = photo_folders(source) if kind == "photos" and subfolders else []
    inputs = [
        path for path in (source, *below, mask_folder(source), function_file) if path is not None and path.exists()
    ]
    key = fingerprint(settings, inputs)
    if is_finished(workspace.frames, key):
        say("capture: up to date")
        return workspace.frames
    started = time.monotonic()
    is_panorama = find_projection(source, kind, projection, subfolders=subfolders) == "equirectangular"
    with replace_folder(workspace.frames) as folder:
        size, quality = (plan.whole_size(max_size), WHOLE_QUALITY) if is_panorama else (max_size, jpeg_quality)
        whole_function = None if is_panorama else function  # of panoramas it is asked about the views
        if kind == "video":
            steps = plan.spacing(spacing) if is_panorama else spacing
            capture = capture_video(
                source, folder, spacing=steps, max_size=size, jpeg_quality=quality, mask_fn=whole_function
            )
        else:
            capture = capture_photos(
                source,
                folder,
                subfolders=subfolders,
                max_size=size,
                jpeg_quality=quality,
                alpha=alpha,
                mask_fn=whole_function,
            )
        _check_enough(capture)
        if is_panorama:
            capture = cut_views(capture, folder, plan, jpeg_quality=jpeg_quality)
            if function is not None:
                views = write_masks(capture.frames, folder, read_fn=None, mask_fn=function)
                capture = replace(capture, frames=tuple(views))
        _report(capture)
        _warn_of_gaps(capture)
        write_json(folder / workspace.frames_json.name, capture.as_json())
        seconds = time.monotonic() - started
        mark_finished(folder, key, settings=settings, seconds=seconds)
    write_metrics(workspace, "capture", _metrics(capture, seconds))
    return workspace.frames


def _check_settings(spacing: Spacing, *, max_size: int | None, jpeg_quality: int, alpha: str) -> None:
    """Settings a person typed: of the right kind and possible."""
    wanted = spacing.min_count if spacing.target_count is None else spacing.target_count
    for name, number, low, high in (
        ("target_count", wanted, MIN_VIEWS, 100_000),
        ("min_count", spacing.min_count, MIN_VIEWS, 100_000),
        ("max_count", spacing.max_count, MIN_VIEWS, 100_000),
        ("jpeg_quality", jpeg_quality, 1, 100),
        ("max_size", 16384 if max_size is None else max_size, 64, 16384),
    ):
        if not isinstance(number, int) or not low <= number <= high:
            automatic = "auto or " if name == "target_count" else ""
            raise UserError(f"capture.{name}={number}: expected {automatic}a whole number from {low} to {high}.")
    for name, fraction in (("max_parallax", spacing.max_parallax), ("min_overlap", spacing.min_overlap)):
        if not isinstance(fraction, (int, float)) or not 0 < fraction < 1:
            raise UserError(f"capture.{name}={fraction}: expected a fraction between 0 and 1.")
    if wanted > spacing.max_count:
        name = "min_count" if spacing.target_count is None else "target_count"
        raise UserError(
            f"capture.{name}={wanted} is over capture.max_count={spacing.max_count}: set capture.max_count too."
        )
    if alpha not in ("mask", "empty"):
        raise UserError(f"capture.alpha={alpha}: expected mask or empty.")


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
    moments = {frame.source_index: frame.notes for frame in capture.frames}  # views of a panorama share them
    noted = ", ".join(f"{count} {note}" for note, count in Counter(n for ns in moments.values() for n in ns).items())
    focal = f", focal length about {capture.focal_prior_px:.0f} px (EXIF)" if capture.focal_prior_px else ""
    if capture.rig is not None:
        focal = f", {len(capture.rig)} views each, focal length {capture.exact_focal_px:.2f} px (exact)"
    n_kept, n_read = count_panoramas(capture.kept), count_panoramas(capture.frames)
    say(
        f"capture: kept {n_kept} of {n_read} {_noun(capture)} at {w}x{h}{focal}"
        + (f"; dropped {dropped}" if dropped else "")
        + (f"; noted {noted}" if noted else "")
    )


def _warn_of_gaps(capture: Capture) -> None:
    """Neighbours that share little may not be linked by structure from motion."""
    wide = [frame for frame in capture.kept if frame.overlap is not None and frame.overlap < _LITTLE_OVERLAP]
    if wide:
        worst = min(wide, key=lambda frame: frame.overlap or 0.0)
        warn(
            f"{count_panoramas(wide)} of {count_panoramas(capture.kept)} kept {_noun(capture)} share less than "
            f"{_LITTLE_OVERLAP:.0%} of the picture with the one before ({worst.name}: {worst.overlap:.0%}): film slower, or "
            "raise capture.target_count and capture.max_count"
        )


def _noun(capture: Capture) -> str:
    if capture.rig is not None:
        return "panoramas"
    return "frames" if capture.kind == "video" else "photos"
