"""A slab: a flat piece of a building, or ground that bends, as cells of its plane and as the convex parts behind them."""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from recon.export.place import Part
from recon.export.plan_view import PlanView
from recon.export.strips import strips
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface
from recon.geometry.transforms import Array

_UNDER = 1.5  # tolerances that what is filled reaches under what was seen
_LOWER = 0.05  # tolerances that it lies lower
_OVER = 2.0  # tolerances over a slab from which its faces are looked for: all lie lower
_BAY = 2.0  # tolerances: sides of a square that no body falls through


@dataclass(frozen=True)
class Slab:
    """A flat piece of the building. `seen` and `solid`: cells [rows, columns] of `view`; solid but not seen is filled.

    `tolerance`: within which the surface lies on it.
    """

    kind: str  # floor, top, wall, ceiling
    view: PlanView
    seen: np.ndarray
    solid: np.ndarray
    thickness: float
    parts: tuple[Part, ...]
    tolerance: float

    def explains(self, mesh: TriangleMesh, *, tolerance: Array) -> np.ndarray:
        """Which faces [f] lie wholly in the slab, or before it or beside it by no more than the `tolerance` [f] there."""
        corners = mesh.vertices[mesh.faces]
        points = np.concatenate([corners, corners.mean(1, keepdims=True)], 1)
        height = self.view.height(points)
        rows, columns, is_on = self.view.cells(points)
        reach = tolerance[:, None]
        within = (height <= reach) & (height >= -self.thickness - reach)
        beside = ndimage.distance_transform_edt(~self.solid) * self.view.cell
        is_in = np.asarray((within & is_on & (beside[rows, columns] <= reach)).all(1))
        is_in[self._across(mesh, np.flatnonzero(is_in), self.seen & (beside > tolerance.min()), tolerance)] = False
        return is_in

    def _across(self, mesh: TriangleMesh, faces: np.ndarray, bays: np.ndarray, tolerance: Array) -> np.ndarray:
        """Those of some faces that span a bay: large ones reach across what no part holds, and have all their corners on parts."""
        if not len(faces) or not bays.any():
            return faces[:0]
        above = self.view.world(self.view.centres(bays), float(tolerance.max()) * _OVER)
        downwards = np.broadcast_to(-self.view.plane.normal, above.shape)
        hits = Surface(TriangleMesh(mesh.vertices, mesh.faces[faces])).cast(above, downwards)
        found, counts = np.unique(faces[hits.faces[hits.is_hit]], return_counts=True)
        return found[counts * self.view.cell**2 > (_BAY * tolerance[found]) ** 2]

    def shown(self, *, tolerance: float) -> list[TriangleMesh]:
        """Its parts as far as anybody sees them: what ground has below its surface is nobody's business."""
        if self.kind != "floor" and self.view.relief is None:
            return [part.mesh for part in self.parts]
        heights = [self.view.height(part.mesh.vertices) for part in self.parts]
        lift = [np.maximum(height, -tolerance) - height for height in heights]
        return [
            TriangleMesh(part.mesh.vertices + up[:, None] * self.view.plane.normal, part.mesh.faces)
            for part, up in zip(self.parts, lift, strict=True)
        ]

    def outline(self) -> np.ndarray:
        """Cells [rows, columns] of the slab and of its bays and holes: its convex hull."""
        rows, columns = np.nonzero(self.solid)
        hull = cv2.convexHull(np.stack([columns, rows], -1).astype(np.int32))
        return cv2.fillConvexPoly(np.zeros(self.view.shape, np.uint8), hull, 1).astype(bool)

    @property
    def filled(self) -> np.ndarray:
        """Cells [rows, columns] that nobody saw."""
        return self.solid & ~self.seen

    def filled_surface(self) -> TriangleMesh:
        """The part of the slab's surface that nobody saw, in strips of cells; empty where all was seen.

        It reaches a little under what was seen, and lies a hair lower, so that no gap opens between the two.
        """
        cells = round(_UNDER * self.view.in_cells(self.tolerance))
        square = np.ones((2 * cells + 1, 2 * cells + 1), np.uint8)
        under = cv2.dilate(self.filled.astype(np.uint8), square).astype(bool) & self.solid
        return strips(self.view, under, height=-_LOWER * self.tolerance)
