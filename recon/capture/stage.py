"""The capture stage: a video or a folder of photos becomes `frames/` and `frames/frames.json`."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from recon.capture.mask_files import mask_folder
from recon.capture.mask_function import MaskFn, load_mask_fn
from recon.capture.masks import write_masks
from recon.capture.panorama import WHOLE_QUALITY, count_panoramas, cut_views, find_projection
from recon.capture.photos import capture_photos
from recon.capture.records import MIN_VIEWS, Output, count_reasons
from recon.capture.settings import CaptureSettings
from recon.capture.source import source_kind, telemetry_of
from recon.capture.survey import photo_folders
from recon.capture.video import capture_video
from recon.formats.frames_json import CUT, Capture, write_frames_json
from recon.workspace import StageRun, Workspace
from recon.workspace.console import say, warn
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file, is_folder

_BLACK = 0.002  # mean linear light: a night street with a few lamps has more
_DARK = 0.004  # 12 bits in a file of 16 have less
_LITTLE_OVERLAP = 0.6  # with less, hardly a third is shared with the next but one, and matching needs such pairs


def capture_frames(workspace: Workspace, *, settings: CaptureSettings) -> Path:
    """Write the chosen images of `settings.source` and `frames.json` into `workspace.frames`.

    Images are upright, those of one camera of one size. `frames.json` lists every frame of the source, the dropped ones with the
    reason, in order of capture, which is the order of names. `UserError` for a source that cannot become a scene.
    """
    if settings.source is None:
        raise UserError(
            "capture.source is not set: give a video or a folder of photos, e.g. capture.source=walk.mp4, "
            "or posed images with dataset=transforms dataset.path=FOLDER"
        )
    source = Path(settings.source)
    kind = source_kind(source, subfolders=settings.subfolders)
    function, function_file = (None, None) if settings.mask_fn is None else load_mask_fn(settings.mask_fn)
    below = photo_folders(source) if kind == "photos" and settings.subfolders else []
    named = (source, *below, mask_folder(source), function_file)
    inputs = [path for path in named if path is not None and (is_file(path) or is_folder(path))]
    run = StageRun(workspace, "capture", workspace.frames, settings=settings, inputs=inputs)
    if run.is_finished:
        say("capture: up to date")
        return workspace.frames
    with run as folder:
        if find_projection(source, kind, settings.projection, subfolders=settings.subfolders) == "equirectangular":
            capture = _capture_panoramas(source, kind, folder, settings, function)
        else:
            capture = _capture(source, kind, folder, settings, function)
        _report(capture)
        _warn_of_darkness(capture)
        _warn_of_cuts(capture)
        _warn_of_gaps(capture)
        _warn_of_telemetry(source)
        write_frames_json(folder / workspace.frames_json.name, capture)
        run.metrics = _metrics(capture, run.seconds)
    return workspace.frames


def _capture(source: Path, kind: str, folder: Path, settings: CaptureSettings, function: MaskFn | None) -> Capture:
    output = Output(settings.spacing, settings.max_size, settings.jpeg_quality, function)
    return _pictures(source, kind, folder, output, settings)


def _capture_panoramas(
    source: Path, kind: str, folder: Path, settings: CaptureSettings, function: MaskFn | None
) -> Capture:
    """Whole panoramas first, then the views that they are cut into; a mask function is asked about the views."""
    plan = settings.plan()
    output = Output(plan.spacing(settings.spacing), plan.whole_size(settings.max_size), WHOLE_QUALITY, mask_fn=None)
    whole = _pictures(source, kind, folder, output, settings)
    capture = cut_views(whole, folder, plan, jpeg_quality=settings.jpeg_quality)
    if function is None:
        return capture
    return replace(capture, frames=tuple(write_masks(capture.frames, folder, read_fn=None, mask_fn=function)))


def _pictures(source: Path, kind: str, folder: Path, output: Output, settings: CaptureSettings) -> Capture:
    """The kept pictures of the source, enough of them for a scene."""
    if kind == "video":
        _tell_limit(settings)
        capture = capture_video(source, folder, output)
    else:
        capture = capture_photos(source, folder, output, subfolders=settings.subfolders, alpha=settings.alpha)
    _check_enough(capture)
    return capture


def _tell_limit(settings: CaptureSettings) -> None:
    """A limit that is given alone may lie below the least number, which then gives way."""
    if settings.target_count == "auto" and settings.max_count < settings.min_count:
        say(
            f"capture: at most {settings.max_count} frames (capture.max_count), "
            f"so no longer at least {settings.min_count} (capture.min_count)"
        )


def _check_enough(capture: Capture) -> None:
    """Too few different views make no scene; say what was wrong with the others."""
    n_kept, n_read = len(capture.kept), len(capture.frames)
    if n_kept >= MIN_VIEWS:
        return
    noun = "frames" if capture.kind == "video" else "photos"
    dropped = f" ({count_reasons(capture.frames)})" if n_kept < n_read else ""
    light = float(np.median([frame.exposure for frame in capture.frames])) if capture.frames else 0.5
    if not _BLACK < light < 1 - _BLACK and any(frame.reason != "damaged" for frame in capture.frames):
        raise UserError(
            f"capture.source={capture.source}: the {noun} are {'black' if light <= _BLACK else 'white'} all over, or nearly so. "
            "Look at them in a viewer: was the lens covered, or did the export go wrong?"
        )
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


def _warn_of_darkness(capture: Capture) -> None:
    """Pictures of 10 or 12 bits in files of 16 are black to every program, and nothing can be told apart in them."""
    light = float(np.median([frame.exposure for frame in capture.kept]))
    if light <= _DARK:
        warn(
            f"the {_noun(capture)} are nearly black: {light:.2%} of full light. If the files hold 10 or 12 bits in 16, stretch "
            "all of them alike first (ImageMagick: mogrify -evaluate multiply 16)"
        )


def _warn_of_cuts(capture: Capture) -> None:
    """Takes of different places cannot become one scene, and trying takes minutes."""
    times = [frame.time_s for frame in capture.frames if CUT in frame.notes and frame.time_s is not None]
    if times:
        told = ", ".join(f"{time_s:.1f} s" for time_s in times[:4])
        warn(
            f"the film is cut at {told}{', ...' if len(times) > 4 else ''}: takes that do not show the same place cannot become "
            "one scene. Give one of them"
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


def _warn_of_telemetry(source: Path) -> None:
    """What lies beside a film and could give its scale and place is not passed over without a word."""
    if found := telemetry_of(source):
        warn(
            f"{', '.join(path.name for path in found)} beside the film is not read: give metres by "
            "scale.known_distance_m=..., or photos with GPS instead of the film"
        )


def _noun(capture: Capture) -> str:
    if capture.rig is not None:
        return "panoramas"
    return "frames" if capture.kind == "video" else "photos"
