"""`report.html`: one self-contained page per run that a person can look at, sent or kept without its folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from html import escape
from pathlib import Path

from recon.console import say
from recon.errors import UserError
from recon.report import pose_sections, sections
from recon.report.page import document, section
from recon.workspace import Workspace, replace_file


def write_report(workspace: Workspace) -> Path:
    """Write the page from whatever stages have run; the others say "not run"."""
    name = workspace.root.resolve().name
    made = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    body = [
        f"<header><h1>{escape(name)}</h1><p class=soft>recon report, {made}</p></header>",
        sections.hero(workspace),
        sections.headline(workspace),
        pose_sections.verdict(workspace),
        sections.warnings_box(workspace),
        section("Frames", sections.frames(workspace)),
        section("Cameras", pose_sections.cameras(workspace)),
        sections.optional("How poses were found", pose_sections.how_found(workspace)),
        section("Training", sections.training(workspace)),
        section("Held-out views", sections.held_out_views(workspace)),
        section("Novel views", sections.novel_views(workspace)),
        section("Mesh", sections.mesh(workspace)),
        section("World", sections.world(workspace)),
        sections.optional("Against the truth", sections.truth(workspace)),
        section("All numbers", sections.numbers(workspace)),
        section("Settings", sections.settings(workspace)),
    ]
    with replace_file(workspace.report_html) as temporary:
        temporary.write_text(document(f"{name} – recon", "\n".join(body)), encoding="utf-8")
    say(f"report: {workspace.report_html}")
    return workspace.report_html


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
