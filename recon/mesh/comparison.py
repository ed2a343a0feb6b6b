"""The run's mesh beside plainer surfaces of the same run and other programs' files, against exact truth."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recon.errors import UserError
from recon.geometry import Reconstruction, TriangleMesh
from recon.mesh.baselines import fuse_plainly, poisson_of_points
from recon.mesh.depth_maps import RenderViewFn
from recon.score.comparison import compare_meshes, read_mesh
from recon.workspace import Workspace


def compare_surfaces(
    workspace: Workspace,
    *,
    reconstruction: Reconstruction,
    render_view_fn: RenderViewFn,
    truth: Path | None,
    others: Sequence[str],
    plain_fusion: bool,
    poisson: bool,
    max_distance_m: float,
    n_samples: int,
    fusion_views: int,
    fusion_max_side: int,
) -> dict[str, Any]:
    """Print a table of scores, and write it as metrics "comparison". Settings: conf/compare/default.yaml."""
    if truth is None:
        raise UserError("nothing to score against: name a truth.json with truth=...")
    meshes: dict[str, TriangleMesh] = {"recon": read_mesh(workspace.mesh / "mesh.ply")}
    if plain_fusion:
        meshes["plain fusion"] = fuse_plainly(
            reconstruction, render_view_fn, n_views=fusion_views, max_side=fusion_max_side
        )
    if poisson:
        meshes["sparse points"] = poisson_of_points(reconstruction)
    meshes |= {Path(file).name: read_mesh(Path(file)) for file in others}
    return compare_meshes(
        workspace, truth=Path(truth), meshes=meshes, max_distance_m=max_distance_m, n_samples=n_samples
    )
