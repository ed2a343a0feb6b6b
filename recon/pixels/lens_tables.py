"""Directions of pixels by look-up: undistorting every drawn pixel anew by Newton steps costs a good part of a training step.

Each distinct camera gets a table of unit directions at nodes spread evenly over its picture, from the centres of its first
pixels to those of its last; between nodes, cubic polynomials through 4 x 4 of them. The spacing is the widest at which that
is exact to MAX_ERROR_PX; at a spacing of one pixel every pixel centre is a node.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from recon.geometry import Camera

MAX_ERROR_PX = 0.005
SPACINGS_PX = (32, 16, 8, 4, 2, 1)
N_CHECKED = 2048  # pixels at which a table is compared with the camera itself


@dataclass(frozen=True)
class _Table:
    """Unit directions [rows * columns, 3] in the camera frame at nodes of one picture."""

    directions: Tensor
    size: tuple[int, int]  # (columns, rows)
    nodes_per_pixel: tuple[float, float]  # along x, along y


class LensTables:
    """The tables of some cameras; look-ups serve pixels of all of them at once."""

    def __init__(self, tables: Sequence[_Table], index: Tensor) -> None:
        """`index` [cameras]: which table each camera uses."""
        starts = torch.tensor([0, *(len(table.directions) for table in tables)]).cumsum(0)
        self._directions = torch.cat([table.directions for table in tables])
        self._starts = starts[index]
        self._sizes = torch.tensor([table.size for table in tables])[index].T.contiguous()
        self._nodes_per_pixel = torch.tensor([table.nodes_per_pixel for table in tables])[index].T.contiguous()

    @staticmethod
    def of(cameras: Sequence[Camera]) -> "LensTables":
        """Exact enough for these cameras; equal ones share a table."""
        distinct = list(dict.fromkeys(cameras))
        return LensTables([_table(camera) for camera in distinct], torch.tensor([distinct.index(c) for c in cameras]))

    def to(self, device: torch.device) -> "LensTables":
        """These tables on `device`."""
        moved = copy.copy(self)
        for name, tensor in vars(self).items():
            setattr(moved, name, tensor.to(device))
        return moved

    def directions(self, cameras: Tensor, pixels: Tensor) -> Tensor:
        """Unit directions [n, 3] in the camera frame of pixels [n, 2], each of the camera with the given index [n]."""
        # Axes come first below, pixels last: short inner axes would make each of these operations several times slower.
        sizes = self._sizes.index_select(1, cameras)  # [2, n]
        at = (pixels.T - 0.5) * self._nodes_per_pixel.index_select(1, cameras)
        first = torch.minimum(at.long() - 1, sizes - 4).clamp_min(0)  # of four nodes: inside the picture
        x_weights, y_weights = _cubic_weights(at - first).unbind(1)  # [4, n] each
        corner = self._starts.index_select(0, cameras) + first[1] * sizes[0] + first[0]
        four = torch.arange(4, device=cameras.device)
        nodes = corner + four[:, None, None] * sizes[0] + four[None, :, None]  # [4, 4, n]
        weights = y_weights[:, None] * x_weights[None]
        summed = torch.nn.functional.embedding_bag(
            nodes.view(16, -1).T.contiguous(),
            self._directions,
            per_sample_weights=weights.view(16, -1).T.contiguous(),
            mode="sum",
        )
        return torch.nn.functional.normalize(summed, dim=-1)


def _table(camera: Camera) -> _Table:
    """The smallest table of a camera that is exact enough."""
    for spacing_px in SPACINGS_PX:
        table = _table_with(camera, spacing_px)
        if spacing_px == 1 or _error_px(camera, table) <= MAX_ERROR_PX:
            break
    return table


def _table_with(camera: Camera, spacing_px: int) -> _Table:
    h, w = camera.size_hw
    columns, rows = (max(-(-(length - 1) // spacing_px) + 1, 4) for length in (w, h))
    x = torch.linspace(0.5, w - 0.5, columns, dtype=torch.float64)
    y = torch.linspace(0.5, h - 0.5, rows, dtype=torch.float64)
    nodes = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).view(-1, 2)
    nodes_per_pixel = ((columns - 1) / max(w - 1, 1), (rows - 1) / max(h - 1, 1))
    return _Table(camera.unproject(nodes).float(), (columns, rows), nodes_per_pixel)


def _error_px(camera: Camera, table: _Table) -> float:
    """The largest error of a table at random pixels, in pixels: angles are compared with those between neighbours.

    A third of the pixels lie on either pair of edges: distortion is worst there.
    """
    h, w = camera.size_hw
    random = torch.rand(N_CHECKED, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    within = (1.5 * random - 0.25).clamp(0, 1)
    pixels = (within * torch.tensor([w - 1, h - 1])).round() + 0.5
    camera_index = torch.zeros(N_CHECKED, dtype=torch.int64)
    found = LensTables([table], torch.tensor([0])).directions(camera_index, pixels.float()).double()
    exact = camera.unproject(pixels)
    steps = [(camera.unproject(pixels + torch.tensor(step)) - exact).norm(dim=-1) for step in ((1.0, 0.0), (0.0, 1.0))]
    return float(((found - exact).norm(dim=-1) / torch.minimum(*steps)).max())


def _cubic_weights(t: Tensor) -> Tensor:
    """Weights [4, ..] of nodes 0, 1, 2, 3 in the cubic polynomial through them at t [..]."""
    a, b, c, d = t, t - 1, t - 2, t - 3
    ab, cd = a * b, c * d
    return torch.stack([b * cd / -6, a * cd / 2, ab * d / -2, ab * c / 6])
