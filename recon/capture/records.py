"""What `frames.json` says: the source, the camera, and every frame with its fate."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from recon.formats.exif_gps import GpsFix

MIN_VIEWS = 3  # fewer cannot fix a scene and its cameras


@dataclass(frozen=True)
class FrameRecord:
    """One frame or photo of the source."""

    name: str  # unique; the order of names is the order of capture
    image: str | None  # file name in frames/, None when dropped
    source_index: int  # of the video frame, or of the photo in natural name order
    source_name: str | None  # file name of the photo
    time_s: float | None  # since the first frame of the video
    sharpness: float
    kept: bool
    reason: str | None  # why dropped
    exposure: float  # mean linear light, 0 to 1
    notes: tuple[str, ...] = ()  # "exposure jump", "blur run": see `recon.capture.notes`
    parallax: float | None = None  # of kept video frames: since the kept one before, fraction of the longest side
    overlap: float | None = None  # likewise, share of the picture
    mask: str | None = None  # file in frames/, white where the picture counts
    camera: int = 0  # number of the camera that took it: photos of one share a lens
    exif_focal_px: float | None = None  # of its camera, in the written size; in the file only where there are several
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
    exact_focal_px: float | None = None  # of a pinhole that needs no calibration, principal point at the centre
    rig: Mapping[str, list[list[float]]] | None = None  # rig_from_camera, 4x4 rigid, of each sensor

    @property
    def kept(self) -> list[FrameRecord]:
        return [frame for frame in self.frames if frame.kept]

    @property
    def focal_prior_px(self) -> float | None:
        if self.exact_focal_px is not None:
            return self.exact_focal_px
        focals = [frame.exif_focal_px for frame in self.kept if frame.exif_focal_px is not None]
        return float(np.median(focals)) if focals and self.shared_camera else None

    def as_json(self) -> dict[str, Any]:
        return {
            "source": str(self.source),
            "kind": self.kind,
            "size_hw": list(self.size_hw),
            "shared_camera": self.shared_camera,
            "focal_prior_px": self.focal_prior_px,
            "is_focal_exact": self.exact_focal_px is not None,
            "rig": self.rig,
            "fps": self.fps,
            "duration_s": self.duration_s,
            "frames": [self._frame_as_json(frame) for frame in self.frames],
        }

    def _frame_as_json(self, frame: FrameRecord) -> dict[str, Any]:
        """Of one camera, the prior at the top stands for all: whole-millimetre EXIF values differ by rounding only."""
        if not self.shared_camera:
            return asdict(frame)
        return {key: value for key, value in asdict(replace(frame, exif_focal_px=None)).items() if key != "camera"}


def count_reasons(frames: Sequence[FrameRecord]) -> str:
    """For people: "12 blurred, 3 duplicate"."""
    reasons = Counter(frame.reason for frame in frames if frame.reason is not None)
    return ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
