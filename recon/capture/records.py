"""Counting what became of the frames of a capture."""

from collections import Counter
from collections.abc import Sequence

from recon.formats.frames_json import FrameRecord

MIN_VIEWS = 3  # fewer cannot fix a scene and its cameras


def count_reasons(frames: Sequence[FrameRecord]) -> str:
    """For people: "12 blurred, 3 duplicate"."""
    reasons = Counter(frame.reason for frame in frames if frame.reason is not None)
    return ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
