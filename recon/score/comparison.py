"""Our mesh beside others, all in the run's world and scored against the same truth: one table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recon.formats.meshes import read_obj, read_ply
from recon.geometry import TriangleMesh
from recon.score.truth import judge
from recon.workspace import Workspace, write_metrics
from recon.workspace.console import say
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file

_READERS = {".ply": read_ply, ".obj": read_obj}
_COLUMNS = (
    ("F 2 cm", "f_score_2cm", "{:.3f}"),
    ("F 5 cm", "f_score_5cm", "{:.3f}"),
    ("F 10 cm", "f_score_10cm", "{:.3f}"),
    ("precision 5", "precision_5cm", "{:.3f}"),
    ("recall 5", "recall_5cm", "{:.3f}"),
    ("accuracy m", "accuracy_m", "{:.3f}"),
    ("complete m", "completeness_m", "{:.3f}"),
    ("normals", "normal_consistency", "{:.3f}"),
    ("floor rms m", "floor_rms_m", "{:.4f}"),
    ("outside", "outside_fraction", "{:.0%}"),
)


def compare_meshes(
    workspace: Workspace, *, truth: Path, meshes: Mapping[str, TriangleMesh], max_distance_m: float, n_samples: int
) -> dict[str, Any]:
    """Score named meshes, all in the run's world; prints a table, writes and returns metrics "comparison"."""
    run = judge(workspace, truth=truth)
    if run.truth.mesh is None:
        raise UserError(f"{truth}: names no mesh, so there is no surface to compare with.")
    scores = run.surface_scores(*meshes.values(), max_distance_m=max_distance_m, n_samples=n_samples, seed=0)
    found = dict(zip(meshes, scores, strict=True))
    write_metrics(workspace, "comparison", found)
    for line in table(found):
        say(line)
    return found


def read_mesh(path: Path) -> TriangleMesh:
    """A mesh file of any program, in the run's world: PLY or OBJ."""
    if not is_file(path):
        raise UserError(f"{path}: there is no such mesh. Name a .ply or .obj made from this run's poses.")
    if path.suffix.lower() not in _READERS:
        raise UserError(f"{path}: expected a .ply or .obj mesh, found {path.suffix or 'no suffix'}. Convert it first.")
    return _READERS[path.suffix.lower()](path)


def table(scores: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
    """Lines of a table: a row a mesh."""
    width = max(len(name) for name in scores)
    lines = [" " * width + "".join(f"{title:>13}" for title, _, _ in _COLUMNS)]
    for name, row in scores.items():
        cells = [form.format(row[key]) if row.get(key) is not None else "-" for _, key, form in _COLUMNS]
        lines.append(f"{name:<{width}}" + "".join(f"{cell:>13}" for cell in cells))
    return lines
