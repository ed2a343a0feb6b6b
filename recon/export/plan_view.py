"""A plane looked at from its free side: a frame of its own, and a grid of cells that says where its surface is."""

from dataclasses import dataclass

import cv2
import numpy as np

from recon.export.planes import OverRelief, Plane, axes_along, fit_plane, turned
from recon.export.relief import Relief
from recon.geometry.transforms import Array, plane_axes

_MAX_CELLS = 1_000_000
_SUBPIXEL = 4  # bits of OpenCV's fixed-point corners
_STEPS = 5  # places along each side of what stands on a surface that bends


@dataclass(frozen=True)
class PlanView(OverRelief):
    """Cells of side `cell`, [row, column] along axes v and u; `low` [2] is the (u, v) of the centre of cell (0, 0).

    Heights are over the plane, or over the `relief` of what bends; that has the view's axes.
    """

    plane: Plane
    axes: Array  # [2, 3]: unit u, v with u x v = normal
    low: Array
    cell: float
    shape: tuple[int, int]
    relief: Relief | None = None

    @staticmethod
    def around(
        plane: Plane,
        points: Array,
        *,
        cell: float,
        margin: float,
        along: Array | None = None,
        relief: Relief | None = None,
    ) -> "PlanView":
        """A view that holds `points` [n, 3] with a margin, turned so that their smallest rectangle lies straight.

        Or with its u `along` a direction [3], or that of its `relief`.
        """
        along = along if relief is None else relief.axes[0]
        if along is None:
            axes = axes_along(plane, points)
        else:
            axes = plane_axes(plane.normal)
            axes = turned(axes, float(np.arctan2(axes[1] @ along, axes[0] @ along)))
        flat = points @ axes.T
        low, high = flat.min(0) - margin, flat.max(0) + margin
        cell = max(cell, float(np.sqrt(np.prod(high - low) / _MAX_CELLS)))
        width, height = np.ceil((high - low) / cell).astype(int) + 1
        return PlanView(plane, axes, low, cell, (int(height), int(width)), relief)

    def in_cells(self, tolerance: float) -> float:
        """A tolerance in cells: two on most planes, and no less where a very large one has coarser cells."""
        return max(tolerance / self.cell, 2.0)

    def flat(self, points: Array) -> Array:
        """(u, v) of points [.., 3]."""
        return points @ self.axes.T

    def world(self, flat: Array, height: float | Array = 0.0) -> Array:
        """Points [.., 3] of (u, v) at a height above the surface."""
        points = flat @ self.axes
        raised = self.plane.offset + np.asarray(height)
        if self.relief is not None:
            raised = raised + self.relief.at(points)
        return points + raised[..., None] * self.plane.normal

    def plane_under(self, points: Array) -> Plane:
        """The plane that lies on the surface under points [n, 3], where it is highest."""
        if self.relief is None:
            return self.plane
        flat = self.flat(points)
        low, high = flat.min(0), flat.max(0)
        steps = np.stack(np.meshgrid(*np.linspace(low, high, _STEPS).T), -1).reshape(-1, 2)
        places = self.world(steps)
        tilted = fit_plane(places, np.ones(len(places)), towards=self.plane.normal)
        return Plane(tilted.normal, tilted.offset + float(tilted.height(places).max()))

    def cells(self, points: Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Row and column of points [.., 3], clipped to the grid, and whether they were inside."""
        index = np.round((self.flat(points) - self.low) / self.cell).astype(int)
        inside = np.asarray(((index >= 0) & (index < self.shape[::-1])).all(-1))
        index = np.clip(index, 0, np.array(self.shape[::-1]) - 1)
        return index[..., 1], index[..., 0], inside

    def holds(self, points: Array, *, margin: float) -> np.ndarray:
        """Which points [.., 3], at any height, lie over the grid, or beside it by no more than a margin."""
        flat, end = self.flat(points), self.low + self.cell * np.array(self.shape[::-1])
        return np.asarray(((flat >= self.low - margin) & (flat <= end + margin)).all(-1))

    def drawn(self, triangles: Array) -> np.ndarray:
        """Which cells [rows, columns] triangles [k, 3, 3] touch, bool."""
        picture = np.zeros(self.shape, np.uint8)
        corners = np.round((self.flat(triangles) - self.low) / self.cell * (1 << _SUBPIXEL)).astype(np.int32)
        for corner in corners:
            cv2.fillConvexPoly(picture, corner, 1, shift=_SUBPIXEL)
        return picture.astype(bool)

    def centres(self, mask: np.ndarray) -> Array:
        """(u, v) of the cells of a mask: [n, 2]."""
        rows, columns = np.nonzero(mask)
        return self.low + self.cell * np.stack([columns, rows], -1)
