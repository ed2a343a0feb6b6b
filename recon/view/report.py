"""`report.html`: one self-contained page per run that a person can look at, sent or kept without its folder."""

from datetime import datetime
from html import escape
from pathlib import Path

from recon.console import say
from recon.view import sections
from recon.view.page import document, section
from recon.workspace import Workspace, replace_file


def write_report(workspace: Workspace) -> Path:
    """Write the page from whatever stages have run; the others say "not run"."""
    name = workspace.root.resolve().name
    made = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    body = [
        f"<header><h1>{escape(name)}</h1><p class=soft>recon report, {made}</p></header>",
        sections.hero(workspace),
        sections.headline(workspace),
        sections.warnings_box(workspace),
        section("Frames", sections.frames(workspace)),
        section("Cameras", sections.cameras(workspace)),
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
