"""Collision geometry of a package: the building as slabs, the rest as convex parts, and both in one concave mesh."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recon.export.building import Slab, find_building
from recon.export.collision_mesh import clean_mesh, faired, simplified
from recon.export.convex_parts import decompose
from recon.export.covering import Fidelity, Skin, fidelity, needed, points_over
from recon.export.labels import LABELS, label_faces
from recon.export.place import CONVEX, FILLED, STATIC, Part
from recon.export.settings import ExportSettings
from recon.export.tolerances import Tolerances
from recon.geometry.mesh import TriangleMesh, joined
from recon.geometry.surface import Surface
from recon.workspace.console import warn
from recon.workspace.errors import UserError

_BARE = 0.01  # of the visual surface that may lie outside all parts by more than the tolerance, in small spots


@dataclass(frozen=True)
class Collision:
    """`tolerance`: the parts stand off the visual surface by no more than this; `deviation`: of `static`, measured."""

    static: TriangleMesh
    parts: tuple[Part, ...]
    slabs: tuple[Slab, ...]
    filled: TriangleMesh  # surface that nobody saw and that the floor is continued over
    asked_tolerance: float
    relief_tolerance: float
    thickness: float  # that parts may reach behind the visual surface
    tolerance: float
    deviation: float
    fidelity: Fidelity
    labels: np.ndarray | None  # [f] of the visual mesh, numbers into `LABELS`; None where nobody knows what is up

    def as_dict(self) -> dict[str, Any]:
        """What the manifest says of it."""
        kinds = [slab.kind for slab in self.slabs]
        return {
            "static": STATIC,
            "static_faces": len(self.static.faces),
            "static_deviation": self.deviation,
            "convex": CONVEX,
            "n_parts": len(self.parts),
            "asked_tolerance": self.asked_tolerance,
            "relief_tolerance": self.relief_tolerance,
            "thickness": self.thickness,
            "tolerance": self.tolerance,
            "fidelity": vars(self.fidelity),
            "slabs": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
            "filled": FILLED if len(self.filled.faces) else None,
            "filled_area": float(self.filled.face_areas.sum()),
        }


def make_collision(
    mesh: TriangleMesh, settings: ExportSettings, *, length_scale: float, is_up_known: bool
) -> Collision:
    """Collision geometry of a visual mesh in package units; `length_scale` package units stand for a metre.

    Raises `UserError` for a mesh without any surface of the tolerance's size, or of nothing but crumbs.
    """
    tolerance, thickness = settings.tolerance_m * length_scale, settings.wall_thickness_m * length_scale
    clean = clean_mesh(mesh, smallest=tolerance)
    if not len(clean.faces):
        raise UserError(
            "the mesh has no surface larger than the collision tolerance. "
            "Train longer, or lower export.tolerance_m, then run: python scripts/mesh.py"
        )
    surface = Surface(clean)
    tolerances = Tolerances.of(settings, length_scale=length_scale)
    slabs = find_building(clean, surface, tolerances=tolerances, thickness=thickness, is_up_known=is_up_known)
    tolerances = tolerances.over(next((slab.view.plane for slab in slabs if slab.kind == "floor"), None))
    rest = simplified(
        TriangleMesh(clean.vertices, clean.faces[_left_by(slabs, clean, Tolerances.same(tolerance))]),
        deviation=tolerance / 2,
        max_faces=settings.collision_faces,
    )
    built = tuple(part for slab in slabs for part in slab.parts)
    hulls, reached = _hulls_of_rest(clean, slabs, surface, tolerances, thickness, settings.max_parts)
    parts = built + tuple(Part(f"rest_{i:04d}", hull) for i, hull in enumerate(hulls))
    if not parts:
        raise UserError(
            f"the mesh is crumbs: no piece of its surface is worth a collision part (tolerance {tolerance:.3g}). "
            "Train longer, or lower export.tolerance_m, then run: python scripts/mesh.py"
        )
    labels = label_faces(clean, slabs, tolerance=tolerance) if is_up_known else None
    if labels is not None:
        parts = _named(parts, surface, labels, tolerance)
    if reached > 1.01 * tolerance:
        warn(
            f"collision parts keep to {reached:.3f} of the surface instead of {tolerance:.3f}: the scene "
            "needs more of them. Raise export.max_parts for finer contact."
        )
    static = joined([part.mesh for part in built] + [rest])
    shown = [part for slab in slabs for part in slab.shown(tolerance=tolerance)]
    return Collision(
        static,
        parts,
        tuple(slabs),
        joined([slab.filled_surface() for slab in slabs if slab.kind == "floor"]),
        tolerance,
        tolerances.coarse,
        thickness,
        reached,
        deviation(static, clean),
        fidelity(shown + hulls, clean, surface, tolerances=tolerances),
        None if labels is None else labels[surface.nearest(_middles(mesh)).faces],
    )


def _middles(mesh: TriangleMesh) -> np.ndarray:
    """The middle of every face, also of one that has none."""
    return np.nan_to_num(mesh.vertices[mesh.faces].mean(1))


def _named(
    parts: tuple[Part, ...], surface: Surface, labels: np.ndarray, tolerance: float, *, voters: int = 64
) -> tuple[Part, ...]:
    """Parts named after what most of the surface at their skin is: wall_0003, furniture_0041."""
    named = []
    for number, part in enumerate(parts):
        nearest = surface.nearest(points_over(part.mesh, apart=tolerance / 4, at_most=voters))
        at_skin = nearest.distance <= max(tolerance, float(np.quantile(nearest.distance, 0.25)))
        label = LABELS[np.bincount(labels[nearest.faces[at_skin]]).argmax()]
        named.append(replace(part, name=f"{label}_{number:04d}"))
    return tuple(named)


def _left_by(slabs: Sequence[Slab], clean: TriangleMesh, tolerances: Tolerances) -> np.ndarray:
    """Which faces [f] no slab explains."""
    allowed = tolerances.at(clean.vertices[clean.faces].mean(1), clean.face_normals)
    is_left = np.ones(len(clean.faces), bool)
    for slab in slabs:
        is_left &= ~slab.explains(clean, tolerance=allowed)
    return is_left


def _hulls_of_rest(
    clean: TriangleMesh,
    slabs: Sequence[Slab],
    surface: Surface,
    tolerances: Tolerances,
    thickness: float,
    max_parts: int,
) -> tuple[list[TriangleMesh], float]:
    """Convex parts of the faces that no slab explains, only those that are needed; and the tolerance that they hold.

    clean: the mesh. slabs: its building. surface: what parts are held against, within the tolerances. thickness, max_parts: of
    parts at most.
    """
    rest = TriangleMesh(clean.vertices, clean.faces[_left_by(slabs, clean, tolerances)])
    fair = TriangleMesh(faired(clean, bound=tolerances.fine / 2).vertices, rest.faces)
    found = decompose(fair, surface, tolerances=tolerances, thickness=thickness, max_parts=max_parts)
    skin = Skin.of(rest, bare=_BARE * float(clean.face_areas.sum()), tolerances=tolerances)
    built = [part.mesh for slab in slabs for part in slab.parts]
    return needed(found.parts, built, skin), found.looser * tolerances.fine


def deviation(static: TriangleMesh, clean: TriangleMesh, *, at_most: int = 200_000) -> float:
    """Distance that 99.9 % of the visual surface keeps to `static`: single spikes of a scan may go."""
    points = np.concatenate([clean.vertices, clean.vertices[clean.faces].mean(1)])
    points = points[:: max(1, len(points) // at_most)]
    return float(np.quantile(Surface(static).distance(points), 0.999))
