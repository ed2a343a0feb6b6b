"""The run's mesh beside plainer surfaces of the same run and other programs' files, against exact truth."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from recon.geometry import Reconstruction, TriangleMesh
from recon.mesh.baselines import fuse_plainly, poisson_of_points
from recon.render.views import RenderViewFn
from recon.score.comparison import compare_meshes, read_mesh
from recon.workspace import Workspace
from recon.workspace.errors import UserError
from recon.workspace.settings import above, between


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


def compare_surfaces(
    workspace: Workspace,
    *,
    reconstruction: Reconstruction,
    render_view_fn: RenderViewFn | None,  # of the field, which only the plain fusion asks
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
