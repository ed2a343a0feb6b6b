"""A video to its key frames in one pass: small pictures are scored, large ones of the best so far wait on disk."""

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.capture.borders import Bars, black_bars
from recon.capture.candidates import Candidates
from recon.capture.keyframes import OTHER_SIZE, FrameScore, Spacing, choose_keyframes
from recon.capture.mask_files import masks_of_video
from recon.capture.masks import write_masks
from recon.capture.motion import Motion, MotionMeter
from recon.capture.notes import exposure_of, note_frames
from recon.capture.records import Output
from recon.capture.sharpness import measure_sharpness
from recon.formats.frames_json import Capture, FrameRecord
from recon.formats.images import fit_within
from recon.formats.masks import read_mask
from recon.formats.video import decode_frames, read_video_info
from recon.workspace.console import progress as progress_bar
from recon.workspace.console import say, warn

# Frames are scored at this longest side: small enough to be quick, large enough to see a pixel or two of motion blur.
_SCORE_SIZE = 640


def capture_video(source: Path, folder: Path, output: Output) -> Capture:
    """Write the key frames of `source`, and their masks, into `folder` and say what became of every frame."""
    spacing, max_size = output.spacing, output.max_size
    candidates = Candidates(folder / "candidates", capacity_fn=spacing.n_candidates, jpeg_quality=output.jpeg_quality)
    scores, sizes, brightest = score_frames(source, spacing, candidates=candidates, max_size=max_size)
    size_hw = _main_size(source, sizes)
    bars = black_bars(brightest[size_hw])
    if bars is not None:
        sides = ", ".join(f"{share:.0%} {side}" for side, share in bars._asdict().items() if share)
        say(f"capture: {source.name} has black bars round its picture ({sides}): they do not count")
    reasons = _choose(scores, [size == size_hw for size in sizes], spacing, candidates.finish())
    chosen = [i for i, reason in enumerate(reasons) if reason is None]
    for i in chosen:
        candidates.file(i).rename(folder / f"{_name(i)}.jpg")
    shutil.rmtree(folder / "candidates")
    files = masks_of_video(source, len(scores))
    frames = _records(scores, reasons)
    span_s = scores[-1].time_s - scores[0].time_s
    fps = (len(scores) - 1) / span_s if span_s > 0 else None
    return Capture(
        source=source,
        kind="video",
        size_hw=fit_within(size_hw, max_size),
        shared_camera=True,
        frames=tuple(
            write_masks(
                frames,
                folder,
                read_fn=partial(_given_mask, files, bars, fit_within(size_hw, max_size)) if files or bars else None,
                mask_fn=output.mask_fn,
            )
        ),
        fps=fps,
        duration_s=span_s + (1 / fps if fps else 0.0),
    )


def score_frames(
    source: Path, spacing: Spacing, *, candidates: Candidates, max_size: int | None
) -> tuple[list[FrameScore], list[tuple[int, int]], dict[tuple[int, int], NDArray[np.uint8]]]:
    """Scores of every frame of a video, from small grey pictures, and its size; offers each to `candidates` on the way.

    Beside them how bright each pixel of the small pictures ever was, by size of the frames.
    Where the picture changes its size, motion starts anew: nothing is known of what lies between.
    """
    info = read_video_info(source)
    meter, before, previous = MotionMeter(), Motion(0.0, 0.0), None
    scores: list[FrameScore] = []
    sizes: list[tuple[int, int]] = []
    brightest: dict[tuple[int, int], NDArray[np.uint8]] = {}
    steps = 0.0
    with progress_bar("choosing frames", info.n_frames) as bar:
        for frame in decode_frames(source):
            gray = np.asarray(cv2.cvtColor(frame.image_fn(_SCORE_SIZE), cv2.COLOR_RGB2GRAY), np.uint8)
            if sizes and frame.size_hw != sizes[-1]:
                meter, before, previous = MotionMeter(), scores[-1].motion, None
            sizes.append(frame.size_hw)
            brightest[frame.size_hw] = np.maximum(brightest.get(frame.size_hw, gray), gray)
            change = np.inf if previous is None else float(np.abs(gray.astype(np.int16) - previous).mean())
            motion, sharpness = before + meter.advance(gray), measure_sharpness(gray)
            steps += spacing.steps(motion - scores[-1].motion) if scores else 0.0
            scores.append(
                FrameScore(frame.source_index, frame.time_s, sharpness, exposure_of(gray), change, motion, steps)
            )
            candidates.offer(
                frame.source_index, progress=steps, sharpness=sharpness, image_fn=partial(frame.image_fn, max_size)
            )
            previous = gray
            bar.advance()
    return scores, sizes, brightest


def _main_size(source: Path, sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The size of most frames; a warning where others have another."""
    counts = Counter(sizes)
    (h, w), n_main = counts.most_common(1)[0]
    if len(counts) > 1:
        others = ", ".join(f"{n} of {ow}x{oh}" for (oh, ow), n in counts.most_common()[1:4])
        warn(
            f"{source}: the picture changes its size; the {n_main} of {len(sizes)} frames of {w}x{h} are read, left out: "
            f"{others}. Cut the film there to use those."
        )
    return h, w


def _choose(
    scores: Sequence[FrameScore], is_main: Sequence[bool], spacing: Spacing, candidates: frozenset[int]
) -> list[str | None]:
    """`choose_keyframes` among the frames of the main size, as if there were no others."""
    if all(is_main):
        return choose_keyframes(scores, spacing, candidates=candidates)
    places = [i for i, main in enumerate(is_main) if main]
    progress, own = 0.0, []
    for before, i in zip([places[0], *places], places, strict=False):
        progress += scores[i].progress - scores[before].progress if i - before == 1 else 0.0
        own.append(replace(scores[i], progress=progress))
    among = frozenset(k for k, i in enumerate(places) if i in candidates)
    chosen = dict(zip(places, choose_keyframes(own, spacing, candidates=among), strict=True))
    return [chosen.get(i, OTHER_SIZE) for i in range(len(scores))]


def _name(source_index: int) -> str:
    """Five digits hold 55 minutes at 30 frames per second; longer videos get names that still sort."""
    return f"frame_{source_index:05d}" if source_index < 100_000 else f"frame_z{source_index:09d}"


def _given_mask(
    files: Mapping[int, Path], bars: Bars | None, size_hw: tuple[int, int], frame: FrameRecord
) -> NDArray[np.bool_] | None:
    """The mask beside the film, less its black bars; `size_hw`: of the kept frames."""
    given = read_mask(files[frame.source_index]) if frame.source_index in files else None
    if bars is None:
        return given
    return bars.counts(size_hw) if given is None else given & bars.counts(given.shape[:2])


def _records(scores: Sequence[FrameScore], reasons: Sequence[str | None]) -> list[FrameRecord]:
    kept = [score for score, reason in zip(scores, reasons, strict=True) if reason is None]
    moved = {b.source_index: b.motion - a.motion for a, b in pairwise(kept)}
    result = []
    for score, reason, notes in zip(scores, reasons, note_frames(scores), strict=True):
        name, motion = _name(score.source_index), moved.get(score.source_index)
        result.append(
            FrameRecord(
                name=name,
                image=f"{name}.jpg" if reason is None else None,
                source_index=score.source_index,
                source_name=None,
                time_s=round(score.time_s, 6),
                sharpness=round(score.sharpness, 4),
                kept=reason is None,
                reason=reason,
                exposure=round(score.exposure, 4),
                notes=notes,
                parallax=None if motion is None else round(motion.parallax, 4),
                overlap=None if motion is None else round(motion.overlap, 3),
            )
        )
    return result
