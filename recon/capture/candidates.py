"""Pictures that may be kept, on disk while the video is still being decoded: one pass, bounded memory and disk."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recon.capture.keyframes import FINEST_OF_FEW
from recon.formats.images import write_image


@dataclass(frozen=True)
class _Candidate:
    index: int
    cell: int
    sharpness: float


class Candidates:
    """The sharpest frame of each cell of progress: the open cell's in memory, those of closed cells as files.

    Where there are more than `capacity_fn(cell_steps)` closed cells, neighbours merge and cells become twice as wide:
    a video that hardly moves keeps fine cells, and however long one is, its files stay few.
    """

    def __init__(self, folder: Path, *, capacity_fn: Callable[[float], int], jpeg_quality: int) -> None:
        folder.mkdir()
        self._folder, self._capacity_fn, self._quality = folder, capacity_fn, jpeg_quality
        self.cell_steps = FINEST_OF_FEW  # the least that tells two views apart
        self.size_hw = (0, 0)
        self._closed: list[_Candidate] = []
        self._open: tuple[_Candidate, NDArray[np.uint8]] | None = None

    def offer(
        self, index: int, *, progress: float, sharpness: float, image_fn: Callable[[], NDArray[np.uint8]]
    ) -> None:
        """Consider frame `index`, later than all before; `image_fn` is called only where it leads its cell."""
        offered = _Candidate(index, int(progress / self.cell_steps), sharpness)
        if self._open is not None:
            leader, _ = self._open
            if leader.cell == offered.cell and leader.sharpness >= sharpness:
                return
            if leader.cell != offered.cell:
                self._close_cell()
                offered = _Candidate(index, int(progress / self.cell_steps), sharpness)  # cells may have merged
        self._open = offered, image_fn()

    def finish(self) -> frozenset[int]:
        """Indices of all candidates, now all on disk."""
        self._close_cell()
        return frozenset(candidate.index for candidate in self._closed)

    def file(self, index: int) -> Path:
        """Where a candidate's picture is."""
        return self._folder / f"{index}.jpg"

    def _close_cell(self) -> None:
        if self._open is None:
            return
        leader, image = self._open
        self._open = None
        self.size_hw = image.shape[:2]
        write_image(self.file(leader.index), image, quality=self._quality)
        self._add(leader)
        while len(self._closed) > self._capacity_fn(self.cell_steps):
            self._merge_neighbours()

    def _add(self, candidate: _Candidate) -> None:
        """Append; of two in one cell the sharper stays, and the earlier of equals."""
        if self._closed and self._closed[-1].cell == candidate.cell:
            last = self._closed.pop()
            loser, candidate = (last, candidate) if candidate.sharpness > last.sharpness else (candidate, last)
            self.file(loser.index).unlink()
        self._closed.append(candidate)

    def _merge_neighbours(self) -> None:
        before, self._closed = self._closed, []
        self.cell_steps *= 2
        for candidate in before:
            self._add(_Candidate(candidate.index, candidate.cell // 2, candidate.sharpness))
