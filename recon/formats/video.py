"""Videos on disk -> uint8 frames (PyAV): mp4, mov, mkv, webm, avi. `video_writing` is the way back.

Frames come out upright (the display matrix that phones write is applied), with square pixels, as sRGB-like RGB whatever
the depth and colour space of the file, with the exact time stamps of the container. One pass, one frame in memory.

video_stream    opening and decoding        video_pixels    stored frames <-> upright RGB

PyAV itself, as imageio's plugin for it passes on no display matrix, no damage, and when writing neither quality nor colour tags.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from recon.formats.interlaced import Deinterlacer
from recon.formats.video_pixels import (
    Converter,
    degrees_off_quarter_turns,
    is_shown_mirrored,
    projection_of,
    upright_hw,
)
from recon.formats.video_stream import decode, gap, no_frames, opened, tell_other_streams
from recon.workspace.console import warn
from recon.workspace.errors import UserError

_STRAIGHT_DEG = 1.0  # off a quarter turn, that nobody sees


@dataclass(frozen=True)
class VideoInfo:
    """What a video says of itself."""

    fps: float | None  # the average; frames of phones come at uneven times
    size_hw: tuple[int, int]  # upright, square pixels
    duration_s: float | None  # None: the file does not say
    n_frames: int | None  # an estimate
    projection: str | None = None  # of spherical videos: "equirectangular", "cubemap", ...; None: not a spherical one


class Frame(NamedTuple):
    """One decoded frame."""

    source_index: int  # counts the frames that decode, from 0
    time_s: float  # since the first frame
    image: NDArray[np.uint8]  # [h, w, 3]


class DecodedFrame(NamedTuple):
    """One decoded frame that is not converted yet."""

    source_index: int
    time_s: float
    size_hw: tuple[int, int]  # upright, square pixels; calls and streams may change it on the way
    image_fn: Callable[
        [int | None], NDArray[np.uint8]
    ]  # the image [h, w, 3], its longest side at most the number given


def read_video_info(path: Path) -> VideoInfo:
    """Read the header and decode the first frame. `UserError` if there is none to decode."""
    with opened(path) as (container, stream):
        rate = stream.average_rate or stream.guessed_rate
        fps = float(rate) if rate else None
        duration_s = container.duration / av.time_base if container.duration else None
        estimate = round(duration_s * fps) if duration_s and fps else None
        for frame in decode(container, stream, problems=[]):
            return VideoInfo(
                fps, upright_hw(frame, stream), duration_s, stream.frames or estimate, projection_of(frame)
            )
    raise no_frames(path)


def read_frames(
    path: Path, *, max_size: int | None = None, on_damage: Callable[[str], None] = warn
) -> Generator[Frame]:
    """Decode every frame in order; the longest side is at most `max_size`.

    A damaged or cut-off file yields the frames it has, and `on_damage` is told once at the end. `UserError` where the picture
    changes its size on the way.
    """
    size_hw = None
    for frame in decode_frames(path, on_damage=on_damage):
        size_hw = frame.size_hw if size_hw is None else size_hw
        if frame.size_hw != size_hw:
            (h, w), (new_h, new_w) = size_hw, frame.size_hw
            raise UserError(
                f"{path}: the picture changes from {w}x{h} to {new_w}x{new_h} after {frame.time_s:.1f} s; expected one size. "
                "Cut the film there: ffmpeg -ss / -t"
            )
        yield Frame(frame.source_index, frame.time_s, frame.image_fn(max_size))


def decode_frames(path: Path, *, on_damage: Callable[[str], None] = warn) -> Generator[DecodedFrame]:
    """As `read_frames`, for a caller that looks at a small picture first and wants the large one of a few frames.

    Decoding a 4K frame costs less than converting it, so images are made when asked for, while the frame is current.
    """
    problems: list[str] = []
    index, time_s, shift_s, first_pts = 0, 0.0, 0.0, None
    times_s: list[float] = []
    with opened(path) as (container, stream):
        tell_other_streams(path, container, stream)
        rate = stream.average_rate or stream.guessed_rate or 30
        duration_s = container.duration / av.time_base if container.duration else None
        convert, deinterlaced = Converter(stream), Deinterlacer()
        for frame in deinterlaced(decode(container, stream, problems=problems)):
            if frame.pts is None or frame.time_base is None:
                time_s = index / float(rate)
            else:
                first_pts = frame.pts if first_pts is None else first_pts
                time_s = shift_s + float((frame.pts - first_pts) * frame.time_base)
            if times_s and time_s < times_s[-1]:  # joined films, and damaged time stamps
                problems.append(f"its time stamps run back after {times_s[-1]:.2f} s")
                following_s = times_s[-1] + 1.0 / float(rate)
                shift_s, time_s = shift_s + following_s - time_s, following_s
            times_s.append(time_s)
            if index == 0:
                _tell_display(path, frame)
            yield DecodedFrame(index, time_s, upright_hw(frame, stream), partial(convert, frame))
            index += 1
    if deinterlaced.used:
        warn(
            f"{path}: the film is interlaced and was deinterlaced: half of its rows are interpolated where things move"
        )
    if index == 0:
        raise no_frames(path)
    ended = time_s + 1.0 / float(rate)
    # A container's duration counts sound too, which may run on a little.
    if duration_s is not None and ended < 0.95 * duration_s - 0.25:
        problems.append(f"it ends after {ended:.1f} of {duration_s:.1f} s")
    if not problems and (missing := gap(times_s)) is not None:
        problems.append(f"nothing between {missing[0]:.2f} and {missing[1]:.2f} s")
    if problems:
        on_damage(f"{path}: the video is damaged or cut off ({problems[0]}); using the {index} frames that decode")


def _tell_display(path: Path, frame: av.VideoFrame) -> None:
    """Warn of what the display matrix asks for beside quarter turns."""
    if is_shown_mirrored(frame):
        warn(
            f"{path}: its display matrix mirrors the picture, as front cameras do, and it is read as shown: where writing "
            "then reads backwards, the world is mirrored too. Film with the main camera, or take the mark off"
        )
    off = degrees_off_quarter_turns(frame)
    if abs(off) > _STRAIGHT_DEG:
        warn(
            f"{path}: its display matrix turns the picture by {abs(off):.0f} degrees to the {'left' if off > 0 else 'right'} "
            "beside quarter turns, and only these are made. The world is put upright by what pictures show; look whether it is"
        )
