"""Imports point one way: each folder of `recon` may import only the layers below it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EVERYWHERE = {"console", "errors", "workspace"}
BELOW = {
    "geometry": set[str](),
    "kernels": set[str](),
    "formats": {"geometry"},
    "capture": {"geometry", "formats"},
    "poses": {"geometry", "formats"},
    "dataset": {"geometry", "formats", "kernels"},
    "mesh": {"geometry", "formats"},
    "export": {"geometry", "formats"},
    "field": {"geometry", "kernels"},
    "render": {"geometry", "kernels"},
    "train": {"geometry", "formats", "kernels", "dataset", "field", "render"},
    "bench": {"geometry", "formats", "kernels", "dataset", "field", "render", "train"},
    "view": {"geometry", "formats", "dataset", "render", "train"},
}


def imports(file: Path) -> set[str]:
    """Dotted names that a file imports, at its top or inside functions."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def layers(file: Path) -> set[str]:
    """Folders and modules directly below `recon` that a file imports."""
    return {name.split(".")[1] for name in imports(file) if name.startswith("recon.")}


def test_every_folder_has_a_place() -> None:
    folders = {path.parent.name for path in (ROOT / "recon").glob("*/__init__.py")}
    assert folders == set(BELOW)


@pytest.mark.parametrize("folder", sorted(BELOW))
def test_imports_point_down(folder: str) -> None:
    allowed = BELOW[folder] | EVERYWHERE | {folder}
    files = sorted((ROOT / "recon" / folder).rglob("*.py"))
    offenders = {str(file.relative_to(ROOT)): sorted(layers(file) - allowed) for file in files}
    assert not {file: names for file, names in offenders.items() if names}


def test_nobody_below_the_pipeline_imports_view_or_configuration() -> None:
    for file in (ROOT / "recon").rglob("*.py"):
        names = imports(file)
        assert not {n for n in names if n.split(".")[0] in ("hydra", "omegaconf")}, f"{file}: Hydra stays in scripts/"
        if file.name != "pipeline.py" and file.parent.name != "view":
            assert "view" not in layers(file), f"{file} imports recon.view"
