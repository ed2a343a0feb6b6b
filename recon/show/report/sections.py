"""The parts of the report that show pictures, each from the files of one stage; None (or "") where that stage has not run."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recon.formats import cameras_json
from recon.formats.frames_json import FrameRecord, read_capture
from recon.formats.images import read_image
from recon.formats.masks import read_mask
from recon.render.pictures import GAP
from recon.show.report.charts import bars
from recon.show.report.page import figure, image, table
from recon.workspace import Workspace, read_metrics
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file

MAX_FRAMES, MAX_HELD_OUT, PATH_FRAMES = 60, 8, 4  # pictures shown: keeps the page at a few MB
MASKS_LOOKED_AT = 20
HELD_OUT_PANELS = 4  # photo, render, error, depth: see recon.score.stage.comparison


def hero(workspace: Workspace) -> str:
    """Photo, render, mesh: of the held-out view with the median PSNR, so neither the best nor the worst."""
    per_image = read_metrics(workspace).get("eval", {}).get("per_image", {})
    ranked = sorted(per_image, key=lambda name: per_image[name].get("psnr") or 0.0)
    pictures = {file.stem: file for file in workspace.held_out.glob("*.png")}
    ranked = [name for name in ranked if name in pictures] or sorted(pictures)
    panels = split_panels(read_image(pictures[ranked[len(ranked) // 2]])) if ranked else []
    photo = panels[0] if panels else _first(sorted(workspace.frames.glob("*.*")))
    render = panels[1] if panels else None
    shown = [("held-out photo" if panels else "captured", photo), ("the same view, rendered", render)]
    shown.append(("mesh", _fullest(workspace.mesh.glob("mesh_[0-9].png"))))
    cells = [
        figure(
            "<div class='absent none'>not run</div>" if pixels is None else image(pixels, max_size=640, alt=label),
            label,
        )
        for label, pixels in shown
    ]
    return f"<div class=hero>{'<span class=arrow>→</span>'.join(cells)}</div>"


def frames(workspace: Workspace) -> str | None:
    """Contact sheet of the kept frames; sharpness of all, and why frames were dropped."""
    if not workspace.frames_json.exists():
        return _given_photos(workspace)
    capture = read_capture(workspace)
    records, kept = capture.frames, capture.kept
    reasons = Counter(str(frame.reason) for frame in records if not frame.kept)
    summary = f"{_moments(kept)} of {_moments(records)} frames kept"
    if _moments(kept) < len(kept):
        summary += f", as {len(kept)} views of panoramas"
    dropped = "; dropped: " + ", ".join(f"{n} {reason}" for reason, n in reasons.most_common()) if reasons else ""
    sharpness = [frame.sharpness or 0.0 for frame in records]
    chart = bars(sharpness, [frame.kept for frame in records], "sharpness of each frame") if any(sharpness) else ""
    sheet = _contact_sheet((f.name, workspace.frames / Path(f.image or "").name) for f in spread(kept, MAX_FRAMES))
    shown = figure(chart, "sharpness of each frame in order; kept ones in colour") if chart else ""
    masks = [workspace.frames / frame.mask for frame in kept if frame.mask is not None]
    return f"<p>{escape(summary + dropped)}.{_masks(masks)}</p>{shown}<br>{sheet}"


def _moments(frames: Sequence[FrameRecord]) -> int:
    """How many frames of the source they come from: a panorama gives several."""
    return len({frame.rig_frame or frame.name for frame in frames})


def _given_photos(workspace: Workspace) -> str | None:
    """Where poses were given there is no frames/: the posed photos themselves."""
    if not workspace.cameras_json.exists():
        return None
    views = cameras_json.read_reconstruction(workspace).views
    sheet = _contact_sheet((view.name, view.image) for view in spread(views, MAX_FRAMES))
    masks = [view.mask for view in views if view.mask is not None]
    return f"<p>{len(views)} photos with given poses.{_masks(masks)}</p>{sheet}"


def _masks(files: Sequence[Path]) -> str:
    """A sentence: how many pictures have masks, and what share of their pixels counts."""
    if not files:
        return ""
    shares = [float(read_mask(file).mean()) for file in spread(files, MASKS_LOOKED_AT) if is_file(file)]
    mean = f"{np.mean(shares):.0%} of their pixels count" if shares else "their files are gone"
    least = f", {min(shares):.0%} of the one that hides most" if len(shares) > 1 else ""
    return f" {len(files)} of them have masks: {mean}{least}."


def _contact_sheet(named: Iterable[tuple[str, Path]]) -> str:
    figures = (
        figure(image(pixels, max_size=170, alt=name, quality=72), name)
        for name, file in named
        if (pixels := _first([file])) is not None
    )
    return f"<div class='grid sheet'>{''.join(figures)}</div>"


def held_out_views(workspace: Workspace) -> str | None:
    """Photo, render, error and depth of views that training never saw, and the scores of each."""
    scores = read_metrics(workspace).get("eval", {})
    files = sorted(workspace.held_out.glob("*.png"))
    if not files:
        return None
    rows = "".join(
        figure(image(pixels, max_size=1400, alt=f"held-out view {file.stem}"), _score_line(file.stem, scores))
        for file in spread(files, MAX_HELD_OUT)
        if (pixels := _first([file])) is not None
    )
    per_image = scores.get("per_image", {})
    names = list(next(iter(per_image.values()), {}))
    all_scores = table([[name, *values.values()] for name, values in per_image.items()], ["view", *names])
    return (
        "<p class=soft>Photo, render, colour error (brightest: 0.25 or more), depth (red near, blue far).</p>"
        f"<div class=grid>{rows}</div><details><summary>scores of every view</summary>{all_scores}</details>"
    )


def novel_views(workspace: Workspace) -> str | None:
    """A few frames of every rendered path."""
    parts = []
    for folder in sorted(path.parent for path in workspace.views.glob("*/cameras.json")):
        files = spread(sorted(folder.glob("color_*.png")), PATH_FRAMES)
        pictures = [p for file in files if (p := _first([file])) is not None]
        strip = "".join(f"<figure>{image(p, max_size=360, alt=folder.name)}</figure>" for p in pictures)
        parts.append(f"<p>views/{escape(folder.name)}.mp4</p><div class='grid four'>{strip}</div>")
    return "".join(parts) or None


def spread(items: Sequence[Any], n: int) -> list[Any]:
    """At most n of the items, evenly spread, first and last among them."""
    if len(items) <= n:
        return list(items)
    return [items[i] for i in np.linspace(0, len(items) - 1, n).round().astype(int)]


def split_panels(row: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The pictures of a held-out comparison, which stand side by side with a gap between them."""
    width = (row.shape[1] - (HELD_OUT_PANELS - 1) * GAP) // HELD_OUT_PANELS
    return [row[:, i * (width + GAP) : i * (width + GAP) + width] for i in range(HELD_OUT_PANELS)]


def _score_line(name: str, scores: Mapping[str, Any]) -> str:
    found = scores.get("per_image", {}).get(name, {})
    known = [
        f"{key.upper().replace('_', '-')} {value:.3g}"
        for key, value in found.items()
        if value is not None and math.isfinite(value)
    ]
    return " · ".join([name, *known])


def _fullest(pictures: Iterable[Path]) -> NDArray[np.uint8] | None:
    """The readable picture with the most detail: a wall seen from behind compresses to almost nothing."""
    return _first(sorted(pictures, key=lambda file: (-file.stat().st_size, file.name)))


def _first(files: Any) -> NDArray[np.uint8] | None:
    """The first file that is a readable picture."""
    for file in files:
        try:
            return read_image(file)
        except UserError:
            continue
    return None
