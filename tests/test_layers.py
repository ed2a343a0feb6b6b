"""Imports point one way: each package of `recon` may import only what lies below it, sub-packages and top-level files included."""

import ast
import graphlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EVERYWHERE = {"workspace"}  # any package may use it
BELOW = {
    "workspace": set[str](),
    "geometry": set[str](),
    "kernels": {"geometry"},
    "formats": {"geometry"},
    "capture": {"geometry", "formats"},
    "matching": {"geometry", "formats", "kernels"},
    "poses": {"geometry", "formats", "kernels", "matching"},
    "pixels": {"geometry", "formats", "kernels"},
    "render": {"geometry", "kernels"},
    "field": {"geometry", "kernels", "pixels", "render"},
    "score": {"geometry", "formats", "render"},
    "train": {"geometry", "formats", "kernels", "pixels", "field", "render", "score"},
    "mesh": {"geometry", "formats", "kernels", "pixels", "render", "score"},
    "export": {"geometry", "formats", "kernels"},
    "show": {"geometry", "formats", "render"},
    "bench": {"geometry", "formats", "kernels", "pixels", "field", "render", "score", "train", "mesh"},
    "command": {"pipeline", "poses"},
}
BELOW["pipeline"] = set(BELOW) - {"bench", "command"}
WITHIN = {  # sub-packages that have an order: which of their neighbours each may import
    "poses": {"sfm": set[str](), "world_frame": set[str](), "given": {"sfm"}, "doctor": {"sfm"}},
    "show": {"novel_views": set[str](), "viewer": set[str](), "report": set[str]()},
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


def parts(file: Path) -> set[str]:
    """Packages and modules directly below `recon` that a file imports."""
    return {name.split(".")[1] for name in imports(file) if name.startswith("recon.")} - {"__version__"}


def packages() -> set[str]:
    return {path.parent.name for path in (ROOT / "recon").glob("*/__init__.py")}


def test_everything_has_a_place() -> None:
    assert packages() == set(BELOW)
    assert {path.stem for path in (ROOT / "recon").glob("*.py")} == {"__init__", "__main__"}, (
        "a lone file beside folders"
    )
    folders = {path.parent for path in (ROOT / "recon").rglob("*.py")}
    assert not {folder for folder in folders if not (folder / "__init__.py").exists()}, "folders without __init__.py"


@pytest.mark.parametrize("package", sorted(BELOW))
def test_imports_point_down(package: str) -> None:
    allowed = BELOW[package] | EVERYWHERE | {package}
    files = sorted((ROOT / "recon" / package).rglob("*.py"))
    offenders = {str(file.relative_to(ROOT)): sorted(parts(file) - allowed) for file in files}
    assert not {file: names for file, names in offenders.items() if names}


def test_no_packages_import_each_other() -> None:
    graph = {
        package: set().union(*(parts(f) for f in (ROOT / "recon" / package).rglob("*.py"))) - {package}
        for package in packages()
    }
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError and names the circle


def sub_packages() -> list[Path]:
    return sorted({f.parent for f in (ROOT / "recon").glob("*/*/__init__.py")})


@pytest.mark.parametrize("package", sorted({p.parent for p in sub_packages()}), ids=lambda p: p.name)
def test_no_sub_packages_import_each_other_in_a_circle(package: Path) -> None:
    prefix = f"recon.{package.name}."
    graph = {
        sub.name: {
            name.removeprefix(prefix).split(".")[0]
            for file in sub.rglob("*.py")
            for name in imports(file)
            if name.startswith(prefix)
        }
        & {s.name for s in sub_packages() if s.parent == package and s != sub}
        for sub in sub_packages()
        if sub.parent == package
    }
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize(("package", "sub"), [(package, sub) for package, subs in WITHIN.items() for sub in subs])
def test_imports_within_a_package_point_down(package: str, sub: str) -> None:
    prefix, allowed = f"recon.{package}.", WITHIN[package][sub] | {sub}
    assert {path.name for path in sub_packages() if path.parent.name == package} == set(WITHIN[package])
    for file in (ROOT / "recon" / package / sub).rglob("*.py"):
        mine = {name.removeprefix(prefix).split(".")[0] for name in imports(file) if name.startswith(prefix)}
        assert mine <= allowed, f"{file}: {sorted(mine - allowed)}"


def test_configuration_stays_at_the_border() -> None:
    for file in set((ROOT / "recon").rglob("*.py")) - set((ROOT / "recon" / "command").rglob("*.py")):
        names = imports(file)
        assert not {n for n in names if n.split(".")[0] in ("hydra", "omegaconf")}, f"{file}: Hydra stays in command/"


COLMAP = "poses/sfm/"  # the others get its findings as our nouns: views, poses, tracks


def test_colmap_stays_in_its_package() -> None:
    files = ((file.relative_to(ROOT / "recon").as_posix(), file) for file in (ROOT / "recon").rglob("*.py"))
    others = ((name, file) for name, file in files if not name.startswith(COLMAP))
    assert not [name for name, file in others if any(i.split(".")[0] == "pycolmap" for i in imports(file))]


# Readers of what people and other programs wrote: a name may be too long for `Path.is_file`, a device or a pipe for `read_bytes`.
READERS = ("capture", "formats", "poses", "render", "score")
UNSAFE = {"is_file", "is_dir", "exists", "read_bytes", "read_text", "lstat"}
OUR_OWN = {  # asked about files that only we write, under names that only we choose
    "capture/masks.py",
    "poses/doctor/examine.py",
    "poses/doctor/matching.py",
    "poses/exchange.py",
    "poses/given/matches.py",
    "poses/sfm/colmap_log.py",
    "poses/sfm/features.py",
    "poses/sfm/structure.py",
    "poses/sfm/xfeat.py",
}


@pytest.mark.parametrize("file", sorted(p for part in READERS for p in (ROOT / "recon" / part).rglob("*.py")), ids=str)
def test_readers_ask_for_files_through_reading(file: Path) -> None:
    name = file.relative_to(ROOT / "recon").as_posix()
    calls = [node.func for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    found = {f.attr for f in calls if isinstance(f, ast.Attribute) and f.attr in UNSAFE}
    assert name in OUR_OWN or not found, f"{name}: {found}; use recon.workspace.reading"
