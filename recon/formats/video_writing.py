"""uint8 frames -> H.264 mp4 that browsers play (PyAV: imageio's plugin for it writes neither quality nor colour tags)."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from recon.formats.video_pixels import encodable
from recon.workspace import replace_file

Frame = NDArray[np.uint8]  # [h, w, 3]
AddFrame = Callable[[Frame], None]


def write_video(path: Path, frames: Iterable[Frame], *, fps: float, crf: int = 18) -> Path:
    """Write uint8 [h, w, 3] frames as an mp4: see `new_video`."""
    iterator = iter(frames)
    first = next(iterator, None)
    if first is None:
        raise ValueError(f"{path.name}: a video needs at least one frame")
    h, w = first.shape[:2]
    with new_video(path, (h, w), fps=fps, crf=crf) as add:
        for image in chain([first], iterator):
            add(image)
    return path


@contextmanager
def new_video(path: Path, size_hw: tuple[int, int], *, fps: float, crf: int = 18) -> Iterator[AddFrame]:
    """An H.264 mp4 that browsers play, for a block that calls what this gives with every frame [h, w, 3], one at least.

    Atomic: `path` is replaced when the block succeeds. The same frames give the same bytes. `crf`: 0 lossless to 51 worst, 18
    looks the same to the eye. An odd height or width grows by one repeated row or column, as H.264 with half-resolution
    chroma needs even sizes.
    """
    h, w = size_hw
    with (
        replace_file(path) as temporary,
        av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"}) as container,
    ):
        rate = Fraction(fps).limit_denominator(1001)
        # x264's tree of macroblocks reads memory that nobody wrote: the same frames gave other bytes from run to run.
        options = {"crf": str(crf), "preset": "medium", "x264-params": "mbtree=0"}
        stream: Any = container.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = w + w % 2, h + h % 2, "yuv420p"
        stream.codec_context.gop_size = max(1, round(2 * fps))  # seeking in a viewer lands within two seconds
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 1, 1, 1, 1  # BT.709

        def add(image: Frame) -> None:
            if image.shape != (h, w, 3) or image.dtype != np.uint8:
                raise ValueError(f"{path.name}: frames must be uint8 {(h, w, 3)}, got {image.dtype} {image.shape}")
            container.mux(stream.encode(encodable(image)))

        yield add
        container.mux(stream.encode())
