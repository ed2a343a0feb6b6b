"""The training stage: posed photos -> a radiance field in `field/`, resumable at any time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from recon import kernels
from recon.console import say
from recon.errors import UserError
from recon.field.checkpoint import load_checkpoint
from recon.field.trained import choose_device
from recon.formats.images import fit_within
from recon.formats.photos import Photo, read_photo
from recon.geometry import Reconstruction, View, held_out
from recon.pixels import PixelPool, PixelSampler
from recon.train.loop import Curve, Run, Totals
from recon.train.monitor import Monitor
from recon.train.schedule import Budget
from recon.train.setup import new_training
from recon.train.training import Recipe, Training
from recon.workspace import STAGE_MARK, Workspace, fingerprint, is_finished, mark_finished, write_metrics


def train_field(
    workspace: Workspace,
    *,
    reconstruction: Reconstruction,
    field: Mapping[str, Any],
    config_text: str,
    seed: int,
    device: str,
    backend: str,
    max_seconds: float | None,
    max_steps: int | None,
    max_image_size: int | None,
    image_memory_mb: float,
    checkpoint_seconds: float,
    preview_count: int,
    preview_size: int,
    **recipe: Any,
) -> Path:
    """Train on the views that are not held out; writes `field/` and the section "train" of metrics.json.

    Settings: conf/train/default.yaml and conf/field/. A run that was killed, or stopped with Ctrl-C, goes on from its last
    checkpoint when it is called again with the same settings; a larger budget goes on from where a smaller one ended.
    """
    budget = Budget(max_steps, max_seconds)
    chosen_device = choose_device(device)
    chosen_backend = kernels.use(backend, chosen_device)
    key = fingerprint(
        {"field": field, "recipe": recipe, "seed": seed, "size": max_image_size},
        [workspace.cameras_json, workspace.poses / "colmap/points3D.bin"],
    )
    full_key = fingerprint({"key": key, "max_seconds": max_seconds, "max_steps": max_steps}, [])
    if is_finished(workspace.field, full_key) and workspace.checkpoint.exists():
        say("train: up to date")
        return workspace.field
    (workspace.field / STAGE_MARK).unlink(missing_ok=True)

    views, is_out = reconstruction.views, held_out(reconstruction.views)
    shown = [v for v, out in zip(views, is_out, strict=True) if not out]
    previews = [v for v, out in zip(views, is_out, strict=True) if out]
    if len(shown) < 2:
        raise UserError(f"training needs at least 2 posed photos that are not held out, found {len(shown)}.")
    saved = _saved(workspace, key)
    n_drawn = saved["totals"]["rays"] if saved else 0
    pool = PixelPool(shown, max_size=max_image_size, memory_mb=image_memory_mb, seed=seed, n_drawn=n_drawn)
    torch.manual_seed(seed)
    model = workspace.poses / "colmap"
    training = new_training(
        reconstruction, pool.outlines, field, Recipe(**recipe), model=model, seed=seed, device=chosen_device
    )
    curve, totals = _resume(training, saved)
    del saved  # as large as the field with its moments
    budget_text = " or ".join(f"{v:g} {n}" for v, n in ((max_seconds, "s"), (max_steps, "steps")) if v is not None)
    say(
        f"train: {len(shown)} photos ({pool.share:.0%} of their pixels at a time, {pool.megabytes:,.0f} MB), "
        f"{'object with silhouette' if training.scene.has_alpha else 'open scene'}, "
        f"{training.occupancy.layout.n_cascades} cascade(s), backend {chosen_backend} on {chosen_device}, for {budget_text}"
    )
    run = Run(workspace, training, curve, totals, budget, key, _previews(previews, preview_size, preview_count))
    pixels = PixelSampler(pool, training.scene.scene_from_world, chosen_device)
    with Monitor(workspace.field, resume_step=training.step or None) as monitor:
        if training.step == 0:
            monitor.config(config_text)
            monitor.scene(reconstruction)
        run.to_the_end(pixels, monitor, checkpoint_seconds=checkpoint_seconds)
        metrics = run.metrics(backend=chosen_backend)
        scores = {"final/psnr_train": metrics["psnr_train"]}
        monitor.hparams({"field": dict(field), "train": recipe, "seed": seed}, scores)
    write_metrics(workspace, "train", metrics)
    mark_finished(workspace.field, full_key, settings={"field": dict(field), **recipe}, seconds=training.seconds)
    say(
        f"train: {training.step} steps in {training.seconds:.0f} s, {metrics['rays_per_second']:,} rays/s, "
        f"training PSNR {metrics['psnr_train']:.2f} dB -> {workspace.checkpoint}"
    )
    return workspace.field


def _saved(workspace: Workspace, key: str) -> dict[str, Any] | None:
    """The last checkpoint when it was made with the same settings."""
    if not workspace.checkpoint.exists():
        return None
    state = load_checkpoint(workspace.checkpoint)
    if state["key"] == key:
        return state
    say("train: settings or poses changed since the last checkpoint: training anew")
    for events in workspace.field.glob("events.out.tfevents.*"):
        events.unlink()
    return None


def _resume(training: Training, saved: dict[str, Any] | None) -> tuple[Curve, Totals]:
    """Bring `training` to where the checkpoint was."""
    if saved is None:
        return Curve(), Totals()
    training.load_state(saved["training"])
    say(f"train: going on from step {training.step} ({training.seconds:.0f} s)")
    return Curve(**saved["curve"]), Totals(**saved["totals"])


def _previews(views: list[View], size: int, count: int) -> tuple[list[Photo], int]:
    """At most two held-out photos, small, and how often they are shown."""
    chosen = views[:: max(len(views) // 2, 1)][:2] if count else []
    return [read_photo(view, fit_within(view.camera.size_hw, size)) for view in chosen], count
