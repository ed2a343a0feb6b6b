"""Pixels of all training pictures to draw from, within a budget of memory.

When every pixel fits, all are there. When not, the pool holds an equal share of each picture: random pixels spread over it, and a
thread reads one picture after the other again and replaces its pixels by others. So no picture is ever absent, and over time
every pixel is equally likely. What is replaced when depends on the number of drawn pixels alone, and which pixels take
the place on seed, picture and round: a training that was stopped goes on with the same pixels.

Rejected: all pictures decoded into a memory-mapped file. Random pixels touch every page: after 20 batches a file of 2.1 GB was
resident as a whole, and from a cold disk the first batch took 2 s.
"""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recon.formats.image_files import read_header
from recon.formats.images import fit_within
from recon.geometry import View
from recon.pixels.outlines import Outline
from recon.pixels.pixel_picks import Picked, n_picked, pick_pixels
from recon.workspace.console import progress
from recon.workspace.errors import UserError

OPAQUE_MODES = ("RGB", "L", "CMYK", "YCbCr", "1", "I;16")  # of a picture file: three bytes per pixel suffice
INDEX_BYTES = 4  # where in its picture a pixel lies
MIN_SHARE = 1e-3  # of the pixels: below it pictures would be read again for next to nothing
REUSE = 2.0  # times that a pixel is drawn, on average, before it is replaced (more often where masks leave fewer)
READ_AHEAD = 2  # pictures that wait to replace their pixels
GPU_SHARE = 0.25  # of a GPU's free memory: pixels that need more stay in the host's


@dataclass(frozen=True)
class Pixels:
    """n drawn pixels."""

    photos: Tensor  # [n] int64, which picture
    positions: Tensor  # [n] int64, row * width + column in it
    colors: Tensor  # [n, 3] uint8
    alphas: Tensor | None  # [n] uint8


class PixelPool:
    """Draws pixels of `views`, whose longer side is shrunk to `max_size` (None: never), from at most `memory_mb` MiB of them.

    `n_drawn`: how many pixels earlier runs of the same training have drawn.
    """

    def __init__(
        self, views: Sequence[View], *, max_size: int | None, memory_mb: float, seed: int, n_drawn: int = 0
    ) -> None:
        self._files, self._max_size, self._seed = list(views), max_size, seed
        self._drawn = n_drawn
        self._colors, self._starts = torch.empty(0, 3, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64)
        self._positions: Tensor | None = None
        self._alphas: Tensor | None = None
        sizes = [int(np.prod(fit_within(view.camera.size_hw, max_size))) for view in views]
        self.n_pixels = sum(sizes)  # of all pictures, held or not
        self.share = _share_that_fits(sizes, views, memory_mb)
        rows = [n_picked(size, self.share) for size in sizes]
        self._interval = max(int(REUSE * sum(rows) / len(views)), 1)  # drawn pixels between two replacements
        self._refreshed = 0 if self.share == 1 else n_drawn // self._interval
        self._fill(sum(rows))
        self._worker = ThreadPoolExecutor(1, "pictures")
        self._coming: deque[Future[Picked]] = deque()
        if self.share < 1:
            for ahead in range(READ_AHEAD):
                self._send_for(self._refreshed + ahead)

    def __len__(self) -> int:
        return len(self._colors)

    @property
    def megabytes(self) -> float:
        """Memory of the pixels, in MiB."""
        held = (self._colors, self._alphas, self._positions)
        return sum(tensor.nbytes for tensor in held if tensor is not None) / 2**20

    @property
    def n_drawn(self) -> int:
        """How many pixels have been drawn, by earlier runs too."""
        return self._drawn

    @property
    def seed(self) -> int:
        """Of which pixels are held."""
        return self._seed

    @property
    def device(self) -> torch.device:
        """Where the pixels lie."""
        return self._colors.device

    def move_to(self, device: torch.device) -> None:
        """Bring the pixels to `device`, unless it is a GPU with too little free memory for them."""
        if device.type == "cuda" and self.megabytes * 2**20 > GPU_SHARE * torch.cuda.mem_get_info(device)[0]:
            return
        self._colors, self._starts = self._colors.to(device), self._starts.to(device)
        if self._positions is not None:
            self._positions = self._positions.to(device)
        if self._alphas is not None:
            self._alphas = self._alphas.to(device)

    def draw(self, n: int, generator: torch.Generator) -> Pixels:
        """Draw n pixels, with replacement; they lie where the pool's do."""
        self.renew(n)
        return self.pick(n, generator)

    def renew(self, n: int) -> None:
        """What the host does before n pixels are drawn: it replaces those that have been drawn often enough."""
        while self.share < 1 and self._refreshed < self._drawn // self._interval:
            self._refresh()
        self._drawn += n

    def pick(self, n: int, generator: torch.Generator) -> Pixels:
        """The drawing itself: on a GPU it waits for nothing."""
        rows = torch.randint(len(self), (n,), generator=generator, device=generator.device).to(self.device)
        photos = torch.searchsorted(self._starts, rows, right=True) - 1
        return Pixels(
            photos=photos,
            positions=rows - self._starts[photos] if self._positions is None else self._positions[rows].long(),
            colors=self._colors.index_select(0, rows),
            alphas=None if self._alphas is None else self._alphas.index_select(0, rows),
        )

    # ---- filling ---------------------------------------------------------------------------------------------------

    def _fill(self, capacity: int) -> None:
        """Read every picture once. Memory that no pixel is written to (masked ones) is reserved but never used."""
        is_partial = self.share < 1 or any(view.mask is not None for view in self._files)
        self._colors = torch.empty((capacity, 3), dtype=torch.uint8)
        self._positions = torch.empty(capacity, dtype=torch.int32) if is_partial else None
        starts, views, outlines, without_channel = [0], [], [], None
        rounds = [self._round_of(photo, self._refreshed) for photo in range(len(self._files))]
        with progress("loading photos", len(self._files)) as bar:
            for picked in self._read_all(rounds):
                if picked.alphas is not None and self._alphas is None:
                    self._alphas = torch.full((capacity,), 255, dtype=torch.uint8)
                if not picked.has_channel and without_channel is None:
                    without_channel = picked.view
                starts.append(starts[-1] + len(picked.positions))
                self._write(starts[-2], picked)
                views.append(picked.view)
                outlines.append(picked.outline)
                bar.advance()
        if self._alphas is not None and without_channel is not None:
            raise UserError(
                f"{without_channel.image}: has no alpha channel but other pictures do. Give all of them alpha, or none."
            )
        if starts[-1] == 0:
            raise UserError("the masks leave no pixel to train on: masks are white where the picture counts.")
        self.views = tuple(views)
        self.outlines = tuple(outlines if self._alphas is not None else (Outline(view, None) for view in views))
        self._starts = torch.tensor(starts)
        self._colors = self._colors[: starts[-1]]

    def _read_all(self, rounds: list[int]) -> Iterator[Picked]:
        """All pictures in order, read by a few threads that are never more than a few pictures ahead."""
        n_threads = min(os.cpu_count() or 1, 4)
        with ThreadPoolExecutor(n_threads, "pictures") as threads:
            waiting: deque[Future[Picked]] = deque()
            for photo, turn in enumerate(rounds):
                waiting.append(threads.submit(self._pick, photo, turn))
                if len(waiting) > n_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _pick(self, photo: int, turn: int) -> Picked:
        rng = np.random.default_rng((self._seed, turn, photo))
        return pick_pixels(self._files[photo], max_size=self._max_size, share=self.share, rng=rng)

    def _write(self, start: int, picked: Picked) -> None:
        rows = slice(start, start + len(picked.positions))
        self._colors[rows] = torch.from_numpy(picked.colors)
        if self._positions is not None:
            self._positions[rows] = torch.from_numpy(picked.positions)
        if self._alphas is not None:
            self._alphas[rows] = 255 if picked.alphas is None else torch.from_numpy(picked.alphas)

    # ---- replacing -------------------------------------------------------------------------------------------------

    def _round_of(self, photo: int, n_refreshed: int) -> int:
        """How often one picture's pixels have been replaced after `n_refreshed` replacements in all: pictures take turns."""
        full_rounds, within = divmod(n_refreshed, len(self._files))
        return full_rounds + (photo < within)

    def _send_for(self, refresh: int) -> None:
        photo = refresh % len(self._files)
        self._coming.append(self._worker.submit(self._pick, photo, self._round_of(photo, refresh) + 1))

    def _refresh(self) -> None:
        """Replace the pixels of the picture whose turn it is; waits if it is not read yet, so that nothing depends on time."""
        photo = self._refreshed % len(self._files)
        picked = self._coming.popleft().result()
        start, end = self._starts[photo : photo + 2].tolist()
        if len(picked.positions) != end - start:
            raise UserError(f"{picked.view.mask}: the mask changed while it was trained on. Start the training again.")
        self._write(start, picked)
        self._refreshed += 1
        self._send_for(self._refreshed + READ_AHEAD - 1)


def _share_that_fits(sizes: Sequence[int], views: Sequence[View], memory_mb: float) -> float:
    """The share of every picture's pixels that `memory_mb` MiB hold."""
    n_pixels, budget = sum(sizes), memory_mb * 2**20
    bytes_each = 3 if read_header(views[0].image).mode in OPAQUE_MODES else 4
    has_masks = any(view.mask is not None for view in views)
    if n_pixels * (bytes_each + INDEX_BYTES * has_masks) <= budget:
        return 1.0
    share = (budget / (bytes_each + INDEX_BYTES) - len(sizes)) / n_pixels  # one more of each picture: see `n_picked`
    if share < MIN_SHARE:
        needed = (MIN_SHARE * n_pixels + len(sizes)) * (bytes_each + INDEX_BYTES) / 2**20
        raise UserError(
            f"train.image_memory_mb={memory_mb:g}: too little for {len(sizes)} pictures with {n_pixels / 1e6:,.1f} million "
            f"pixels; expected at least {np.ceil(needed):.0f}."
        )
    return share
