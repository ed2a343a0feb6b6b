"""Collision geometry of a package: the building as slabs, the rest as convex parts, and both in one concave mesh."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recon.export.building import find_building
from recon.export.collision_mesh import simplified
from recon.export.covering import Fidelity, fidelity, points_over
from recon.export.footing import footed
from recon.export.hem import hemmed
from recon.export.hulls import Limits
from recon.export.labels import LABELS, label_faces
from recon.export.place import CONVEX, FILLED, STATIC, Part
from recon.export.rest import hulls_of_rest, left_by
from recon.export.settings import ExportSettings
from recon.export.slab import Slab
from recon.export.spare_boxes import without_spare
from recon.export.tolerances import Tolerances
from recon.export.zones import Reach, Zone, zones_of
from recon.geometry.mesh import TriangleMesh, joined
from recon.geometry.surface import Surface
from recon.geometry.transforms import Array
from recon.kernels.surfaces import AskedSurface
from recon.workspace.console import warn
from recon.workspace.errors import UserError


@dataclass(frozen=True)
class Collision:
    """`tolerance`: the parts stand off the visual surface by no more than this; `deviation`: of `static`, measured.

    `loosened_share`: of the surface, where parts keep to more than the tolerance asked for: too many would be needed.
    """

    static: TriangleMesh
    parts: tuple[Part, ...]
    slabs: tuple[Slab, ...]
    filled: TriangleMesh  # surface that nobody saw and that the floor is continued over
    asked_tolerance: float
    relief_tolerance: float
    thickness: float  # that parts may reach behind the visual surface
    tolerance: float
    loosened_share: float
    deviation: float
    fidelity: Fidelity
    labels: np.ndarray | None  # [f] of the visual mesh, numbers into `LABELS`; None where nobody knows what is up
    zones: tuple[
        dict[str, float], ...
    ]  # within reach first: how much looser each is, the tolerance it keeps, its parts

    @property
    def floors(self) -> list[Slab]:
        """The slabs that are floors."""
        return [slab for slab in self.slabs if slab.kind == "floor"]

    @property
    def filled_area(self) -> float:
        """Of the floor that nobody saw, square package units."""
        return float(sum(slab.filled.sum() * slab.view.cell**2 for slab in self.floors))

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
            "loosened_share": round(self.loosened_share, 4),
            "fidelity": vars(self.fidelity),
            "slabs": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
            "filled": FILLED if len(self.filled.faces) else None,
            "filled_area": self.filled_area,
            "zones": list(self.zones),
        }


def make_collision(
    mesh: TriangleMesh, settings: ExportSettings, *, reach: Reach, length_scale: float, is_up_known: bool
) -> Collision:
    """Collision geometry of a visual mesh in package units; `length_scale` package units stand for a metre.

    Zone by zone: as the settings ask within `reach`, coarser beyond. Raises `UserError` for a mesh without any surface of the
    tolerance's size, or of nothing but crumbs.
    """
    tolerances = Tolerances.of(settings, length_scale=length_scale)
    tolerance, thickness = tolerances.fine, settings.wall_thickness_m * length_scale
    zones = zones_of(mesh, reach, smallest=tolerance)
    if not zones:
        raise UserError(
            "the mesh has no surface larger than the collision tolerance. "
            "Train longer, or lower export.tolerance_m, then run: python scripts/mesh.py"
        )
    clean = joined([zone.mesh for zone in zones])
    surface = AskedSurface(clean)
    contacts = [
        _contact(zone, surface, settings, tolerances, thickness, reach.cameras, is_up_known=is_up_known)
        for zone in zones
    ]
    slabs = [slab for contact in contacts for slab in contact.slabs]
    parts = tuple(part for contact in contacts for part in contact.parts)
    if not parts:
        raise UserError(
            f"the mesh is crumbs: no piece of its surface is worth a collision part (tolerance {tolerance:.3g}). "
            "Train longer, or lower export.tolerance_m, then run: python scripts/mesh.py"
        )
    filled = joined([slab.filled_surface() for slab in slabs if slab.kind == "floor"])
    labels = label_faces(clean, slabs, tolerance=tolerance, length_scale=length_scale) if is_up_known else None
    if labels is not None:
        parts = _named(parts, surface, labels, tolerance)
    near = contacts[0]
    if is_up_known and zones[0].is_within_reach:
        of_near = _footed(parts[: len(near.parts)], near.slabs, surface, tolerance, thickness)
        parts = (*of_near, *parts[len(near.parts) :])
    if near.reached > 1.01 * near.tolerances.fine:
        warn(
            f"collision parts keep to {near.reached:.3f} of {near.loosened_share:.2%} of the surface instead of "
            f"{near.tolerances.fine:.3f}: it is rough there. Raise export.max_parts for finer contact."
        )
    return Collision(
        joined([contact.static for contact in contacts]),
        parts,
        tuple(slabs),
        filled,
        near.tolerances.fine,
        near.tolerances.coarse,
        thickness,
        near.reached,
        near.loosened_share,
        deviation(near.static, zones[0].mesh),
        fidelity(near.shown, zones[0].mesh, surface, filled, limits=Limits(near.tolerances, thickness)),
        None if labels is None else labels[surface.nearest(_middles(mesh)).faces],
        tuple(
            {"looser": zone.looser, "tolerance": contact.reached, "n_parts": len(contact.parts)}
            for zone, contact in zip(zones, contacts, strict=True)
        ),
    )


@dataclass(frozen=True)
class _Contact:
    """Contact geometry of a zone: its slabs, all of its convex parts and as a concave mesh.

    It holds `reached` of the surface everywhere, and the tolerances but for `loosened_share` of it.
    """

    slabs: list[Slab]
    hulls: list[TriangleMesh]
    parts: list[Part]
    static: TriangleMesh
    tolerances: Tolerances
    reached: float
    loosened_share: float

    @property
    def shown(self) -> list[TriangleMesh]:
        """Parts as far as anybody sees them."""
        return [part for slab in self.slabs for part in slab.shown(tolerance=self.tolerances.fine)] + self.hulls


def _contact(
    zone: Zone,
    surface: AskedSurface,
    settings: ExportSettings,
    tolerances: Tolerances,
    thickness: float,
    cameras: Array,
    *,
    is_up_known: bool,
) -> _Contact:
    """Contact geometry of a zone of a `surface`.

    settings: how many faces and parts at most. tolerances, thickness: those within reach. cameras: [n, 3], where they went.
    is_up_known: whether +z is up.
    """
    clean = zone.mesh
    if not zone.is_within_reach:
        tolerances, thickness = tolerances.beyond(zone.looser), zone.looser * thickness
    slabs = find_building(
        clean,
        surface,
        tolerances=tolerances,
        thickness=thickness,
        is_up_known=is_up_known,
        has_floor=zone.is_within_reach,
        cameras=cameras,
    )
    tolerances = tolerances.over(next((slab.view for slab in slabs if slab.kind == "floor"), None))
    rest = simplified(
        TriangleMesh(clean.vertices, clean.faces[left_by(slabs, clean, Tolerances.same(tolerances.fine))]),
        deviation=tolerances.fine / 2,
        max_faces=settings.collision_faces,
    )
    hulls, loosest, loosened = hulls_of_rest(
        clean, slabs, surface, tolerances, thickness, settings.max_parts, is_reached=zone.is_within_reach
    )
    fewer = without_spare(slabs, hulls, clean, tolerances, is_reached=zone.is_within_reach)
    whole = [part for slab in fewer for part in slab.parts]
    whole += [Part(f"rest_{i:04d}", hull) for i, hull in enumerate(hulls)]
    named = whole if zone.is_within_reach else [replace(p, name=f"far{zone.looser:.0f}_{p.name}") for p in whole]
    boxes = [part.mesh for slab in slabs for part in slab.parts]
    static = joined([*boxes, hemmed(rest, AskedSurface(joined([*boxes, rest])), Limits(tolerances, thickness))])
    share = loosened / max(float(clean.face_areas.sum()), 1e-300)
    return _Contact(fewer, hulls, named, static, tolerances, loosest * tolerances.fine, share)


def _footed(
    parts: tuple[Part, ...], slabs: list[Slab], surface: Surface, tolerance: float, thickness: float
) -> list[Part]:
    """Those of the parts that are ground made deeper, by the floors among `slabs`."""
    floors = [slab for slab in slabs if slab.kind == "floor"]
    built = [part.mesh for slab in floors for part in slab.parts]
    lowest = floors[0].view if floors else None
    return footed(parts, surface, built, tolerance=tolerance, thickness=thickness, lowest=lowest)


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


def deviation(static: TriangleMesh, clean: TriangleMesh, *, at_most: int = 200_000) -> float:
    """Distance that 99.9 % of the visual surface keeps to `static`: single spikes of a scan may go."""
    points = np.concatenate([clean.vertices, clean.vertices[clean.faces].mean(1)])
    points = points[:: max(1, len(points) // at_most)]
    return float(np.quantile(AskedSurface(static).distance(points), 0.999))
