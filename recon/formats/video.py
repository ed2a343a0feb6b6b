"""Videos on disk <-> uint8 frames (PyAV): mp4, mov, mkv, webm, avi in; H.264 mp4 out.

Frames come out upright (the display matrix that phones write is applied), with square pixels, as sRGB-like RGB whatever
the depth and colour space of the file, with the exact time stamps of the container. One pass, one frame in memory.

PyAV itself, as imageio's plugin for it passes on no display matrix, no damage, and when writing neither quality nor colour tags.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.error import FFmpegError
from av.stream import Disposition
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from recon.console import warn
from recon.errors import UserError
from recon.formats.high_dynamic_range import Transfer, sdr_from_hdr
from recon.formats.image_files import MAX_PIXELS
from recon.formats.images import fit_within
from recon.formats.interlaced import Deinterlacer
from recon.workspace import replace_file
from recon.workspace.reading import is_file

VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi")
# Allow lists: FFmpeg probes by content, and a playlist named .mp4 could otherwise make it open other files or sites.
_READ_OPTIONS = {"format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi", "protocol_whitelist": "file"}
_GAP_FRAMES = 4  # a camera that drops a frame or two has not lost the file
_CODEC_OPTIONS = {"max_pixels": str(MAX_PIXELS)}


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
    with _opened(path) as (container, stream):
        rate = stream.average_rate or stream.guessed_rate
        fps = float(rate) if rate else None
        duration_s = container.duration / av.time_base if container.duration else None
        estimate = round(duration_s * fps) if duration_s and fps else None
        for frame in _decode(container, stream, problems=[]):
            return VideoInfo(fps, _upright_hw(frame, stream), duration_s, stream.frames or estimate, _projection(frame))
    raise _no_frames(path)


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
    index, time_s, first_pts = 0, 0.0, None
    times_s: list[float] = []
    with _opened(path) as (container, stream):
        _tell_other_streams(path, container, stream)
        rate = stream.average_rate or stream.guessed_rate or 30
        duration_s = container.duration / av.time_base if container.duration else None
        convert, deinterlaced = _Converter(stream), Deinterlacer()
        for frame in deinterlaced(_decode(container, stream, problems=problems)):
            if frame.pts is None or frame.time_base is None:
                time_s = index / float(rate)
            else:
                first_pts = frame.pts if first_pts is None else first_pts
                time_s = float((frame.pts - first_pts) * frame.time_base)
            times_s.append(time_s)
            yield DecodedFrame(index, time_s, _upright_hw(frame, stream), partial(convert, frame))
            index += 1
    if deinterlaced.used:
        warn(
            f"{path}: the film is interlaced and was deinterlaced: half of its rows are interpolated where things move"
        )
    if index == 0:
        raise _no_frames(path)
    ended = time_s + 1.0 / float(rate)
    # A container's duration counts sound too, which may run on a little.
    if duration_s is not None and ended < 0.95 * duration_s - 0.25:
        problems.append(f"it ends after {ended:.1f} of {duration_s:.1f} s")
    if not problems and (gap := _gap(times_s)) is not None:
        problems.append(f"nothing between {gap[0]:.2f} and {gap[1]:.2f} s")
    if problems:
        on_damage(f"{path}: the video is damaged or cut off ({problems[0]}); using the {index} frames that decode")


def write_video(path: Path, frames: Iterable[NDArray[np.uint8]], *, fps: float, crf: int = 18) -> Path:
    """Write uint8 [h, w, 3] frames as an H.264 mp4 that browsers play; atomic.

    `crf`: 0 lossless to 51 worst, 18 looks the same to the eye. An odd height or width grows by one repeated row or
    column, as H.264 with half-resolution chroma needs even sizes.
    """
    iterator = iter(frames)
    first = next(iterator, None)
    if first is None:
        raise ValueError(f"{path.name}: a video needs at least one frame")
    h, w = first.shape[:2]
    with (
        replace_file(path) as temporary,
        av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"}) as container,
    ):
        rate = Fraction(fps).limit_denominator(1001)
        stream: Any = container.add_stream("libx264", rate=rate, options={"crf": str(crf), "preset": "medium"})
        stream.width, stream.height, stream.pix_fmt = w + w % 2, h + h % 2, "yuv420p"
        stream.codec_context.gop_size = max(1, round(2 * fps))  # seeking in a viewer lands within two seconds
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 1, 1, 1, 1  # BT.709
        for image in chain([first], iterator):
            if image.shape != (h, w, 3) or image.dtype != np.uint8:
                raise ValueError(f"{path.name}: frames must be uint8 {(h, w, 3)}, got {image.dtype} {image.shape}")
            container.mux(stream.encode(_encodable(image)))
        container.mux(stream.encode())
    return path


# ---- opening and decoding ------------------------------------------------------------------------------------------


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
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


def _tell_other_streams(path: Path, container: Any, chosen: Any) -> None:
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


def _no_frames(path: Path) -> UserError:
    return UserError(f"{path}: no frame of it can be decoded (0 frames). Copy it again from the camera or convert it.")


def _decode(container: Any, stream: Any, *, problems: list[str]) -> Iterator[Any]:
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


def _gap(times_s: Sequence[float]) -> tuple[float, float] | None:
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


# ---- from stored frames to upright RGB -----------------------------------------------------------------------------


class _Upright(NamedTuple):
    """How the stored picture turns into the upright one: mirrored left-right first, then quarter turns to the left."""

    is_mirrored: bool
    quarter_turns: int

    @property
    def swaps_axes(self) -> bool:
        return self.quarter_turns % 2 == 1

    def __call__(self, image: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(np.rot90(image[:, ::-1] if self.is_mirrored else image, self.quarter_turns))


def _upright_from_stored(frame: Any) -> _Upright:
    """From the display matrix beside the frame: (x, y) stored -> (a x + c y, b x + d y) shown, y down."""
    side_data = frame.side_data.get("DISPLAYMATRIX")
    if side_data is None:
        return _Upright(False, 0)
    a, b, _, c, d = np.frombuffer(bytes(side_data), dtype=np.int32)[:5].astype(np.float64)
    is_mirrored = a * d - b * c < 0
    if is_mirrored:
        a, b = -a, -b
    # The shown x axis points along (a, b); a turn to the left by 90 degrees shows it as (0, -1).
    return _Upright(bool(is_mirrored), round(float(np.arctan2(-b, a)) / (np.pi / 2)) % 4)


# AVSphericalProjection, the first number of AVSphericalMapping.
_PROJECTIONS = {0: "equirectangular", 1: "cubemap", 2: "cropped equirectangular", 3: "half equirectangular"}


def _projection(frame: Any) -> str | None:
    """What the boxes of spherical videos (Google's versions 1 and 2, Matroska's) say of the picture."""
    side_data = frame.side_data.get("SPHERICAL")
    if side_data is None:
        return None
    number = int(np.frombuffer(bytes(side_data), dtype=np.int32)[0])
    return _PROJECTIONS.get(number, f"number {number}")


def _upright_hw(frame: Any, stream: Any) -> tuple[int, int]:
    h, w = _square_pixels_hw(frame, stream)
    return (w, h) if _upright_from_stored(frame).swaps_axes else (h, w)


def _square_pixels_hw(frame: Any, stream: Any) -> tuple[int, int]:
    """Stored size with the width stretched where pixels are not square (old camcorders, some avi)."""
    ratio = stream.sample_aspect_ratio
    return frame.height, round(frame.width * float(ratio)) if ratio and 0.2 < ratio < 5 else frame.width


# AVColorSpace -> the matrix swscale should use; absent or unspecified follows the habit: 601 below 720 lines, else 709.
_MATRIX = {1: Colorspace.ITU709, 4: Colorspace.FCC, 5: Colorspace.ITU601, 6: Colorspace.ITU601, 9: Colorspace.BT2020}
_TRANSFER: dict[int, Transfer] = {16: "pq", 18: "hlg"}  # AVColorTransferCharacteristic
_INTERPOLATION = Interpolation.AREA.value | Interpolation.FULL_CHR_H_INT.value | Interpolation.ACCURATE_RND.value


class _Converter:
    """Turns decoded frames into upright RGB, none of them stretched."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._stored: dict[tuple[int | None, int, int], tuple[tuple[int, int], VideoReformatter]] = {}

    def __call__(self, frame: Any, max_size: int | None) -> NDArray[np.uint8]:
        kind = max_size, frame.height, frame.width
        if kind not in self._stored:
            size_hw = fit_within(_square_pixels_hw(frame, self._stream), max_size)
            self._stored[kind] = size_hw, VideoReformatter()  # keeps its scaling tables from frame to frame
        (h, w), reformatter = self._stored[kind]
        transfer = _TRANSFER.get(int(frame.color_trc or 0))
        matrix = _MATRIX.get(int(frame.colorspace), Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601)
        rgb: Any = reformatter.reformat(
            frame,
            width=w,
            height=h,
            format="rgb48le" if transfer else "rgb24",
            src_colorspace=matrix,
            dst_colorspace=matrix,
            dst_color_range=ColorRange.JPEG,
            interpolation=_INTERPOLATION,
        ).to_ndarray()
        image = sdr_from_hdr(rgb, transfer=transfer) if transfer else rgb
        return _upright_from_stored(frame)(image)


def _encodable(image: NDArray[np.uint8]) -> Any:
    """A yuv420p BT.709 frame of even size."""
    h, w = image.shape[:2]
    even = np.pad(image, ((0, h % 2), (0, w % 2), (0, 0)), mode="edge")
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
    return frame.reformat(
        format="yuv420p",
        src_colorspace=Colorspace.ITU709,
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        interpolation=_INTERPOLATION,
    )
