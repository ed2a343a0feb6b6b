"""What the documents name is there: settings, choices, commands, files, modules and places in other documents."""

import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from recon.command.main import STAGES

ROOT = Path(__file__).resolve().parent.parent
CONF = ROOT / "conf"
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "data" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
GROUPS = sorted(folder.name for folder in CONF.iterdir() if folder.is_dir() and folder.name != "experiment")
KEY = re.compile(rf"(?<![\w/.])({'|'.join(GROUPS)})\.([a-z]\w*)(=?)")
FILE_ENDINGS = {"py", "json", "cpp", "npz", "ply", "pt", "csv", "txt", "obj", "png", "glb"}  # `train.py` is no setting


def words_of(document: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each stretch of code: between backticks, or a line of a block of code."""
    is_block = False
    for number, line in enumerate(document.read_text().splitlines(), 1):
        if line.startswith("```"):
            is_block = not is_block
        elif is_block:
            yield number, line
        else:
            yield from ((number, code) for code in re.findall(r"`([^`]+)`", line))


def keys_of(group: str) -> set[str]:
    files = [yaml.safe_load(file.read_text()) or {} for file in (CONF / group).rglob("*.yaml")]
    return {str(key) for values in files for key in values}


def choices_of(group: str) -> set[str]:
    return {file.stem for file in (CONF / group).glob("*.yaml")}


@pytest.fixture(params=DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def document(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_settings_exist(document: Path) -> None:
    known = {group: keys_of(group) for group in GROUPS}
    named = [(n, *found) for n, code in words_of(document) for found in KEY.findall(code)]
    unknown = [(n, f"{group}.{key}") for n, group, key, _ in named if key not in known[group] | FILE_ENDINGS]
    assert not unknown


def test_choices_exist(document: Path) -> None:
    choice = re.compile(rf"(?:^|\s)({'|'.join(GROUPS)}|experiment)=([a-z_0-9]+)\b")
    named = [(n, *found) for n, code in words_of(document) for found in choice.findall(code)]
    assert not [(n, group, name) for n, group, name in named if name not in choices_of(group)]


def test_commands_exist(document: Path) -> None:
    text = document.read_text()
    scripts = set(re.findall(r"scripts/(\w+\.(?:py|sh))", text)) - {"NAME.py"}
    assert not [name for name in scripts if not (ROOT / "scripts" / name).exists()]
    commands = {*STAGES, "summary", "make_marker"}
    assert not set(re.findall(r"(?:python -m|`)\s?recon ([a-z_]+)", text)) - commands


def test_files_and_modules_exist(document: Path) -> None:
    codes = [code for _, code in words_of(document)]
    paths = [code for code in codes if re.fullmatch(r"(recon|tests|docs|conf|scripts|data)/[\w./-]+", code)]
    modules = [code for code in codes if re.fullmatch(r"recon(\.[a-z]\w*)+", code)]
    assert not [path for path in paths if "NAME" not in path and not (ROOT / path).exists()]
    for name in modules:
        pkgutil.resolve_name(name)  # a module, or a name in one


def test_links_lead_somewhere(document: Path) -> None:
    for place, heading in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", document.read_text()):
        target = document.parent / place if place else document
        assert target.exists(), place
        if heading:
            titles = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            assert heading in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}, heading
