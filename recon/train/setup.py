"""Before the first step: from posed photos to a field, an occupancy grid and lines of sight, ready to be trained."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from recon.errors import UserError
from recon.field import FieldShape, RadianceField
from recon.geometry import Reconstruction, held_out
from recon.kernels import OccupancyLayout, StepLattice
from recon.pixels import Outline, Scene, free_cells, is_possible, lines_of_sight, normalize_scene
from recon.render.occupancy import Occupancy
from recon.train.depth_lines import LineSampler
from recon.train.known_depth import sparse_lines
from recon.train.training import Recipe, Training

SILHOUETTE_CELLS, FRUSTUM_CELLS = 64, 32  # an axis, of the grid on which `is_possible` is judged


def new_training(
    reconstruction: Reconstruction,
    outlines: Sequence[Outline],
    field: Mapping[str, Any],
    recipe: Recipe,
    *,
    model: Path,
    seed: int,
    device: torch.device,
) -> Training:
    """The training at step 0 on the photos with these outlines.

    `model`: the folder of the COLMAP model; its lines of sight are used where it exists.
    """
    scene = normalize_scene(reconstruction, outlines)
    open_scene = not scene.is_bounded
    suited = {name: field.get(f"{name}_open", value) if open_scene else value for name, value in field.items()}
    shape = {name: suited[name] for name in FieldShape.__dataclass_fields__ if name in suited}
    layout = OccupancyLayout(scene.n_cascades, field["occupancy_resolution"])
    lattice = StepLattice(2 / suited["steps_across"], field["step_growth"] if open_scene else 0.0)
    possible = _possible_cells(scene, outlines, layout)
    known = None
    if model.is_dir():
        is_out = held_out(reconstruction.views)  # held-out pictures must not teach anything
        taught, others = (
            [view.image for view, out in zip(reconstruction.views, is_out, strict=True) if out is kind]
            for kind in (False, True)
        )
        lines = lines_of_sight(model, taught, others, seed=seed)
        possible &= ~free_cells(scene, lines, layout)
        known = LineSampler(sparse_lines(lines, scene), device) if len(lines) and recipe.depth_share > 0 else None
    return Training(
        RadianceField(FieldShape(**shape, is_contracted=open_scene, has_sky=not scene.has_alpha)).to(device),
        Occupancy(layout, possible.to(device)),
        scene,
        lattice,
        recipe,
        lines=known,
        seed=seed,
        device=device,
    )


def _possible_cells(scene: Scene, outlines: Sequence[Outline], layout: OccupancyLayout) -> torch.Tensor:
    """Cells [cascades, r, r, r] (bool) that some camera sees and no silhouette rules out, judged on coarser cells."""
    if layout.resolution % SILHOUETTE_CELLS:
        raise UserError(f"field.occupancy_resolution={layout.resolution}: expected a multiple of {SILHOUETTE_CELLS}.")
    coarse = OccupancyLayout(layout.n_cascades, SILHOUETTE_CELLS if scene.has_alpha else FRUSTUM_CELLS)
    low, side = coarse.cell_boxes(torch.arange(coarse.n_cascades * coarse.resolution**3))
    # the ball around a cell: nothing visible in it may be lost
    possible = is_possible(scene, outlines, low + 0.5 * side[:, None], 0.87 * side).view(coarse.shape)
    for axis in (1, 2, 3):
        possible = possible.repeat_interleave(layout.resolution // coarse.resolution, axis)
    return possible
