"""The shape of the code: short files, short functions, few parameters, and a word about each where there are many."""

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = [*sorted((ROOT / "recon").rglob("*.py")), *sorted((ROOT / "scripts").glob("*.py")), ROOT / "setup.py"]
LONGEST_FILE, MEDIAN_FILE, LONGEST_FUNCTION = 250, 120, 60  # lines
MOST_PARAMETERS = 9
MANY_PARAMETERS = 6  # from here on the doc string says what each is


class Function(NamedTuple):
    name: str
    lines: int
    parameters: tuple[str, ...]  # without self
    unsaid: tuple[str, ...]  # those that neither the doc string nor a comment beside them says anything of


def functions(file: Path) -> Iterator[Function]:
    text = file.read_text()
    tree, lines = ast.parse(text), text.splitlines()
    classes = {item: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for item in node.body}
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        a = node.args
        every = [*a.posonlyargs, *a.args, *a.kwonlyargs, *(star for star in (a.vararg, a.kwarg) if star is not None)]
        own = [arg for arg in every if arg.arg not in ("self", "cls")]
        words = (ast.get_docstring(node) or "") + (ast.get_docstring(classes[node]) or "" if node in classes else "")
        words += contract_of(file)
        named = set(re.findall(r"\w+", words)) | {arg.arg for arg in own if "  # " in lines[arg.lineno - 1]}
        is_told_there = re.match(r"(As|See) `\w+`", words)  # the doc string says which function takes the same
        unsaid = () if is_told_there else tuple(arg.arg for arg in own if arg.arg not in named)
        length = (node.end_lineno or 0) - node.lineno + 1
        yield Function(f"{node.name}:{node.lineno}", length, tuple(arg.arg for arg in own), unsaid)


def contract_of(file: Path) -> str:
    """Names that the package of a file gives a meaning to in a table of its own: the first column, indented by four."""
    package = file.parent / "__init__.py"
    words = ast.get_docstring(ast.parse(package.read_text())) or "" if package.exists() else ""
    return " ".join(re.findall(r"^    (\w[\w, ]*?)  ", words, re.MULTILINE)) if "throughout:" in words else ""


def test_files_are_short() -> None:
    lengths = {file.relative_to(ROOT).as_posix(): len(file.read_text().splitlines()) for file in FILES}
    assert not {name: n for name, n in lengths.items() if n > LONGEST_FILE}
    written = [n for name, n in lengths.items() if not name.endswith("__init__.py")]
    assert statistics.median(written) <= MEDIAN_FILE


@pytest.mark.parametrize("package", sorted((ROOT / "recon").rglob("__init__.py")), ids=lambda p: p.parent.name)
def test_each_folder_lists_what_is_in_it(package: Path) -> None:
    words = set(re.findall(r"\w+", ast.get_docstring(ast.parse(package.read_text())) or ""))
    files = {file.stem for file in package.parent.glob("*.py")} - {"__init__", "__main__"}
    folders = {folder.parent.name for folder in package.parent.glob("*/__init__.py")}
    assert not sorted((files | folders) - words), "not in the table of the folder's __init__.py"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_functions_are_short_and_say_what_they_take(file: Path) -> None:
    found = list(functions(file))
    assert not [(f.name, f.lines) for f in found if f.lines > LONGEST_FUNCTION]
    assert not [(f.name, f.parameters) for f in found if len(f.parameters) > MOST_PARAMETERS]
    unsaid = {f.name: f.unsaid for f in found if len(f.parameters) >= MANY_PARAMETERS and f.unsaid}
    assert not unsaid, "parameters that the doc string does not explain"
