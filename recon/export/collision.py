"""Collision geometry of a package: one concave mesh, and convex parts for engines that collide with hulls."""

from dataclasses import dataclass
from typing import Any

from recon.console import warn
from recon.export.collision_mesh import make_collision_mesh
from recon.export.convex_parts import decompose
from recon.export.place import CONVEX, STATIC, Part
from recon.export.settings import ExportSettings
from recon.geometry.mesh import TriangleMesh


@dataclass(frozen=True)
class Collision:
    """`tolerance`: the parts stand off the visual surface by no more than this; `deviation`: of `static`, measured."""

    static: TriangleMesh
    parts: tuple[Part, ...]
    tolerance: float
    deviation: float

    def as_dict(self) -> dict[str, Any]:
        """The manifest's entry."""
        return {
            "static": STATIC,
            "static_faces": len(self.static.faces),
            "static_deviation": self.deviation,
            "convex": CONVEX,
            "n_parts": len(self.parts),
            "tolerance": self.tolerance,
        }


def make_collision(mesh: TriangleMesh, settings: ExportSettings, *, length_scale: float) -> Collision:
    """Collision geometry of a visual mesh in package units; `length_scale` package units stand for a metre."""
    tolerance = settings.tolerance_m * length_scale
    # Half of the tolerance is for simplification, half for the convex parts of the simplified surface.
    static, deviation = make_collision_mesh(mesh, deviation=tolerance / 2, max_faces=settings.collision_faces)
    hulls, reached = decompose(
        static,
        tolerance=tolerance / 2,
        thickness=settings.wall_thickness_m * length_scale,
        max_parts=settings.max_parts,
    )
    parts = tuple(Part(f"part_{i:04d}", hull) for i, hull in enumerate(hulls))
    collision = Collision(static, parts, reached + deviation, deviation)
    if collision.tolerance > 1.01 * tolerance:
        warn(
            f"collision parts keep to {collision.tolerance:.3f} of the surface instead of {tolerance:.3f}: the scene "
            "needs more of them. Raise export.max_parts and export.collision_faces for finer contact."
        )
    return collision
