"""The parts of the report on the surface: what was matched between pictures, and the mesh with what of it was never seen."""

from collections.abc import Mapping
from html import escape
from typing import Any

from recon.formats.images import read_image
from recon.show.report.page import figure, image
from recon.workspace import Workspace, read_metrics
from recon.workspace.errors import UserError

# Of `evidence_fractions`, in words, from the surest to none.
_EVIDENCE = {
    "sensor": "measured by a depth sensor",
    "matched": "matched between pictures",
    "plane": "on a plane of the scene where the pictures are blank",
    "cut_out": "shown by outlines and colours of several pictures",
    "seen": "shown by the radiance field alone",
    "filled": "closed along a plane, seen by no picture",
    "invented": "guessed between known parts, seen by no picture",
}


def matching(workspace: Workspace) -> str | None:
    """A contact sheet of what was matched, and how much of the pictures that is."""
    found, sheet = read_metrics(workspace).get("matching") or {}, workspace.matching / "matching.png"
    if not sheet.is_file():
        return None
    known: dict[str, Any] = {key: found.get(f"{key}_fraction") for key in ("confirmed", "plane", "sky")}
    shares = {key: float(share) for key, share in known.items() if isinstance(share, (int, float))}
    words = ""
    if len(shares) == len(known):
        rest = max(1 - sum(shares.values()), 0)
        words = (
            f"{shares['confirmed']:.0%} of the pixels of {int(found.get('views') or 0)} pictures are matched, "
            f"{shares['plane']:.0%} lie on a plane of the scene, {shares['sky']:.0%} are sky; {rest:.0%} have no sure depth."
        )
    shown = image(read_image(sheet), max_size=1400, alt="what was matched")
    caption = "photo, depth (red near, blue far), normals, how it is known (green matched, orange on a plane, blue sky, dark not)"
    return f"<p>{escape(words)}</p>{figure(shown, caption)}"


def mesh(workspace: Workspace) -> str | None:
    """The mesh from four sides and from above, the verdict on it, and how much of it no picture shows."""
    cells = []
    for file in sorted(workspace.mesh.glob("mesh_*.png")):
        try:
            pixels = read_image(file)
        except UserError:
            continue
        cells.append(figure(image(pixels, max_size=560, alt=file.stem), file.stem.replace("_", " ")))
    if not cells:
        return None
    found = read_metrics(workspace).get("mesh") or {}
    verdict = found.get("verdict")
    words = f"<p>{escape(str(verdict))}.</p>" if verdict else ""
    return f"{words}{_how_known(found.get('evidence_fractions'))}<div class='grid four'>{''.join(cells)}</div>"


def _how_known(fractions: Any) -> str:
    """Shares of the surface by how it is known; what no picture shows is said as such."""
    if not isinstance(fractions, Mapping):
        return ""
    shares = {key: float(fractions.get(key) or 0.0) for key in _EVIDENCE}
    unseen = shares["filled"] + shares["invented"]
    parts = "; ".join(f"{share:.0%} {_EVIDENCE[key]}" for key, share in shares.items() if share >= 0.005)
    text = f"Of its surface {parts}. {unseen:.0%} was seen by no picture: mesh/coverage.ply shows where."
    return f"<p class=soft>{escape(text)}</p>"
