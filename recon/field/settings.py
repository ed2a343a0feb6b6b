"""The settings of conf/field; what each means is told there."""

from dataclasses import dataclass
from typing import Annotated, Literal

from recon.field.hash_grid import FieldShape, RadianceField
from recon.kernels import StepLattice
from recon.workspace.errors import UserError
from recon.workspace.settings import above, between

SIDE, SIDE_FOLDED = 2.0, 4.0  # of what the hash grid covers, scene units: the unit cube, all space folded
FINEST = 16384  # cells per axis
OCCUPANCY_MULTIPLE = 64  # cells per axis: the occupancy grid is first judged on coarser cells


@dataclass(frozen=True)
class HashGridSettings:
    """Sizes of a hash-grid field and of the grid that says where it is empty; names in `_open` are those of open scenes."""

    kind: Literal["hash_grid"]
    n_levels: Annotated[int, between(1, 32)]
    n_features: Annotated[int, between(1, 16)]
    log2_table_size: Annotated[int, between(4, 28)]
    log2_table_size_open: Annotated[int, between(4, 28)]
    base_resolution: Annotated[int, between(1, 65536)]
    cells_per_pixel: Annotated[float, between(0.01, 100)]
    width: Annotated[int, between(1, 1024)]
    occupancy_resolution: Annotated[int, between(64, 1024)]
    steps_across: Annotated[int, between(8, 65536)]
    steps_across_open: Annotated[int, between(8, 65536)]
    step_growth: Annotated[float, above(0, up_to=1)]

    def __post_init__(self) -> None:
        if self.occupancy_resolution % OCCUPANCY_MULTIPLE:
            raise UserError(
                f"field.occupancy_resolution={self.occupancy_resolution}: expected a multiple of {OCCUPANCY_MULTIPLE}"
            )

    def make(self, *, is_open: bool, has_sky: bool, pixel_side: float) -> RadianceField:
        """An untrained field. `is_open`: for a scene without bounds; `pixel_side`: of a pixel on the content, scene units."""
        return RadianceField(self.shape(is_open=is_open, has_sky=has_sky, pixel_side=pixel_side))

    def shape(self, *, is_open: bool, has_sky: bool, pixel_side: float) -> FieldShape:
        """The field for a scene without (`is_open`) or with bounds, as fine as its pictures show the content."""
        side = SIDE_FOLDED if is_open else SIDE
        finest = round(self.cells_per_pixel * side / pixel_side)
        return FieldShape(
            n_levels=self.n_levels,
            n_features=self.n_features,
            log2_table_size=self.log2_table_size_open if is_open else self.log2_table_size,
            base_resolution=self.base_resolution,
            finest_resolution=min(max(finest, self.base_resolution), FINEST),
            width=self.width,
            is_contracted=is_open,
            has_sky=has_sky,
        )

    def lattice(self, *, is_open: bool) -> StepLattice:
        """Where rays may be sampled."""
        across = self.steps_across_open if is_open else self.steps_across
        return StepLattice(2 / across, self.step_growth if is_open else 0.0)
