"""Interlaced video to whole pictures: camcorders and old cards store two half pictures, taken one after the other, in one frame.

Frames that say so are deinterlaced, and those that show the comb without saying so: a converter may have lost the flag.
"""

from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

_COLUMNS = 24  # looked at of each frame: a comb runs through all of the picture that moves
# Of rows next to each other, over rows two apart: natural pictures have 0.5 to 0.95, a comb of a pixel or two over 1.1.
_COMBED = 1.12
_LEAST_CONTRAST = 2.0  # grey levels: below, noise decides
_RUN = 3  # combed frames in a row: one alone may be a picture of blinds


def is_combed(luma: Any) -> bool:
    """Whether rows of a grey picture [h, w] are more like those two away than like their neighbours."""
    rows = np.asarray(luma[:, :: max(1, luma.shape[1] // _COLUMNS)], np.int16)
    if len(rows) < 16:
        return False
    near, far = np.abs(np.diff(rows, axis=0)).mean(), np.abs(rows[2:] - rows[:-2]).mean()
    return bool(near > _LEAST_CONTRAST and near > _COMBED * far)


class Deinterlacer:
    """Passes frames on, deinterlaced from the first one that needs it; `used` says whether any did."""

    def __init__(self) -> None:
        self.used = False
        self._graph: Any = None
        self._shape: tuple[int, int, str] | None = None
        self._combed = 0

    def __call__(self, frames: Iterator[Any]) -> Iterator[Any]:
        for frame in frames:
            if not self.used and not self._needs(frame):
                yield frame
                continue
            shape = (frame.width, frame.height, frame.format.name)
            if shape != self._shape:
                yield from self._rest()
                self._graph, self._shape, self.used = _graph_for(frame), shape, True
            self._graph.push(frame)
            yield from self._ready()
        yield from self._rest()

    def _needs(self, frame: Any) -> bool:
        if frame.interlaced_frame:
            return True
        self._combed = self._combed + 1 if is_combed(_luma(frame)) else 0
        return self._combed >= _RUN

    def _ready(self) -> Iterator[Any]:
        while True:
            try:
                yield self._graph.pull()
            except (FFmpegError, EOFError):  # BlockingIOError: it wants more frames first
                return

    def _rest(self) -> Iterator[Any]:
        """What the filter still holds back."""
        if self._graph is not None:
            self._graph.push(None)
            yield from self._ready()


def _luma(frame: Any) -> Any:
    """The first plane of a frame as rows [h, w]; of what is not stored in planes of 8 bits its grey picture."""
    plane = frame.planes[0]
    if plane.line_size >= 2 * plane.width or plane.width != frame.width:
        return frame.to_ndarray(format="gray")
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]


def _graph_for(frame: Any) -> Any:
    """bwdif on every frame, one picture per frame."""
    graph = av.filter.Graph()
    graph.link_nodes(
        graph.add_buffer(width=frame.width, height=frame.height, format=frame.format.name, time_base=frame.time_base),
        graph.add("bwdif", "mode=send_frame:parity=auto:deint=all"),
        graph.add("buffersink"),
    ).configure()
    return graph
