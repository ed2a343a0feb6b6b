"""What is known of depths before training, as lines in the scene: from sparse points."""

import torch

from recon.pixels import LinesOfSight, Scene
from recon.train.depth_lines import DepthLines


def sparse_lines(sights: LinesOfSight, scene: Scene) -> DepthLines:
    """Each observation of a sparse point as a line of its own group."""
    starts, ends = (torch.from_numpy(scene.scene_from_world.points(x)).float() for x in (sights.starts, sights.ends))
    along = ends - starts
    distances = along.norm(dim=-1).clamp_min(1e-9)
    n = len(sights)
    return DepthLines(
        origins=starts,
        directions=along / distances[:, None],
        distances=distances,
        errors=torch.zeros(n),
        colors=torch.from_numpy(sights.colors),
        weights=torch.ones(n),
        groups=torch.arange(n),
    )
