"""Before the first step: from posed photos to a field, an occupancy grid and lines of sight, ready to be trained."""

from collections.abc import Sequence
from pathlib import Path

import torch

from recon.field import RadianceField
from recon.field.settings import HashGridSettings
from recon.geometry import Reconstruction
from recon.kernels import OccupancyLayout
from recon.pixels import Outline, Scene, free_cells, is_possible, lines_of_sight, normalize_scene
from recon.render.occupancy import Occupancy
from recon.train.settings import Recipe
from recon.train.sightings import Sightings
from recon.train.training import Training

SILHOUETTE_CELLS, FRUSTUM_CELLS = (
    64,
    32,
)  # an axis, of the grid on which `is_possible` is judged; OCCUPANCY_MULTIPLE holds both


def new_training(
    reconstruction: Reconstruction,
    outlines: Sequence[Outline],
    field: HashGridSettings,
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
    is_open = not scene.is_bounded
    layout = OccupancyLayout(scene.n_cascades, field.occupancy_resolution)
    possible = _possible_cells(scene, outlines, layout)
    sightings = None
    if model.is_dir():
        taught = [view.image for view in reconstruction.training_views]
        others = [view.image for view in reconstruction.held_out_views]  # these must not teach anything
        lines = lines_of_sight(model, taught, others, seed=seed)
        possible &= ~free_cells(scene, lines, layout)
        sightings = Sightings(lines, scene, device) if len(lines) and recipe.sighting_share > 0 else None
    return Training(
        RadianceField(field.shape(is_open=is_open, has_sky=not scene.has_alpha)).to(device),
        Occupancy(layout, possible.to(device)),
        scene,
        field.lattice(is_open=is_open),
        recipe,
        sightings=sightings,
        seed=seed,
        device=device,
    )


def _possible_cells(scene: Scene, outlines: Sequence[Outline], layout: OccupancyLayout) -> torch.Tensor:
    """Cells [cascades, r, r, r] (bool) that some camera sees and no silhouette rules out, judged on coarser cells."""
    coarse = OccupancyLayout(layout.n_cascades, SILHOUETTE_CELLS if scene.has_alpha else FRUSTUM_CELLS)
    low, side = coarse.cell_boxes(torch.arange(coarse.n_cascades * coarse.resolution**3))
    # the ball around a cell: nothing visible in it may be lost
    possible = is_possible(scene, outlines, low + 0.5 * side[:, None], 0.87 * side).view(coarse.shape)
    for axis in (1, 2, 3):
        possible = possible.repeat_interleave(layout.resolution // coarse.resolution, axis)
    return possible
