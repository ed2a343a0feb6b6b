"""The settings of conf/export; what each means is told there."""

from dataclasses import dataclass
from typing import Annotated

from recon.settings import above, between, written


@dataclass(frozen=True)
class ExportSettings:
    """Lengths are metres."""

    name: Annotated[str, written(r"[A-Za-z0-9_]+", "of letters, digits and _")]
    tolerance_m: Annotated[float, above(0, up_to=1000)]
    wall_thickness_m: Annotated[float, above(0, up_to=1000)]
    collision_faces: Annotated[int, between(4, 100_000_000)]
    max_parts: Annotated[int, between(1, 1_000_000)]
    ground_cell_m: Annotated[float, above(0, up_to=1000)]
    friction: Annotated[float, between(0, 100)]
    assumed_diagonal_m: Annotated[float, above(0, up_to=1_000_000)]
    verify: bool
    drop_spheres: Annotated[int, between(1, 100_000)]
    sphere_radius_m: Annotated[float, above(0, up_to=1000)]
    drop_seconds: Annotated[float, above(0, up_to=3600)]
