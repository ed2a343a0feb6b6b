"""A video to its key frames: one pass that scores small pictures, one that writes the chosen ones at working size."""

from contextlib import closing
from pathlib import Path

import cv2
import numpy as np

from recon.capture.keyframes import FrameScore, Spacing, choose_keyframes
from recon.capture.motion import MotionMeter
from recon.capture.records import Capture, FrameRecord
from recon.capture.sharpness import measure_sharpness
from recon.console import progress
from recon.formats.images import write_image
from recon.formats.video import read_frames, read_video_info

# Frames are scored at this longest side: small enough to be quick, large enough to see a pixel or two of motion blur.
_SCORE_SIZE = 640


def capture_video(source: Path, folder: Path, *, spacing: Spacing, max_size: int | None, jpeg_quality: int) -> Capture:
    """Write the key frames of `source` into `folder` and say what became of every frame."""
    scores = score_frames(source)
    reasons = choose_keyframes(scores, spacing)
    chosen = {score.source_index for score, reason in zip(scores, reasons, strict=True) if reason is None}
    size_hw = _write_frames(source, folder, chosen, max_size=max_size, jpeg_quality=jpeg_quality)
    span_s = scores[-1].time_s - scores[0].time_s
    fps = (len(scores) - 1) / span_s if span_s > 0 else None
    return Capture(
        source=source,
        kind="video",
        size_hw=size_hw,
        shared_camera=True,
        frames=tuple(_record(score, reason) for score, reason in zip(scores, reasons, strict=True)),
        fps=fps,
        duration_s=span_s + (1 / fps if fps else 0.0),
    )


def score_frames(source: Path) -> list[FrameScore]:
    """Sharpness, travel and change of every frame of a video, in one pass over small grey pictures."""
    info = read_video_info(source)
    meter, scores, previous = MotionMeter(), [], None
    with progress("choosing frames", info.n_frames) as bar:
        for frame in read_frames(source, max_size=_SCORE_SIZE):
            gray = np.asarray(cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY), np.uint8)
            change = np.inf if previous is None else float(np.abs(gray.astype(np.int16) - previous).mean())
            scores.append(
                FrameScore(frame.source_index, frame.time_s, measure_sharpness(gray), meter.advance(gray), change)
            )
            previous = gray
            bar.advance()
    return scores


def _write_frames(
    source: Path, folder: Path, chosen: set[int], *, max_size: int | None, jpeg_quality: int
) -> tuple[int, int]:
    """Decode again and write the chosen frames; their size."""
    last, size_hw = max(chosen), (0, 0)
    # The first pass has warned of damage already.
    frames = read_frames(source, max_size=max_size, on_damage=lambda message: None)
    with closing(frames), progress("writing frames", len(chosen)) as bar:
        for frame in frames:
            if frame.source_index in chosen:
                write_image(folder / f"{_name(frame.source_index)}.jpg", frame.image, quality=jpeg_quality)
                size_hw = frame.image.shape[:2]
                bar.advance()
            if frame.source_index == last:
                break
    return size_hw


def _name(source_index: int) -> str:
    """Five digits hold 55 minutes at 30 frames a second; longer videos get names that still sort."""
    return f"frame_{source_index:05d}" if source_index < 100_000 else f"frame_z{source_index:09d}"


def _record(score: FrameScore, reason: str | None) -> FrameRecord:
    name = _name(score.source_index)
    return FrameRecord(
        name=name,
        image=f"{name}.jpg" if reason is None else None,
        source_index=score.source_index,
        source_name=None,
        time_s=round(score.time_s, 6),
        sharpness=round(score.sharpness, 4),
        kept=reason is None,
        reason=reason,
    )
