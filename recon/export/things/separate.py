"""Things and their building: from one mesh to a closed building and the bodies that stood in it.

First what a person marked with a box, then what stands on tops, from the highest down, then what stands on the floor: a table
goes when nothing stands on it any more, and is closed there too.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from recon.export.building import find_building
from recon.export.collision_mesh import clean_mesh
from recon.export.place import Thing
from recon.export.settings import ExportSettings
from recon.export.slab import Slab
from recon.export.things.backs import with_back
from recon.export.things.bodies import body_of, stands_by_itself
from recon.export.things.boxed import closed_around, find_boxed, support_of
from recon.export.things.clearance import cleared_of_each_other
from recon.export.things.filling import fill_holes
from recon.export.things.pieces import Candidates, Piece, find_pieces, take_apart
from recon.export.things.supports import level_tops, own_tops
from recon.export.tolerances import Tolerances
from recon.export.walls import building_of
from recon.export.zones import Reach
from recon.geometry.mesh import TriangleMesh
from recon.kernels.surfaces import AskedSurface
from recon.workspace.console import say, warn
from recon.workspace.errors import UserError


@dataclass(frozen=True)
class Separated:
    """A building without its things.

    `is_seen` [f]: faces of it that a view shows. `filled_area`: of the planes behind them; `left`: pieces that stay in it, by the
    reason.
    """

    building: TriangleMesh
    is_seen: np.ndarray
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
                    "looser": thing.looser,
                    "unseen_faces": thing.n_unseen,
                }
                for thing in self.things
            },
        }


def separate(
    mesh: TriangleMesh,
    is_seen: np.ndarray,
    settings: ExportSettings,
    *,
    reach: Reach,
    length_scale: float,
    is_up_known: bool,
) -> Separated:
    """Things of a visual mesh in package units that stand on floor and tops within `reach`; `is_seen` [f]: a view shows them.

    Nothing is taken apart where the setting says so, or where nobody knows what is up, or without a floor. Raises `UserError`
    for a box of `export.things_boxes` with nothing in it.

    settings: lengths in metres, of which `length_scale` units make one. is_up_known: whether +z is up.
    """
    if settings.things == "none" or not is_up_known:
        return _nothing(mesh, is_seen, settings)
    tolerance, thickness = settings.fine_m * length_scale, settings.wall_thickness_m * length_scale
    clean = clean_mesh(reach.within(mesh), smallest=tolerance)
    if not len(clean.faces):
        return _nothing(mesh, is_seen, settings)
    tolerances = Tolerances.of(settings, length_scale=length_scale)
    slabs = find_building(
        clean,
        AskedSurface(clean),
        tolerances=tolerances,
        thickness=thickness,
        is_up_known=True,
        cameras=reach.cameras,
    )
    floors, walls, _ = building_of(clean, slabs)
    if not floors:
        return _nothing(mesh, is_seen, settings)
    tops = level_tops(slabs, floors[0], tolerance=tolerance)
    tolerances = tolerances.over(floors[0].view)
    rest = _Rest(mesh, is_seen, clean, tuple(tops), tolerances, settings, length_scale)
    for number, corners in enumerate(settings.things_boxes):
        low, high = length_scale * np.array(corners, float)
        rest = rest.without_box([support_of([*tops, floors[0]], low, high), *walls], low, high, number)
    for support in (*tops, floors[0]):
        rest = rest.without_standing([support, *walls])
    _tell(rest.things, rest.left)
    things = cleared_of_each_other(rest.things, tolerance=tolerance)
    named = tuple(with_back(thing.named(number), tolerance=tolerance) for number, thing in enumerate(things))
    return Separated(rest.mesh, rest.is_seen, named, rest.filled_area, dict(rest.left))


def _nothing(mesh: TriangleMesh, is_seen: np.ndarray, settings: ExportSettings) -> Separated:
    if settings.things_boxes:
        warn(
            "export.things_boxes: nothing is cut out, since "
            + ("export.things=none." if settings.things == "none" else "the place has no floor that anybody knows of.")
        )
    return Separated(mesh, is_seen)


@dataclass(frozen=True)
class _Rest:
    """What is left of a mesh while things are taken out of it, and those taken so far; `around` is the mesh before, cleaned."""

    mesh: TriangleMesh
    is_seen: np.ndarray
    around: TriangleMesh
    tops: tuple[Slab, ...]
    tolerances: Tolerances
    settings: ExportSettings
    length_scale: float
    things: tuple[Thing, ...] = ()
    filled_area: float = 0.0
    left: Counter[str] = field(default_factory=Counter)

    @property
    def tolerance(self) -> float:
        return self.tolerances.fine

    def without_standing(self, planes: Sequence[Slab]) -> "_Rest":
        """Without what stands on the first of the planes by itself."""
        found = find_pieces(self.mesh, planes, tolerance=self.tolerance)
        bodies = [self._body(piece, planes) for piece in found.pieces]
        stands = [stands_by_itself(body, planes[0].view, tolerance=self.tolerance) for body in bodies]
        taken = [
            pair for pair, it_stands in zip(zip(found.pieces, bodies, strict=True), stands, strict=True) if it_stands
        ]
        left = self.left + Counter({"would fall over": stands.count(False)})
        if planes[0].kind == "floor":  # what does not stand on a top may still stand on the floor
            left += Counter(found.left)
        return replace(self._without(found, taken, planes), left=left)

    def without_box(self, planes: Sequence[Slab], low: np.ndarray, high: np.ndarray, number: int) -> "_Rest":
        """Without what lies between two corners of a box."""
        found = find_boxed(self.mesh, planes, low, high, tolerance=self.tolerance)
        if not found.pieces:
            raise UserError(
                f"export.things_boxes[{number}]: nothing of the mesh lies between {low.tolist()} and {high.tolist()}, "
                "before the planes of the building. Corners are in the world's metres, as a viewer of assets/visual.obj tells them."
            )
        (piece,) = found.pieces
        body = self._body(piece, planes)
        if not stands_by_itself(body, planes[0].view, tolerance=self.tolerance):
            warn(f"export.things_boxes[{number}]: what is in it does not stand by itself; left free it would fall.")
        return self._without(found, [(piece, body)], planes, box=(low, high))

    def _body(self, piece: Piece, planes: Sequence[Slab]) -> Thing:
        return body_of(
            piece.mesh,
            [planes[touched] for touched in piece.touches],
            self.around,
            tops=own_tops(piece.mesh, self.tops, tolerance=self.tolerance),
            tolerances=self.tolerances,
            thickness=self.settings.wall_thickness_m * self.length_scale,
            length_scale=self.length_scale,
            density=self.settings.things_density,
        )

    def _without(
        self,
        found: Candidates,
        taken: Sequence[tuple[Piece, Thing]],
        planes: Sequence[Slab],
        *,
        box: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> "_Rest":
        """Without pieces, the planes closed behind them; the texture of all things taken so far moves with the building's."""
        if not taken:
            return self
        apart = take_apart(found, [piece for piece, _ in taken], self.is_seen)
        if box is not None:
            apart = closed_around(apart, *box, tolerance=self.tolerance)
        filled = fill_holes(apart, planes, tolerance=self.tolerance)
        things = (*self.things, *(body for _, body in taken))
        if filled.atlas is not None:
            things = tuple(replace(thing, visual=filled.atlas.moved(thing.visual)) for thing in things)
        area = self.filled_area + float(filled.patches.face_areas.sum())
        return replace(self, mesh=filled.building, is_seen=filled.is_seen, things=things, filled_area=area)


def _tell(things: Sequence[Thing], left: Counter[str]) -> None:
    why = "".join(f", {count} {reason}" for reason, count in sorted(left.items()))
    stand = "1 thing stands" if len(things) == 1 else f"{len(things)} things stand"
    say(f"export: {stand} apart from the building{'; it keeps' + why[1:] if why else ''}")
    looser = [thing.looser for thing in things if thing.looser > 1]
    if looser:
        warn(
            f"{len(looser)} of the things are so rough that some of their convex parts keep to {max(looser):.2g} times "
            "export.tolerance_m of their surface only."
        )
