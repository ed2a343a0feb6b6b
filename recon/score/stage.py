"""The evaluation stage: every held-out view rendered from the field and compared with its photo.

Writes the section "eval" of metrics.json and, in held_out/, one picture per view: photo, render, error, depth.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recon.formats.images import write_image
from recon.formats.photos import Photo, read_photo
from recon.geometry import Reconstruction, View
from recon.render.beside import beside
from recon.render.pictures import depth_picture, depth_range, error_picture, picture, side_by_side
from recon.render.views import RenderedView, RenderViewFn
from recon.score.metrics import image_scores, lpips_model
from recon.score.settings import EvaluateSettings
from recon.score.ssim import n_scales
from recon.workspace import StageRun, Workspace, read_metrics
from recon.workspace.console import progress, say, warn
from recon.workspace.errors import UserError

GainFn = Callable[[View], NDArray[np.float32]]  # exposure [3] of a picture
BACKGROUNDS = {"white": 1.0, "black": 0.0, "sky": None, "none": None}  # sky: learned by the field


@dataclass(frozen=True)
class Shown:
    """A held-out view, as filmed and as rendered."""

    view: View
    photo: NDArray[np.float32]  # [h, w, 3] in [0, 1]
    mask: NDArray[np.bool_] | None  # [h, w] the pixels that count
    rendered: RenderedView


def evaluate_field(
    workspace: Workspace,
    *,
    reconstruction: Reconstruction,
    render_view_fn: RenderViewFn,
    background: str,
    gain_fn: GainFn,
    settings: EvaluateSettings,
) -> dict[str, Any]:
    """Score the held-out views; the section "eval" of metrics.json is returned.

    `render_view_fn` renders a view of the `reconstruction`; `settings` are conf/evaluate.
    `background` is what photos with transparency are composited on: "white" or "black"; "none" where no photo has any.
    `gain_fn` gives the exposure [3] of a picture without a look at it: that of its neighbours in time.

    workspace: the run folder, which takes pictures of the views too.
    """
    if background not in BACKGROUNDS:
        raise UserError(f"background {background!r}: expected one of {', '.join(BACKGROUNDS)}.")
    candidates = reconstruction.held_out_views
    views = _subset(candidates, settings.every, settings.max_views)
    if not views:
        raise UserError("no held-out views to evaluate: every eighth view is held out, and here there are none.")
    run = StageRun(
        workspace,
        "evaluate",
        workspace.held_out,
        settings=settings,
        inputs=[workspace.field_file, workspace.cameras_json, *Reconstruction(tuple(views)).files],
        also={"background": background, "views": [view.name for view in views]},
        section="eval",
    )
    if run.is_finished:
        say("evaluate: up to date")
        return read_metrics(workspace)["eval"]
    per_image: dict[str, dict[str, float | None]] = {}
    with run as folder, progress("evaluating", len(views)) as bar:
        rendered = (_photo_and_render(view, render_view_fn, gain_fn, background, settings.scale) for view in views)
        for view, scores in zip(views, beside(lambda shown: _scores(shown, folder), rendered), strict=True):
            per_image[view.name] = scores
            bar.advance(note=f"PSNR {_text(scores['psnr'])} dB")
        metrics = _summary(per_image, _size_hw(views[-1], settings.scale), len(candidates), background)
        is_gained = any((gain_fn(view) != 1).any() for view in views)
        metrics["exposure"] = "neighbours in time" if is_gained else "none"
        metrics["seconds"] = round(run.seconds, 2)
        run.metrics = metrics
    say(
        f"evaluate: {len(views)} of {len(candidates)} held-out views, PSNR {_text(metrics['psnr'])} dB, "
        f"SSIM {_text(metrics['ssim'])}, MS-SSIM {_text(metrics['ms_ssim'])}, FLIP {_text(metrics['flip'])}"
    )
    return metrics


def file_name(view: View) -> str:
    """The view's name as a file name: names come from the user's files and may hold folders or worse."""
    return re.sub(r"[^\w.-]+", "_", view.name).lstrip(".") or "view"


def comparison(photo: NDArray[np.float32], rendered: RenderedView) -> NDArray[np.uint8]:
    """Photo, render, error (brightest: a mean colour difference of 0.25) and depth, side by side."""
    near, far = depth_range([rendered.depth])
    panels = [picture(photo), picture(rendered.color), error_picture(rendered.color, photo)]
    return side_by_side([*panels, depth_picture(rendered.depth, near=near, far=far)])


def photo_colors(photo: Photo, background: str) -> NDArray[np.float32]:
    """A photo [h, w, 3] in [0, 1], transparency composited on `background`."""
    level = BACKGROUNDS[background]
    if level is None and photo.alpha is not None:
        raise UserError(
            f"{photo.view.image} has transparent pixels: say what is behind them (background white or black)."
        )
    return photo.over(level or 0.0)


def _subset(views: Sequence[View], every: int, max_views: int | None) -> list[View]:
    chosen = list(views)[::every]
    if max_views is None or len(chosen) <= max_views:
        return chosen
    return [chosen[i] for i in np.linspace(0, len(chosen) - 1, max_views).round().astype(int)]


def _photo_and_render(
    view: View, render_view_fn: RenderViewFn, gain_fn: GainFn, background: str, scale: float
) -> Shown:
    photo = read_photo(view, _size_hw(view, scale))
    rendered = render_view_fn(photo.view.camera, view.world_from_camera).exposed(gain_fn(view))
    return Shown(view, photo_colors(photo, background), photo.mask, rendered)


def _size_hw(view: View, scale: float) -> tuple[int, int]:
    h, w = view.camera.size_hw
    return max(1, round(h * scale)), max(1, round(w * scale))


def _scores(shown: Shown, folder: Path) -> dict[str, float | None]:
    """The scores of one view; the comparison goes into `folder`."""
    write_image(folder / f"{file_name(shown.view)}.png", comparison(shown.photo, shown.rendered))
    scores = image_scores(shown.rendered.color, shown.photo, shown.mask)
    return {name: None if value is None or not np.isfinite(value) else value for name, value in scores.items()}


def _summary(
    per_image: dict[str, dict[str, float | None]], size_hw: tuple[int, int], n_held_out: int, background: str
) -> dict[str, Any]:
    names = list(next(iter(per_image.values())))
    found = {name: [s[name] for s in per_image.values() if s[name] is not None] for name in names}
    network, reason = lpips_model()
    missing = {name: len(per_image) - len(values) for name, values in found.items() if name != "lpips"}
    for name, count in missing.items():
        if count:
            warn(f"{name} has no finite value for {count} of {len(per_image)} views; its mean leaves them out")
    return {
        **{name: float(np.mean(values)) if values else None for name, values in found.items()},  # type: ignore[arg-type]
        **({} if network else {"lpips_missing_because": reason}),
        "background": background,
        "n_views": len(per_image),
        "n_held_out": n_held_out,
        "size_hw": list(size_hw),
        "ms_ssim_scales": n_scales(size_hw),
        "per_image": per_image,
    }


def _text(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
