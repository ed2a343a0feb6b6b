"""The training stage: posed photos -> a radiance field in `field/`, resumable at any time."""

from pathlib import Path
from typing import Any

import torch

from recon import kernels
from recon.field.checkpoint import believed, load_checkpoint, whole
from recon.field.interface import FieldSettings
from recon.field.trained import choose_device
from recon.formats.depth_files import depth_files
from recon.geometry import Reconstruction
from recon.pixels import PixelPool, PixelSampler
from recon.train.loop import Curve, Run, Totals
from recon.train.monitor import Monitor
from recon.train.previews import previews_of
from recon.train.quality import budget_of
from recon.train.schedule import Budget
from recon.train.settings import TrainSettings
from recon.train.setup import new_training
from recon.train.training import Training
from recon.workspace import StageRun, Workspace, fingerprint
from recon.workspace.console import say
from recon.workspace.errors import UserError


def train_field(
    workspace: Workspace,
    *,
    reconstruction: Reconstruction,
    field: FieldSettings,
    settings: TrainSettings,
    config_text: str,
    seed: int,
    device: str,
    backend: str,
) -> Path:
    """Train on the views that are not held out; writes `field/` and the section "train" of metrics.json.

    A run that was killed, or stopped with Ctrl-C, goes on from its last checkpoint when it is called again with the same
    settings; a larger budget goes on from where a smaller one ended.

    Args:
        workspace: the run folder.
        reconstruction: the posed photos.
        field, settings: conf/field and conf/train.
        config_text: the whole configuration, for TensorBoard.
        seed: of all random numbers.
        device: "auto", "cpu" or "cuda"; backend: of the kernels, "auto" or a name.
    """
    chosen_device = choose_device(device)
    chosen_backend = kernels.use(backend, chosen_device)
    made_by = {"field": field, "recipe": settings.recipe, "seed": seed, "size": settings.max_image_size}
    depths = depth_files(reconstruction.training_views) if settings.sensor_depth else []
    poses = [workspace.cameras_json, workspace.tracks_npz]
    inputs = [*poses, *reconstruction.files, workspace.matching, *depths]
    key = fingerprint(made_by, inputs)
    limits = (settings.quality, settings.max_steps, settings.max_seconds)
    run = StageRun(workspace, "train", workspace.field, settings=made_by, inputs=inputs, also=limits, is_kept=True)
    if run.is_finished and workspace.field_file.exists():
        say("train: up to date")
        return workspace.field
    with run:
        pool, training, curve, totals = _begun(
            workspace, reconstruction, field, settings, key=key, seed=seed, device=chosen_device
        )
        n_cascades = training.occupancy.layout.n_cascades
        budget = budget_of(settings, n_pixels=pool.n_pixels, n_cascades=n_cascades)
        _say_start(pool, training, budget, where=f"backend {chosen_backend} on {chosen_device}")
        previews = previews_of(reconstruction.held_out_views, settings.preview_size) if settings.preview_count else []
        loop = Run(workspace, training, curve, totals, budget, key, (previews, settings.preview_count))
        pixels = PixelSampler(pool, training.scene.scene_from_world, chosen_device)
        with Monitor(workspace.field, resume_step=training.step or None) as monitor:
            if training.step == 0:
                monitor.config(config_text)
                monitor.scene(reconstruction)
            loop.to_the_end(pixels, monitor, checkpoint_seconds=settings.checkpoint_seconds)
            run.metrics = loop.metrics(backend=chosen_backend)
            scores = {"final/psnr_train": run.metrics["psnr_train"]}
            monitor.hparams({"field": vars(field), "train": vars(settings.recipe), "seed": seed}, scores)
    say(
        f"train: {training.step} steps in {training.seconds:.0f} s, {run.metrics['rays_per_second']:,} rays/s, "
        f"training PSNR {run.metrics['psnr_train']:.2f} dB -> {workspace.checkpoint}"
    )
    return workspace.field


def _begun(
    workspace: Workspace,
    reconstruction: Reconstruction,
    field: FieldSettings,
    settings: TrainSettings,
    *,
    key: str,
    seed: int,
    device: torch.device,
) -> tuple[PixelPool, Training, Curve, Totals]:
    """The pixels and the training, at step 0 or where a checkpoint with this key was.

    What was saved is let go at the end: it is as large as the field with its moments.

    workspace, reconstruction: the run folder and the posed photos. settings: conf/train; seed: of all random numbers.
    device: where the field lies.
    """
    saved = _saved(workspace, key)
    pool = _pool(reconstruction, settings, seed=seed, n_drawn=_rays_drawn(workspace, saved))
    torch.manual_seed(seed)
    training = new_training(
        reconstruction, pool.outlines, field, settings.recipe, workspace=workspace, seed=seed, device=device
    )
    with believed(workspace.checkpoint):
        curve, totals = _resume(training, saved)
    return pool, training, curve, totals


def _pool(reconstruction: Reconstruction, settings: TrainSettings, *, seed: int, n_drawn: int) -> PixelPool:
    """The pixels to draw from: those of the views that are not held out."""
    views = reconstruction.training_views
    if len(views) < 2:
        raise UserError(f"training needs at least 2 posed photos that are not held out, found {len(views)}.")
    return PixelPool(
        views, max_size=settings.max_image_size, memory_mb=settings.image_memory_mb, seed=seed, n_drawn=n_drawn
    )


def _say_start(pool: PixelPool, training: Training, budget: Budget, *, where: str) -> None:
    say(
        f"train: {len(pool.outlines)} photos ({pool.share:.0%} of their pixels at a time, {pool.megabytes:,.0f} MB), "
        f"{'object with silhouette' if training.scene.has_alpha else 'open scene'}, "
        f"{training.occupancy.layout.n_cascades} cascade(s), {where}, for {budget}"
    )


def _saved(workspace: Workspace, key: str) -> dict[str, Any] | None:
    """The last checkpoint when it was made with the same settings."""
    if not workspace.checkpoint.exists():
        return None
    state = load_checkpoint(workspace.checkpoint)
    if state.get("key") == key:
        return state
    say("train: settings or poses changed since the last checkpoint: training anew")
    for events in workspace.field.glob("events.out.tfevents.*"):
        events.unlink()
    return None


def _rays_drawn(workspace: Workspace, saved: dict[str, Any] | None) -> int:
    with believed(workspace.checkpoint):
        return whole(saved["totals"]["rays"], "totals.rays") if saved else 0


def _resume(training: Training, saved: dict[str, Any] | None) -> tuple[Curve, Totals]:
    """Bring `training` to where the checkpoint was."""
    if saved is None:
        return Curve(), Totals()
    training.load_state(saved["training"])
    curve, totals = Curve(**saved["curve"]), Totals(**saved["totals"])
    say(f"train: going on from step {training.step} ({training.seconds:.0f} s)")
    return curve, totals
