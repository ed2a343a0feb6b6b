"""`frames/frames.json`: the source of a capture, its camera, and every frame with its fate. One noun, one reader, one writer."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from recon.geometry.geodesy import GpsFix
from recon.workspace import Workspace, read_json, write_json
from recon.workspace.errors import UserError

CUT = "cut"  # the note of a frame that begins another take
MADE_BY = "python scripts/capture.py capture.source=VIDEO_OR_FOLDER workspace=..."


@dataclass(frozen=True)
class FrameRecord:
    """One frame or photo of the source."""

    name: str  # unique; the order of names is the order of capture
    image: str | None  # file name in frames/, None when dropped
    source_index: int  # of the video frame, or of the photo in natural name order
    source_name: str | None  # file name of the photo
    time_s: float | None  # since the first frame of the video
    sharpness: float | None  # None: not measured
    kept: bool
    reason: str | None  # why dropped
    exposure: float | None  # mean linear light, 0 to 1; None: not measured
    notes: tuple[str, ...] = ()  # "exposure jump", "blur run": see `recon.capture.notes`
    parallax: float | None = None  # of kept video frames: since the kept one before, fraction of the longest side
    overlap: float | None = None  # likewise, share of the picture
    mask: str | None = None  # file in frames/, white where the picture counts
    camera: int | None = (
        None  # number of the camera that took it: photos of one share a lens; in the file where there are several
    )
    exif_focal_px: float | None = None  # of its camera, in the written size; in the file only where there are several
    exif_orientation: int | None = None  # the photo's own EXIF code 1..8; None: not a photo
    rotated_by_orientation: int | None = None  # EXIF code used instead of the photo's own, see `recon.capture.photos`
    sensor: str | None = None  # which camera of the rig took it, see `recon.capture.panorama`
    rig_frame: str | None = None  # the moment of the rig: frames of one share a pose of the rig
    gps: GpsFix | None = None  # EXIF position of the photo


@dataclass(frozen=True)
class Capture:
    """Everything the capture stage found out. `focal_prior_px` is in pixels of `size_hw`, the size written."""

    source: Path
    kind: Literal["video", "photos"]
    size_hw: tuple[int, int]  # written; where there are several cameras, that of the one of most photos
    shared_camera: bool  # all images come from one camera with one focal length
    frames: tuple[FrameRecord, ...]  # kept and dropped, in order of capture
    fps: float | None = None
    duration_s: float | None = None
    given_prior_px: float | None = None  # as a file says it, which leaves out the focal lengths it was the median of
    exact_focal_px: float | None = None  # of a pinhole that needs no calibration, principal point at the centre
    rig: Mapping[str, list[list[float]]] | None = None  # rig_from_camera, 4x4 rigid, of each sensor

    @property
    def kept(self) -> list[FrameRecord]:
        return [frame for frame in self.frames if frame.kept]

    @property
    def focal_prior_px(self) -> float | None:
        if self.exact_focal_px is not None or self.given_prior_px is not None:
            return self.exact_focal_px or self.given_prior_px
        focals = [frame.exif_focal_px for frame in self.kept if frame.exif_focal_px is not None]
        return float(np.median(focals)) if focals and self.shared_camera else None


def write_frames_json(path: Path, capture: Capture) -> None:
    """Write frames.json, atomically; `read_capture` gives the capture back."""
    value = {
        "source": str(capture.source),
        "kind": capture.kind,
        "size_hw": list(capture.size_hw),
        "shared_camera": capture.shared_camera,
        "focal_prior_px": capture.focal_prior_px,
        "is_focal_exact": capture.exact_focal_px is not None,
        "rig": capture.rig,
        "fps": capture.fps,
        "duration_s": capture.duration_s,
        "frames": [_encoded(frame, capture) for frame in capture.frames],
    }
    write_json(path, value)


def read_capture(workspace: Workspace) -> Capture:
    """The capture of the run folder; what a frame of an older file does not say is None. `UserError` for any other file."""
    file = workspace.frames_json
    value = read_json(file, made_by=MADE_BY)
    try:
        prior, rig = _number(value, "focal_prior_px", at_least=1e-3), value.get("rig")
        size = value.get("size_hw") or (0, 0)
        return Capture(
            source=Path(str(value.get("source"))),
            kind="photos" if value.get("kind") == "photos" else "video",
            size_hw=(int(size[0]), int(size[1])),
            shared_camera=bool(value.get("shared_camera")),
            frames=tuple(_decoded(frame) for frame in value["frames"]),
            fps=_number(value, "fps"),
            duration_s=_number(value, "duration_s"),
            given_prior_px=prior,
            exact_focal_px=prior if value.get("is_focal_exact") else None,
            rig=None if rig is None else dict(rig),
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise UserError(f"{file}: not a frames file ({error!r}). Make it with: {MADE_BY}") from error


def _encoded(frame: FrameRecord, capture: Capture) -> dict[str, Any]:
    """Where one camera took all frames, one focal length stands for all: whole-millimetre EXIF values differ by rounding only."""
    if not capture.shared_camera:
        return asdict(replace(frame, camera=frame.camera or 0))
    return {key: value for key, value in asdict(replace(frame, exif_focal_px=None)).items() if key != "camera"}


def _decoded(value: Mapping[str, Any]) -> FrameRecord:
    """One frame; `ValueError` or `KeyError` naming what is wrong with it."""
    name, image = _text(value, "name"), _text(value, "image")
    if name is None or (value["kept"] and image is None):
        raise ValueError("a frame has no name, or is kept and has no image")
    return FrameRecord(
        name=name,
        image=image,
        source_index=_whole(value, "source_index") or 0,
        source_name=_text(value, "source_name"),
        time_s=_number(value, "time_s"),
        sharpness=_number(value, "sharpness"),
        kept=bool(value["kept"]),
        reason=_text(value, "reason"),
        exposure=_number(value, "exposure"),
        notes=tuple(map(str, value.get("notes") or ())),
        parallax=_number(value, "parallax"),
        overlap=_number(value, "overlap"),
        mask=_text(value, "mask"),
        camera=_whole(value, "camera"),
        exif_focal_px=_number(value, "exif_focal_px", at_least=1e-3),
        exif_orientation=_whole(value, "exif_orientation"),
        rotated_by_orientation=_whole(value, "rotated_by_orientation"),
        sensor=_text(value, "sensor"),
        rig_frame=_text(value, "rig_frame"),
        gps=None if value.get("gps") is None else GpsFix(**value["gps"]),
    )


def _text(value: Mapping[str, Any], key: str) -> str | None:
    found = value.get(key)
    if found is not None and (not isinstance(found, str) or not found):
        raise ValueError(f"{key} must be text, found {str(found)[:40]!r}")
    return found


def _number(value: Mapping[str, Any], key: str, *, at_least: float = -1e9) -> float | None:
    """A finite number, or None where there is none."""
    found = value.get(key)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not at_least <= found <= 1e9:
        raise ValueError(f"{key} must be a number from {at_least:g} to 1e9, found {str(found)[:40]}")
    return float(found)


def _whole(value: Mapping[str, Any], key: str) -> int | None:
    found = _number(value, key)
    return None if found is None else int(found)
