"""The picture stream of a video file: opened with care, decoded frame by frame, with what is damaged left out and told (PyAV)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from av.stream import Disposition

from recon.formats.image_files import MAX_PIXELS
from recon.workspace.console import warn
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file

VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mts", ".m2ts", ".mpg", ".mpeg", ".3gp")
# Allow lists: FFmpeg probes by content, and a playlist named .mp4 could otherwise make it open other files or sites.
_READ_OPTIONS = {
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg",
    "protocol_whitelist": "file",
}
_GAP_FRAMES = 4  # a camera that drops a frame or two has not lost the file
_CODEC_OPTIONS = {"max_pixels": str(MAX_PIXELS)}


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """(container, video stream), with errors that say what is wrong with the file."""
    if not is_file(path):
        raise UserError(f"{path}: there is no such video file. Check the path.")
    try:
        # The prefix keeps FFmpeg from reading a colon in the name as a protocol.
        container = av.open(f"file:{path}", options=_READ_OPTIONS, metadata_errors="replace")
    except FFmpegError as error:
        raise UserError(_why_unreadable(path, error)) from error
    with container:
        streams = [s for s in container.streams.video if not _is_cover_picture(s)]
        if not streams:
            raise UserError(
                f"{path}: holds no video stream (only sound or other data). Give the file with the picture."
            )
        stream = max(streams, key=_n_pixels)  # previews come first in some files
        if stream.codec_context is None:
            raise UserError(f"{path}: its video codec is unknown here. Convert it: ffmpeg -i {path.name} out.mp4")
        w, h = stream.codec_context.width, stream.codec_context.height
        if w * h > MAX_PIXELS:
            raise UserError(
                f"{path}: claims {w}x{h} pixels; at most {MAX_PIXELS // 10**6} million are read. Downscale it."
            )
        stream.codec_context.options = _CODEC_OPTIONS
        stream.thread_type = "AUTO"
        yield container, stream


def _n_pixels(stream: Any) -> int:
    """Pixels of a stream's picture; of equals the first wins, as FFmpeg would have it."""
    context = stream.codec_context
    return 0 if context is None else int(context.width) * int(context.height)


def tell_other_streams(path: Path, container: Any, chosen: Any) -> None:
    """Say which streams are left out, where there are several."""
    others = [s for s in container.streams.video if s is not chosen and not _is_cover_picture(s)]
    sizes = [f"{s.codec_context.width}x{s.codec_context.height}" for s in others if s.codec_context is not None]
    if sizes:
        context = chosen.codec_context
        warn(
            f"{path}: holds {len(sizes) + 1} streams; the largest, {context.width}x{context.height}, is read, left out: "
            f"{', '.join(sizes)}"
        )


def _why_unreadable(path: Path, error: FFmpegError) -> str:
    if path.stat().st_size == 0:
        return f"{path}: the file is empty. Copy it again from the camera."
    if isinstance(error, PermissionError):
        return f"{path}: no permission to read it. Change its permissions (chmod +r)."
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp":  # an mp4 or mov whose index, written last, is missing: no reader can find its frames
        return (
            f"{path}: the recording was cut off before its index (the 'moov' box) was written, so its frames cannot be "
            "found. Copy it again from the camera, or repair it with `untrunc` and a whole video of the same camera."
        )
    return (
        f"{path}: not a video that can be read ({error.strerror}; expected {', '.join(VIDEO_SUFFIXES)}). "
        f"Check the file, or convert it: ffmpeg -i {path.name} out.mp4"
    )


def _is_cover_picture(stream: Any) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def no_frames(path: Path) -> UserError:
    """The error to raise where no frame of a video can be decoded."""
    return UserError(f"{path}: no frame of it can be decoded (0 frames). Copy it again from the camera or convert it.")


def decode(container: Any, stream: Any, *, problems: list[str]) -> Iterator[Any]:
    """Frames in display order; what is damaged is left out and noted in `problems`."""
    packets = container.demux(stream)
    n_packets = n_frames = 0
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError as error:
            problems.append(f"{error.strerror}")
            return
        if packet is None:
            break
        n_packets += packet.size > 0 and not packet.is_discard
        try:
            if packet.is_corrupt:
                problems.append("a packet is incomplete")
                continue
            decoded = packet.decode()
        except FFmpegError as error:
            problems.append(f"{error.strerror}")
            continue
        for frame in decoded:
            if not frame.is_corrupt:
                n_frames += 1
                yield frame
    # A decoder drops what refers to damaged pictures without a word. A few packets hold no picture of their own.
    if n_frames < 0.97 * n_packets - 2:
        problems.append(f"{n_packets - n_frames} of {n_packets} frames do not decode")


def gap(times_s: Sequence[float]) -> tuple[float, float] | None:
    """Where an otherwise steady video lacks frames, which some readers skip without a word; None: nowhere.

    Phones film at a varying rate: of them nothing can be said.
    """
    steps = np.diff(times_s)
    if len(steps) < 2:
        return None
    usual = float(np.median(steps))
    is_steady = float(np.mean(np.abs(steps - usual) < 0.2 * usual)) > 0.9
    longest = int(np.argmax(steps))
    return (times_s[longest], times_s[longest + 1]) if is_steady and steps[longest] > _GAP_FRAMES * usual else None
