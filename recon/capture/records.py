"""What a capture writes, and what became of its frames."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from recon.capture.keyframes import Spacing
from recon.capture.mask_function import MaskFn
from recon.formats.frames_json import FrameRecord

MIN_VIEWS = 3  # fewer cannot fix a scene and its cameras


@dataclass(frozen=True)
class Output:
    """Which frames of a video are kept, and how kept pictures are written."""

    spacing: Spacing  # of the frames of a video; of photos all are kept
    max_size: int | None  # pixels of the longest side; None: as they are
    jpeg_quality: int  # 0 to 100
    mask_fn: MaskFn | None  # gives masks beside those of files


def count_reasons(frames: Sequence[FrameRecord]) -> str:
    """For people: "12 blurred, 3 duplicate"."""
    reasons = Counter(frame.reason for frame in frames if frame.reason is not None)
    return ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
