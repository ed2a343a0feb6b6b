"""Before the first step: from posed photos to a field, an occupancy grid and lines of sight, ready to be trained."""

from collections.abc import Sequence

import torch

from recon.field.interface import FieldSettings
from recon.geometry import Reconstruction
from recon.kernels import OccupancyLayout
from recon.pixels import Outline, Scene, free_cells, is_possible, lines_of_sight, normalize_scene
from recon.render.occupancy import Occupancy
from recon.train.depth_lines import LineSampler
from recon.train.exposure import ExposureLearner
from recon.train.known_depth import known_lines
from recon.train.settings import Recipe
from recon.train.training import Training
from recon.workspace import Workspace

# Cells per axis of the grid on which `is_possible` is judged; OCCUPANCY_MULTIPLE is a multiple of both
SILHOUETTE_CELLS, FRUSTUM_CELLS = 64, 32


def new_training(
    reconstruction: Reconstruction,
    outlines: Sequence[Outline],
    field: FieldSettings,
    recipe: Recipe,
    *,
    workspace: Workspace,
    seed: int,
    device: torch.device,
) -> Training:
    """The training at step 0 on the photos with these outlines, and on what the workspace knows of their depths.

    `field` and `recipe` are conf/field and the part of conf/train that decides the result; `seed` is of all random numbers,
    `device` where the field lies.

    reconstruction: the posed photos.
    """
    scene = normalize_scene(reconstruction, outlines)
    is_open = not scene.is_bounded
    layout = OccupancyLayout(scene.n_cascades, field.occupancy_resolution)
    possible = _possible_cells(scene, outlines, layout)
    sights = lines_of_sight(reconstruction, seed=seed)
    if sights:
        possible &= ~free_cells(scene, sights, layout)
    lines = None
    if recipe.depth_share > 0:
        has_sensor = recipe.sensor_depth
        lines = known_lines(workspace, reconstruction, scene, sights=sights, has_sensor=has_sensor, seed=seed)
    has_exposure = recipe.exposure and not scene.has_alpha  # pictures of an object cut out are taken as they are
    return Training(
        field.make(is_open=is_open, has_sky=not scene.has_alpha, pixel_side=scene.pixel_side).to(device),
        Occupancy(layout, possible.to(device)),
        scene,
        field.lattice(is_open=is_open),
        recipe,
        lines=None if lines is None else LineSampler(lines, device),
        exposure=ExposureLearner([outline.view for outline in outlines], device) if has_exposure else None,
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
