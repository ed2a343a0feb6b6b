"""`report.html`: one self-contained page per run that a person can look at, sent or kept without its folder."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from html import escape
from pathlib import Path

from recon.show.report import number_sections, pose_sections, sections, surface_sections, world_section
from recon.show.report.page import document, section
from recon.workspace import Workspace, replace_file
from recon.workspace.console import say, warn
from recon.workspace.errors import UserError

_TOP: tuple[tuple[str, Callable[[Workspace], str | None]], ...] = (
    ("the first picture", sections.hero),
    ("the first numbers", number_sections.headline),
    ("the verdict on the poses", pose_sections.verdict),
    ("the list of warnings", number_sections.warnings_box),
)
_SECTIONS: tuple[tuple[str, Callable[[Workspace], str | None]], ...] = (
    ("Frames", sections.frames),
    ("Cameras", pose_sections.cameras),
    ("How poses were found", pose_sections.how_found),
    ("Training", number_sections.training),
    ("Held-out views", sections.held_out_views),
    ("Novel views", sections.novel_views),
    ("Matching", surface_sections.matching),
    ("Mesh", surface_sections.mesh),
    ("World", world_section.world),
    ("Against the truth", number_sections.truth),
    ("All numbers", number_sections.numbers),
    ("Settings", number_sections.settings),
)
_OPTIONAL = ("How poses were found", "Against the truth")  # rather left out than "not run"
# What values of another kind than recon writes end in: JSON that a person or a program changed.
_MISREAD = (AttributeError, KeyError, IndexError, TypeError, ValueError, OverflowError)


def write_report(workspace: Workspace) -> Path:
    """Write the page from whatever stages have run; the others say "not run", and a part that cannot be read says so.

    `UserError` for a folder in which nothing has run: its name is probably mistyped.
    """
    own = (workspace.config.name, workspace.report_html.name)
    if not any(path.name not in own and not path.name.startswith(".") for path in workspace.root.iterdir()):
        raise UserError(
            f"workspace={workspace.root}: nothing has run there yet. Check its name, or start with "
            f"`python scripts/run.py capture.source=... workspace={workspace.root}`"
        )
    name = workspace.root.resolve().name
    made = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    head = f"<header><h1>{escape(name)}</h1><p class=soft>recon report, {made}</p></header>"
    tops = [_made(title, make, workspace) or "" for title, make in _TOP]
    parts = [(title, _made(title, make, workspace)) for title, make in _SECTIONS]
    body = [head, *tops, *(section(title, part) for title, part in parts if part or title not in _OPTIONAL)]
    with replace_file(workspace.report_html) as temporary:
        temporary.write_text(document(f"{name} – recon", "\n".join(body)), encoding="utf-8", errors="replace")
    say(f"report: {workspace.report_html}")
    return workspace.report_html


def _made(title: str, make: Callable[[Workspace], str | None], workspace: Workspace) -> str | None:
    """A part of the page; one whose files do not hold what recon wrote is left out, with a warning: the others still help."""
    try:
        return make(workspace)
    except (*_MISREAD, UserError) as error:
        why = str(error) if isinstance(error, UserError) else f"its files were changed: {type(error).__name__}, {error}"
        warn(f"report: {title} is left out ({' '.join(why.split())[:300]})")
        return f"<p class=none>left out: {escape(why[:300])}</p>"


@contextmanager
def poses_reported(workspace: Workspace) -> Iterator[None]:
    """Around the poses stage: it ends with the page, and with what the doctor finds most important.

    Where the stage fails and has left what it found, its error names the page too.
    """
    try:
        yield
    except UserError as error:
        if not workspace.poses_failed.exists():
            raise
        raise UserError(f"{error} What was found: {write_report(workspace)}") from error
    for sentence in pose_sections.sentences(workspace):
        say(f"poses: {sentence}")
    write_report(workspace)
