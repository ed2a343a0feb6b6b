"""The settings of conf/mesh and conf/compare; what each means is told there."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from recon.workspace.errors import UserError
from recon.workspace.settings import above, between


@dataclass(frozen=True)
class MeshSettings:
    """Lengths in "units" are world units."""

    # looking at the field
    fusion_views: Annotated[int, between(2, 10_000)]
    fusion_max_side: Annotated[int, between(16, 16384)]
    max_depth: Annotated[float, above(0)] | None
    min_opacity: Annotated[float, between(0, 1)]

    matched_max_side: Annotated[int, between(16, 16384)]
    field_max_side: Annotated[int, between(16, 16384)]
    field_weight: Annotated[float, above(0, up_to=1)]
    sensor_depth: bool

    # trusting a depth
    max_jump: Annotated[float, above(0, up_to=10)]
    min_cosine: Annotated[float, between(0, 1)]
    neighbours: Annotated[int, between(1, 1000)]
    min_agreeing: Annotated[int, between(0, 1000)]
    agreement: Annotated[float, above(0, up_to=10)]

    # fusing
    voxel_size: Annotated[float, above(0)] | None
    voxel_footprints: Annotated[float, above(0, up_to=1000)] | None
    truncation_voxels: Annotated[float, between(1, 8)] | None
    min_weight: Annotated[float, above(0, up_to=10_000)]
    memory_mb: Annotated[float, between(8, 1_000_000)]

    # planes
    plane_tolerance_voxels: Annotated[float, above(0, up_to=100)]
    min_plane_voxels: Annotated[float, between(2, 100_000)]
    fill_reach: Annotated[float, between(0, 100)]

    # cleaning
    min_area_fraction: Annotated[float, between(0, 1)]
    max_hole_voxels: Annotated[float, between(0, 1_000_000)]
    max_faces: Annotated[int, between(4, 100_000_000)] | None

    # painting
    texture_from: Literal["photos", "field"]
    texture_size: Annotated[int, between(16, 16384)]
    texture_photos: Annotated[int, between(1, 100_000)]
    photo_max_side: Annotated[int, between(16, 65536)]
    views_per_texel: Annotated[int, between(1, 1000)]
    sharpening_rounds: Annotated[int, between(0, 1000)]
    occlusion_margin_px: Annotated[int, between(0, 1000)]

    # saying what was seen
    seen_min_views: Annotated[int, between(1, 100_000)]
    seen_min_cosine: Annotated[float, between(0, 1)]

    def detail(self, *, of_object: bool) -> "Detail":
        """How finely a place, or an object that is cut out, is fused: what is set, else what suits it."""
        found = _OF_OBJECT if of_object else _OF_PLACE
        asked = {name: getattr(self, name) for name in ("voxel_footprints", "truncation_voxels", "max_faces")}
        return replace(found, **{name: value for name, value in asked.items() if value is not None})


@dataclass(frozen=True)
class Detail:
    """How finely a surface is fused."""

    voxel_footprints: float
    truncation_voxels: float
    max_faces: int
    growth: float  # truncations by which the surface is put outward (`fusion.grown`)


_OF_PLACE = Detail(2.0, 2.0, 40_000, 0.0)
# The field is one solid, seen from anywhere alike: its depths carry no noise that coarser voxels would have to average.
_OF_OBJECT = Detail(1.0, 1.5, 100_000, 0.2)


@dataclass(frozen=True)
class CompareSettings:
    """What conf/compare says."""

    others: Any  # files, a list
    plain_fusion: bool
    poisson: bool
    max_distance_m: Annotated[float, above(0)]
    n_samples: Annotated[int, between(100, 100_000_000)]
    fusion_views: Annotated[int, between(2, 10_000)]
    fusion_max_side: Annotated[int, between(16, 16384)]

    def __post_init__(self) -> None:
        if not isinstance(self.others, (list, tuple)) or not all(isinstance(file, str) for file in self.others):
            raise UserError(f"compare.others={self.others!r}: expected a list of mesh files, e.g. [dense.ply]")
