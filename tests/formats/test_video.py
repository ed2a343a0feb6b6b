"""Videos come in upright, with exact times, in their true colours, as far as they can be read."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from recon.formats import video, video_pixels
from recon.formats.high_dynamic_range import sdr_from_hdr
from recon.formats.video_writing import write_video
from recon.workspace.console import take_warnings
from recon.workspace.errors import UserError

H, W = 54, 98


def picture(index: int = 0, h: int = H, w: int = W) -> np.ndarray:
    """Four flat quarters, different under every turn and mirror; a bar that moves with `index`."""
    image = np.zeros((h, w, 3), np.uint8)
    image[: h // 2, : w // 2], image[: h // 2, w // 2 :] = (200, 30, 40), (20, 180, 60)
    image[h // 2 :, : w // 2], image[h // 2 :, w // 2 :] = (30, 60, 220), (120, 120, 120)
    image[h // 2 - 2 : h // 2 + 2, (5 * index) % w] = 255
    return image


def corners(image: np.ndarray) -> np.ndarray:
    """Colours well inside the four quarters. [4, 3]"""
    h, w = image.shape[:2]
    return np.array([image[y, x] for y in (h // 4, -h // 4) for x in (w // 4, -w // 4)]).astype(int)


def encode(
    path: Path,
    images: list[np.ndarray],
    *,
    codec: str = "libx264",
    pts: list[int] | None = None,
    setup: Callable[[Any], None] = lambda stream: None,
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> Path:
    with av.open(str(path), "w", options=options or {}) as container:
        stream: Any = container.add_stream(codec, rate=10)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pix_fmt
        if pts is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        setup(stream)
        for i, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if pts is not None:
                frame.pts, frame.time_base = pts[i], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def read_all(path: Path, **options: Any) -> list[video.Frame]:
    return list(video.read_frames(path, **options))


# ---- round trips ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("h", "w"), [(54, 98), (53, 97), (54, 97)])
def test_written_video_reads_back(tmp_path: Path, h: int, w: int) -> None:
    path = write_video(tmp_path / "a.mp4", (picture(i, h, w) for i in range(12)), fps=29.97, crf=12)
    frames = read_all(path)
    info = video.read_video_info(path)
    assert [frame.source_index for frame in frames] == list(range(12))
    assert info.size_hw == frames[0].image.shape[:2] == (h + h % 2, w + w % 2)
    assert info.fps == pytest.approx(29.97) and info.n_frames == 12
    assert np.allclose([frame.time_s for frame in frames], np.arange(12) / 29.97, atol=1e-6)
    assert np.abs(corners(frames[3].image) - corners(picture())).max() <= 4  # colours survive, so matrices agree


def test_written_video_plays_in_browsers(tmp_path: Path) -> None:
    """H.264 in yuv420p with its index in front, tagged BT.709."""
    path = write_video(tmp_path / "a.mp4", [picture(i) for i in range(3)], fps=15)
    data = path.read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt, context.colorspace, context.color_range) == ("h264", "yuv420p", 1, 1)


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    """Whatever lay in memory before: killed runs and whole ones are compared by their bytes."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (12, 15, 20, 3), dtype=np.uint8)
    frames = [
        np.repeat(np.repeat(np.roll(small[0], i, 1) // 2 + image // 8, 8, 0), 8, 1) for i, image in enumerate(small)
    ]
    found = set()
    for _ in range(16):
        junk = [rng.integers(0, 256, int(n), dtype=np.uint8) for n in rng.integers(1000, 400_000, 150)]
        del junk
        found.add(write_video(tmp_path / "a.mp4", frames, fps=8).read_bytes())
    assert len(found) == 1


def test_failed_write_leaves_nothing(tmp_path: Path) -> None:
    def frames() -> Any:
        yield picture()
        raise RuntimeError("renderer failed")

    with pytest.raises(RuntimeError, match="renderer failed"):
        write_video(tmp_path / "a.mp4", frames(), fps=10)
    with pytest.raises(ValueError, match="at least one frame"):
        write_video(tmp_path / "a.mp4", [], fps=10)
    with pytest.raises(ValueError, match="frames must be"):
        write_video(tmp_path / "a.mp4", [picture(), picture()[:-2]], fps=10)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mkv", "libx264"), ("a.webm", "libvpx-vp9"), ("a.avi", "mpeg4"), ("a.mov", "libx264")]
)
def test_containers(tmp_path: Path, name: str, codec: str) -> None:
    path = encode(tmp_path / name, [picture(i) for i in range(7)], codec=codec)
    frames = read_all(path)
    assert len(frames) == 7 and frames[0].image.shape == (H, W, 3)
    assert np.allclose([frame.time_s for frame in frames], np.arange(7) / 10, atol=1e-3)
    assert np.abs(corners(frames[0].image) - corners(picture())).max() <= 12


def test_max_size_shrinks_the_longest_side(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [picture()], fps=10)
    assert read_all(path, max_size=49)[0].image.shape == (27, 49, 3)
    assert read_all(path, max_size=500)[0].image.shape == (H, W, 3)


def test_uneven_times_are_exact(tmp_path: Path) -> None:
    times_ms = [0, 33, 100, 101, 250, 700]
    path = encode(tmp_path / "a.mkv", [picture(i) for i in range(6)], pts=times_ms)
    assert np.allclose([frame.time_s for frame in read_all(path)], np.array(times_ms) / 1000, atol=1e-9)


# ---- turned, mirrored, deep, wide ----------------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_is_applied(tmp_path: Path, degrees: int) -> None:
    """FFmpeg's angle turns the stored picture to the left."""
    path = encode(tmp_path / "a.mp4", [picture()], setup=lambda s: s.set_display_rotation(degrees))
    image = read_all(path)[0].image
    expected = np.rot90(picture(), degrees // 90)
    assert image.shape == expected.shape and video.read_video_info(path).size_hw == expected.shape[:2]
    assert np.abs(corners(image) - corners(expected)).max() <= 8


@pytest.mark.parametrize(
    ("matrix", "seen"),
    [
        ((-1, 0, 0, 1), lambda a: a[:, ::-1]),  # mirrored left-right, as front cameras do
        ((1, 0, 0, -1), lambda a: a[::-1]),
        ((0, 1, 1, 0), lambda a: a.swapaxes(0, 1)),
        ((0, 1, -1, 0), lambda a: np.rot90(a, -1)),  # a phone held upright
    ],
)
def test_display_matrix(matrix: tuple[int, int, int, int], seen: Callable[[np.ndarray], np.ndarray]) -> None:
    """(x, y) stored is shown at (a x + c y, b x + d y)."""
    a, b, c, d = (value << 16 for value in matrix)
    side_data = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], np.int32).tobytes()

    upright = video_pixels._upright_from_stored(SimpleNamespace(side_data={"DISPLAYMATRIX": side_data}))
    assert np.array_equal(upright(picture()), seen(picture()))


@pytest.mark.parametrize(("degrees", "told"), [(45, "by 45 degrees"), (100, "by 10 degrees to the left"), (-90, None)])
def test_turns_that_are_no_quarter_turns_are_told(tmp_path: Path, degrees: int, told: str | None) -> None:
    path = encode(tmp_path / "a.mp4", [picture()] * 2, setup=lambda s: s.set_display_rotation(degrees))
    take_warnings()
    read_all(path)
    warnings = take_warnings()
    assert len(warnings) == (told is not None) and (told is None or told in warnings[0])


def test_non_square_pixels_are_stretched(tmp_path: Path) -> None:
    def anamorphic(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    path = encode(tmp_path / "a.mp4", [picture(0, 54, 72)], setup=anamorphic)
    assert read_all(path)[0].image.shape == (54, 96, 3) and video.read_video_info(path).size_hw == (54, 96)


@pytest.mark.parametrize("matrix", [Colorspace.ITU709, Colorspace.ITU601])
def test_the_files_own_colour_matrix_is_used(tmp_path: Path, matrix: Colorspace) -> None:
    path = tmp_path / "a.mkv"
    tag = {Colorspace.ITU709: 1, Colorspace.ITU601: 6}[matrix]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=10, options={"crf": "5"})
        stream.height, stream.width, stream.pix_fmt = H, W, "yuv444p"
        stream.codec_context.colorspace, stream.codec_context.color_range = tag, 1
        frame = av.VideoFrame.from_ndarray(picture(), format="rgb24").reformat(
            format="yuv444p",
            src_colorspace=matrix,
            dst_colorspace=matrix,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert np.abs(corners(read_all(path)[0].image) - corners(picture())).max() <= 3


def test_ten_bits_read_as_eight(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mkv", [picture()], codec="libx264", pix_fmt="yuv420p10le")
    image = read_all(path)[0].image
    assert image.dtype == np.uint8 and np.abs(corners(image) - corners(picture())).max() <= 8


@pytest.mark.parametrize(("transfer", "white"), [("pq", 0.5807), ("hlg", 0.75)])
def test_hdr_keeps_greys_grey_and_order(transfer: Any, white: float) -> None:
    signal = np.linspace(0, 65535, 256).astype(np.uint16)
    shown = sdr_from_hdr(np.repeat(signal[None, :, None], 3, axis=2), transfer=transfer)[0]
    assert np.ptp(shown.astype(int), axis=1).max() <= 1  # BT.2020 white is BT.709 white
    assert (np.diff(shown[:, 0].astype(int)) >= 0).all()
    assert shown[0, 0] == 0 and shown[-1, 0] >= 250
    # Diffuse white, 1 in linear light, is squeezed to 0.7 + 0.3 (1 - 1/e) = 0.89: sRGB code 242.
    assert np.interp(white, np.linspace(0, 1, 256), shown[:, 0]) == pytest.approx(242, abs=1)


def test_hdr_video_is_tone_mapped(tmp_path: Path) -> None:
    def hlg(stream: Any) -> None:
        stream.codec_context.color_trc, stream.codec_context.color_primaries = 18, 9
        stream.codec_context.colorspace, stream.codec_context.color_range = 9, 1

    gray = np.full((H, W, 3), 191, np.uint8)  # three quarters of the signal: diffuse white in HLG
    path = encode(tmp_path / "a.mkv", [gray], pix_fmt="yuv420p10le", setup=hlg)
    image = read_all(path)[0].image
    assert image.dtype == np.uint8 and 236 < image.mean() < 248 and np.ptp(image.mean((0, 1))) < 4


# sRGB colours whose linear light stays below the knee of the tone curve. [5, 3]
COLORS = np.array([[180, 60, 50], [60, 170, 80], [50, 80, 190], [128, 128, 128], [200, 190, 40]])


def hdr_signal(srgb: np.ndarray, transfer: str) -> np.ndarray:
    """BT.2020 signal in [0, 1] of colours [n, 3] (sRGB codes) whose white is diffuse white: the reader, backwards."""
    encoded = srgb / 255.0
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    bt2020_from_bt709 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
    linear = linear @ bt2020_from_bt709.T
    if transfer == "pq":  # SMPTE ST 2084, diffuse white at 203 nits
        root = (203.0 * linear / 10000.0) ** 0.1593017578125
        return ((0.8359375 + 18.8515625 * root) / (1 + 18.6875 * root)) ** 78.84375
    scene = linear * (np.exp((0.75 - 0.55991073) / 0.17883277) + 0.28466892) / 12  # ARIB STD-B67
    return np.where(
        scene <= 1 / 12,
        np.sqrt(3 * scene),
        0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073,
    )


def encode_hdr(path: Path, transfer: str, *, degrees: int = 0) -> Path:
    """Five upright bands of `COLORS` from left to right, ten bits, BT.2020."""
    bands = (hdr_signal(COLORS, transfer) * 65535).round().astype(np.uint16)
    image = np.ascontiguousarray(np.broadcast_to(bands.repeat(20, axis=0), (54, 100, 3)))
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=10, options={"crf": "4"})
        stream.height, stream.width, stream.pix_fmt = 54, 100, "yuv444p10le"
        context = stream.codec_context
        context.color_trc, context.color_primaries = {"pq": 16, "hlg": 18}[transfer], 9
        context.colorspace, context.color_range = 9, 1
        stream.set_display_rotation(degrees)
        frame = av.VideoFrame.from_ndarray(image, format="rgb48le").reformat(
            format="yuv444p10le",
            src_colorspace=Colorspace.BT2020,
            dst_colorspace=Colorspace.BT2020,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_colours_of_hdr_video_come_out_as_they_were(tmp_path: Path, transfer: str) -> None:
    image = read_all(encode_hdr(tmp_path / "a.mp4", transfer))[0].image
    assert np.abs(image[27, 10::20].astype(int) - COLORS).max() <= 6


def test_hdr_video_held_upright(tmp_path: Path) -> None:
    image = read_all(encode_hdr(tmp_path / "a.mp4", "hlg", degrees=90))[0].image
    assert image.shape == (100, 54, 3)
    assert np.abs(image[90::-20, 27].astype(int) - COLORS).max() <= 6


def test_one_decoded_frame_gives_several_sizes(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", [picture(i) for i in range(3)], setup=lambda s: s.set_display_rotation(90))
    for frame in video.decode_frames(path):
        small, large = frame.image_fn(49), frame.image_fn(None)
        assert (small.shape, large.shape) == ((49, 27, 3), (W, H, 3))
        assert np.abs(corners(small) - corners(large)).max() <= 8


# ---- bad input -----------------------------------------------------------------------------------------------------


def cut(path: Path, fraction: float) -> Path:
    data = path.read_bytes()
    shorter = path.with_name(f"cut_{path.name}")
    shorter.write_bytes(data[: int(fraction * len(data))])
    return shorter


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm", "a.avi"])
def test_truncated_video_yields_the_frames_it_has(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(1)
    noise = [rng.integers(0, 255, (H, W, 3), dtype=np.uint8) for _ in range(30)]
    codec = {"a.webm": "libvpx-vp9", "a.avi": "mpeg4"}.get(name, "libx264")
    path = encode(tmp_path / name, noise, codec=codec, options={"movflags": "+faststart"} if name == "a.mp4" else None)
    told: list[str] = []
    frames = read_all(cut(path, 0.6), on_damage=told.append)
    assert 3 < len(frames) < 27
    assert len(told) == 1 and f"using the {len(frames)} frames" in told[0]
    assert read_all(path, on_damage=told.append) and len(told) == 1  # the whole file is not complained about


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_damage_in_the_middle_costs_only_the_frames_there(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(1)
    noise = [rng.integers(0, 255, (H, W, 3), dtype=np.uint8) for _ in range(40)]
    path = encode(tmp_path / name, noise, setup=lambda s: setattr(s.codec_context, "gop_size", 5))
    whole = read_all(path)
    data = bytearray(path.read_bytes())
    start = int(0.5 * len(data))
    data[start : start + len(data) // 12] = bytes(len(data) // 12)
    path.write_bytes(data)
    told: list[str] = []
    frames = read_all(path, on_damage=told.append)
    assert 24 <= len(frames) < 40 and len(told) == 1 and "damaged" in told[0]
    by_time = {round(frame.time_s, 3): frame.image for frame in whole}
    intact = [np.array_equal(by_time[round(frame.time_s, 3)], frame.image) for frame in frames]
    assert all(intact[:15]) and all(intact[-10:])


def test_recording_without_index_says_so(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", [picture(i) for i in range(30)])  # no faststart: the index comes last
    with pytest.raises(UserError, match="cut off before its index"):
        read_all(cut(path, 0.5))


def test_not_a_video(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("This is a letter, not a video.\n" * 40)
    (tmp_path / "empty.mp4").touch()
    secret = write_video(tmp_path / "secret.mp4", [picture()], fps=10)
    (tmp_path / "list.mp4").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n")
    (tmp_path / "concat.mp4").write_text(f"ffconcat version 1.0\nfile {secret.name}\n")
    expected = {
        "text.mp4": "not a video",
        "empty.mp4": "empty",
        "none.mp4": "no such video",
        "list.mp4": "not a video",  # a playlist must not make us open other files
        "concat.mp4": "not a video",
    }
    for name, message in expected.items():
        for read in (read_all, video.read_video_info):
            with pytest.raises(UserError, match=message) as error:
                read(tmp_path / name)
            assert name in str(error.value) and "\n" not in str(error.value)


def test_sound_only(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("aac", rate=44100)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 44100
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(UserError, match="no video stream"):
        read_all(path)


def test_colon_in_a_name_is_no_protocol(tmp_path: Path) -> None:
    path = write_video(tmp_path / "take: 2.mp4", [picture()], fps=10)
    assert len(read_all(path)) == 1
