"""The run's mesh beside plainer surfaces of the same run and other programs' files, against exact truth."""

from pathlib import Path
from typing import Any

from recon.geometry import Reconstruction, TriangleMesh
from recon.mesh.baselines import fuse_plainly, poisson_of_points
from recon.mesh.settings import CompareSettings
from recon.render.views import RenderPartFn
from recon.score.comparison import compare_meshes, read_mesh
from recon.workspace import Workspace
from recon.workspace.errors import UserError


def compare_surfaces(
    workspace: Workspace,
    *,
    reconstruction: Reconstruction,
    render_view_fn: RenderPartFn | None,  # of the field, which only the plain fusion asks
    truth: Path | None,
    settings: CompareSettings,
) -> dict[str, Any]:
    """Print a table of scores, and write it as metrics "comparison"."""
    if truth is None:
        raise UserError("nothing to score against: name a truth.json with truth=...")
    meshes: dict[str, TriangleMesh] = {"recon": read_mesh(workspace.mesh / "mesh.ply")}
    if settings.plain_fusion:
        assert render_view_fn is not None
        size = {"n_views": settings.fusion_views, "max_side": settings.fusion_max_side}
        meshes["plain fusion"] = fuse_plainly(reconstruction, render_view_fn, **size)
    if settings.poisson:
        meshes["sparse points"] = poisson_of_points(reconstruction)
    meshes |= {Path(file).name: read_mesh(Path(file)) for file in settings.others}
    return compare_meshes(
        workspace,
        truth=Path(truth),
        meshes=meshes,
        max_distance_m=settings.max_distance_m,
        n_samples=settings.n_samples,
    )
