"""From stored frames to upright RGB and back: display matrix, square pixels, colour matrix and range, high dynamic range (PyAV)."""

from typing import Any, NamedTuple

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from recon.formats.high_dynamic_range import Transfer, sdr_from_hdr
from recon.formats.images import fit_within


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
    return _Upright(_is_mirrored(_display_matrix(frame)), round(_degrees_to_left(frame) / 90.0) % 4)


def _display_matrix(frame: Any) -> NDArray[np.float64]:
    """[[a, c], [b, d]]; the identity where a frame has none."""
    side_data = frame.side_data.get("DISPLAYMATRIX")
    if side_data is None:
        return np.eye(2)
    a, b, _, c, d = np.frombuffer(bytes(side_data), dtype=np.int32)[:5].astype(np.float64)
    return np.array([[a, c], [b, d]])


def _is_mirrored(matrix: NDArray[np.float64]) -> bool:
    (a, c), (b, d) = matrix
    return bool(a * d - b * c < 0)


def _degrees_to_left(frame: Any) -> float:
    """The shown x axis points along (a, b), once it is not mirrored; a turn to the left by 90 degrees shows it as (0, -1)."""
    matrix = _display_matrix(frame)
    a, b = matrix[:, 0] * (-1 if _is_mirrored(matrix) else 1)
    return float(np.degrees(np.arctan2(-b, a)))


def is_shown_mirrored(frame: Any) -> bool:
    """Whether the display matrix mirrors the stored picture, as films of front cameras ask for."""
    return _upright_from_stored(frame).is_mirrored


def degrees_off_quarter_turns(frame: Any) -> float:
    """How far the display matrix turns the picture beside the quarter turns that are made of it, to the left (-45 to 45)."""
    degrees = _degrees_to_left(frame)
    return degrees - 90.0 * round(degrees / 90.0)


# AVSphericalProjection, the first number of AVSphericalMapping.
_PROJECTIONS = {0: "equirectangular", 1: "cubemap", 2: "cropped equirectangular", 3: "half equirectangular"}


def projection_of(frame: Any) -> str | None:
    """What the boxes of spherical videos (Google's versions 1 and 2, Matroska's) say of the picture."""
    side_data = frame.side_data.get("SPHERICAL")
    if side_data is None:
        return None
    number = int(np.frombuffer(bytes(side_data), dtype=np.int32)[0])
    return _PROJECTIONS.get(number, f"number {number}")


def upright_hw(frame: Any, stream: Any) -> tuple[int, int]:
    """The size of a frame as it is shown."""
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


class Converter:
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


def encodable(image: NDArray[np.uint8]) -> Any:
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
