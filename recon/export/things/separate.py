"""Things and their building: from one mesh to a closed building and the bodies that stood in it."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from recon.export.building import find_building
from recon.export.collision_mesh import clean_mesh
from recon.export.labels import building_of
from recon.export.place import Thing
from recon.export.settings import ExportSettings
from recon.export.things.bodies import body_of, stands_by_itself
from recon.export.things.filling import fill_holes
from recon.export.things.pieces import find_pieces, take_apart
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface
from recon.workspace.console import say


@dataclass(frozen=True)
class Separated:
    """A building without its things. `filled_area`: of the planes behind them; `left`: pieces that stay in it, by the reason."""

    building: TriangleMesh
    things: tuple[Thing, ...] = ()
    filled_area: float = 0.0
    left: dict[str, int] = field(default_factory=dict)

    def as_dict(self, settings: ExportSettings) -> dict[str, Any] | None:
        """The manifest's entry; None where nothing was looked for."""
        if settings.things == "none":
            return None
        return {
            "are": settings.things,
            "density_kg_m3": settings.things_density,
            "filled_area": round(self.filled_area, 4),
            "left_in_the_building": self.left,
            "bodies": {
                thing.name: {
                    "label": thing.label,
                    "file": thing.file,
                    "origin": thing.origin.tolist(),
                    "n_parts": len(thing.parts),
                    "mass_kg": round(thing.mass, 4),
                }
                for thing in self.things
            },
        }


def separate(
    mesh: TriangleMesh, is_seen: np.ndarray, settings: ExportSettings, *, length_scale: float, is_up_known: bool
) -> Separated:
    """Things of a visual mesh in package units that stand on its floor; `is_seen` [f]: faces that a view shows.

    Nothing is taken apart where the setting says so, or where nobody knows what is up, or without a floor.
    """
    if settings.things == "none" or not is_up_known:
        return Separated(mesh)
    tolerance, thickness = settings.tolerance_m * length_scale, settings.wall_thickness_m * length_scale
    clean = clean_mesh(mesh, smallest=tolerance)
    if not len(clean.faces):
        return Separated(mesh)
    slabs = find_building(clean, Surface(clean), tolerance=tolerance, thickness=thickness, is_up_known=True)
    floors, walls, _ = building_of(clean, slabs, tolerance)
    if not floors:
        return Separated(mesh)
    planes = [floors[0], *walls]
    found = find_pieces(mesh, planes, tolerance=tolerance)
    bodies = [
        body_of(
            piece.mesh,
            [planes[touched] for touched in piece.touches],
            clean,
            tolerance=tolerance,
            thickness=thickness,
            length_scale=length_scale,
            density=settings.things_density,
        )
        for piece in found.pieces
    ]
    stands = [stands_by_itself(body, planes[0].view.plane, tolerance=tolerance) for body in bodies]
    pieces = [piece for piece, it_stands in zip(found.pieces, stands, strict=True) if it_stands]
    left = found.left | ({"would fall over": stands.count(False)} if not all(stands) else {})
    _tell(len(pieces), left)
    if not pieces:
        return Separated(mesh, left=left)
    filled = fill_holes(take_apart(found, pieces, is_seen), planes, tolerance=tolerance)
    standing = [body for body, it_stands in zip(bodies, stands, strict=True) if it_stands]
    things = tuple(
        replace(body, visual=body.visual if filled.atlas is None else filled.atlas.moved(body.visual)).named(number)
        for number, body in enumerate(standing)
    )
    return Separated(filled.building, things, float(filled.patches.face_areas.sum()), left)


def _tell(n_things: int, left: dict[str, int]) -> None:
    why = "".join(f", {count} {reason}" for reason, count in sorted(left.items()))
    say(f"export: {n_things} things stand apart from the building{'; it keeps' + why[1:] if why else ''}")
