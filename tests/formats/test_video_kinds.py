"""Films that are not what they seem: previews before the film, sizes that change, interlaced ones with and without the flag."""

import struct
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from recon.formats.interlaced import is_combed
from recon.formats.video import decode_frames, read_frames, read_video_info
from recon.workspace.console import take_warnings
from recon.workspace.errors import UserError

H, W = 96, 160


def film(n: int = 24, h: int = H, w: int = W) -> list[np.ndarray]:
    """A smooth texture that moves by five pixels per frame."""
    noise = np.random.default_rng(0).integers(0, 256, (h, w + 5 * n), dtype=np.uint8)
    texture = cv2.cvtColor(cv2.GaussianBlur(noise, (0, 0), 2.0), cv2.COLOR_GRAY2RGB)
    texture = cv2.normalize(texture, None, 20, 235, cv2.NORM_MINMAX)  # type: ignore[call-overload]
    return [np.ascontiguousarray(texture[:, 5 * i : 5 * i + w]) for i in range(n)]


def combed(frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    woven = []
    for first, second in pairwise(frames):
        both = first.copy()
        both[1::2] = second[1::2]
        woven.append(both)
    return woven


def write(path: Path, streams: Sequence[Sequence[np.ndarray]], options: dict[str, str] | None = None) -> Path:
    with av.open(str(path), "w") as container:
        made: list[Any] = []
        for frames in streams:
            stream: Any = container.add_stream("libx264", rate=15, options={"crf": "12", **(options or {})})
            stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
            made.append(stream)
        for images in zip(*streams, strict=True):
            for stream, image in zip(made, images, strict=True):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        for stream in made:
            container.mux(stream.encode())
    return path


@pytest.mark.parametrize("options", [{"x264-params": "interlaced=1:tff=1"}, {}])
def test_interlaced_films_are_deinterlaced_and_it_is_said(tmp_path: Path, options: dict[str, str]) -> None:
    frames = combed(film())
    assert all(is_combed(frame[..., 0]) for frame in frames)
    found = list(read_frames(write(tmp_path / "a.mp4", [frames], options)))
    assert len(found) == len(frames) and "interlaced" in take_warnings()[0]
    assert [frame.time_s for frame in found] == pytest.approx([i / 15 for i in range(len(frames))], abs=1e-3)
    assert not any(is_combed(frame.image[..., 0]) for frame in found[4:])
    errors = [np.abs(found[10].image.astype(int) - film()[i]).mean() for i in (10, 11)]  # of the one field or the other
    assert min(errors) < 0.5 * np.abs(frames[10].astype(int) - film()[10]).mean()


def test_time_stamps_never_run_back(tmp_path: Path) -> None:
    """Parts of a recording that were joined byte by byte."""
    with av.open(str(tmp_path / "part.mkv"), "w", container_options={"live": "1"}) as container:
        stream: Any = container.add_stream("ffv1", rate=10)
        stream.height, stream.width, stream.pix_fmt = H, W, "yuv420p"
        for image in film(12):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    (tmp_path / "joined.mkv").write_bytes(2 * (tmp_path / "part.mkv").read_bytes())
    times = [frame.time_s for frame in read_frames(tmp_path / "joined.mkv")]
    assert times == pytest.approx([i / 10 for i in range(24)], abs=2e-3)
    assert "time stamps run back after 1.10 s" in take_warnings()[0]


@pytest.mark.parametrize(("suffix", "codec"), [("mts", "libx264"), ("mpg", "mpeg2video"), ("3gp", "mpeg4")])
def test_films_of_camcorders_and_old_phones(tmp_path: Path, suffix: str, codec: str) -> None:
    with av.open(str(tmp_path / f"a.{suffix}"), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options={"b": "4M"})
        stream.height, stream.width, stream.pix_fmt = H, W, "yuv420p"
        for image in film():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    found = list(read_frames(tmp_path / f"a.{suffix}"))
    assert len(found) == 24 and take_warnings() == []
    assert [frame.time_s for frame in found] == pytest.approx([i / 25 for i in range(24)], abs=1e-3)
    assert np.abs(found[9].image.astype(int) - film()[9]).mean() < 12


def test_progressive_films_are_left_alone(tmp_path: Path) -> None:
    assert not any(map(is_combed, (frame[..., 0] for frame in film())))
    list(read_frames(write(tmp_path / "a.mp4", [film()])))
    assert take_warnings() == []


def test_the_largest_stream_is_read_and_the_others_named(tmp_path: Path) -> None:
    small = [frame[::2, ::2] for frame in film()]
    path = write(tmp_path / "a.mkv", [small, film()])
    assert read_video_info(path).size_hw == (H, W)
    assert next(read_frames(path)).image.shape == (H, W, 3)
    assert f"left out: {W // 2}x{H // 2}" in take_warnings()[0]


def resized(path: Path) -> Path:
    """A stream whose picture turns from landscape to portrait after 10 frames, muxed packet by packet."""
    repeat = {"crf": "12", "x264-params": "repeat-headers=1"}
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=15, options=repeat)
        stream.height, stream.width, stream.pix_fmt = H, W, "yuv420p"
        for image in film(10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
        other: Any = av.codec.CodecContext.create("libx264", "w")
        other.height, other.width, other.pix_fmt, other.options = W, H, "yuv420p", repeat
        other.time_base = stream.codec_context.time_base
        packets = []
        for i, image in enumerate(film(16, W, H)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = i, other.time_base
            packets += other.encode(frame)
        for packet in [*packets, *other.encode()]:
            packet.pts, packet.dts = packet.pts + 10, packet.dts + 10
            packet.stream, packet.time_base = stream, other.time_base
            container.mux(packet)
    return path


def test_a_changed_size_is_said_and_nothing_is_stretched(tmp_path: Path) -> None:
    path = resized(tmp_path / "a.mkv")
    frames = [(frame.size_hw, frame.image_fn(None).shape) for frame in decode_frames(path)]
    assert frames == [((H, W), (H, W, 3))] * 10 + [((W, H), (W, H, 3))] * 16
    with pytest.raises(UserError, match="changes from 160x96 to 96x160"):
        list(read_frames(path))


def test_films_that_are_shown_mirrored_are_told_once(tmp_path: Path) -> None:
    """As front cameras write: the display matrix flips left and right."""
    path = write(tmp_path / "selfie.mp4", [film()[:4]])
    data = bytearray(path.read_bytes())
    at = data.find(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", -65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    list(read_frames(path))
    assert not [told for told in take_warnings() if "mirror" in told]
    path.write_bytes(bytes(data))
    list(read_frames(path))
    (told,) = take_warnings()
    assert "its display matrix mirrors the picture" in told
