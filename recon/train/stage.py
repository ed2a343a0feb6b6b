"""The training stage: posed photos -> a radiance field in `field/`, resumable at any time."""

import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recon import kernels
from recon.console import Bar, progress, say
from recon.dataset import (
    Photo,
    PixelSampler,
    Scene,
    free_cells,
    is_possible,
    lines_of_sight,
    load_photo,
    load_photos,
    normalize_scene,
)
from recon.errors import UserError
from recon.field import FieldShape, RadianceField
from recon.geometry import Reconstruction, View, held_out
from recon.kernels import OccupancyLayout, StepLattice
from recon.render.occupancy import Occupancy
from recon.train.checkpoint import load_checkpoint, save_checkpoint
from recon.train.loop import Recipe, StepReport, Training
from recon.train.metrics import psnr
from recon.train.monitor import Monitor
from recon.train.schedule import Budget
from recon.train.sightings import Sightings
from recon.train.trained import TrainedField, choose_device, describe
from recon.workspace import STAGE_MARK, Workspace, fingerprint, is_finished, mark_finished, write_json, write_metrics

CURVE_INTERVAL_S = 1.0  # between points of the training curve
SILHOUETTE_CELLS, FRUSTUM_CELLS = 64, 32  # an axis, of the grid on which `is_possible` is judged


@dataclass
class Curve:
    """What the report draws; kept in the checkpoint so that a resumed run goes on with it."""

    steps: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    psnr_train: list[float] = field(default_factory=list)
    psnr_held_out: list[list[float]] = field(default_factory=list)


@dataclass
class Totals:
    """Sums over all steps, for the rates."""

    rays: int = 0
    samples: int = 0


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
    photos = load_photos([v for v, out in zip(views, is_out, strict=True) if not out], max_size=max_image_size)
    previews = [v for v, out in zip(views, is_out, strict=True) if out]
    if len(photos) < 2:
        raise UserError(f"training needs at least 2 posed photos that are not held out, found {len(photos)}.")
    torch.manual_seed(seed)
    model = workspace.poses / "colmap"
    training = _new_training(
        reconstruction, photos, field, Recipe(**recipe), model=model, seed=seed, device=chosen_device
    )
    curve, totals = _resume(workspace, training, key)
    budget_text = " or ".join(f"{v:g} {n}" for v, n in ((max_seconds, "s"), (max_steps, "steps")) if v is not None)
    say(
        f"train: {len(photos)} photos, {'object with silhouette' if training.scene.has_alpha else 'open scene'}, "
        f"{training.occupancy.layout.n_cascades} cascade(s), backend {chosen_backend} on {chosen_device}, for {budget_text}"
    )
    run = _Run(workspace, training, curve, totals, budget, key, _previews(previews, preview_size, preview_count))
    pixels = PixelSampler(photos, training.scene.scene_from_world, chosen_device)
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


class _Run:
    """The loop around the steps: the clock, the bar, the curve, previews, checkpoints."""

    def __init__(
        self,
        workspace: Workspace,
        training: Training,
        curve: Curve,
        totals: Totals,
        budget: Budget,
        key: str,
        previews: tuple[list[Photo], int],
    ) -> None:
        self.workspace, self.training, self.curve, self.totals = workspace, training, curve, totals
        self.budget, self.key = budget, key
        self.preview_photos, self.n_previews = previews
        self.shown = int(self.progress * self.n_previews)
        self.psnr = curve.psnr_train[-1] if curve.psnr_train else 0.0

    @property
    def progress(self) -> float:
        return self.budget.progress(self.training.step, self.training.seconds)

    def to_the_end(self, pixels: PixelSampler, monitor: Monitor, *, checkpoint_seconds: float) -> None:
        """Step until the budget is spent; a checkpoint every so often, on Ctrl-C and at the end."""
        saved = time.monotonic()
        try:
            with progress("training", self.budget.max_seconds or self.budget.max_steps) as bar:
                while self.progress < 1:
                    report = self.training.advance(pixels, self.budget)
                    self._record(report, monitor, bar)
                    if time.monotonic() - saved > checkpoint_seconds:
                        self.save()
                        saved = time.monotonic()
        except KeyboardInterrupt:
            self.save()
            say(f"Stopped at step {self.training.step}; saved to {self.workspace.checkpoint}.")
            raise
        self.save()

    def save(self) -> None:
        state = {
            "key": self.key,
            "model": describe(self._trained()),
            "training": self.training.state(),
            "curve": vars(self.curve),
            "totals": vars(self.totals),
        }
        save_checkpoint(self.workspace.checkpoint, state)
        write_json(self.workspace.field / "curve.json", vars(self.curve))

    def _trained(self) -> TrainedField:
        training = self.training
        background = "white" if training.scene.has_alpha else "sky"
        return TrainedField(training.field, training.scene, training.occupancy.occupied, training.lattice, background)

    def _record(self, report: StepReport, monitor: Monitor, bar: Bar) -> None:
        training, curve = self.training, self.curve
        self.totals.rays += report.n_rays
        self.totals.samples += report.n_samples
        self.psnr = 0.97 * self.psnr + 0.03 * report.psnr if self.psnr else report.psnr
        done = training.seconds if self.budget.max_seconds is not None else training.step
        bar.move_to(done, note=f"step {training.step}  PSNR {self.psnr:.1f} dB")
        if not curve.seconds or training.seconds - curve.seconds[-1] >= CURVE_INTERVAL_S or self.progress >= 1:
            curve.steps.append(training.step)
            curve.seconds.append(round(training.seconds, 3))
            curve.loss.append(report.loss)
            curve.psnr_train.append(self.psnr)
            monitor.scalars(training.step, self._scalars(report))
        if int(self.progress * self.n_previews) > self.shown:
            self.shown = int(self.progress * self.n_previews)
            self._preview(monitor)

    def _scalars(self, report: StepReport) -> dict[str, float]:
        training = self.training
        return {
            "loss/total": report.loss,
            "psnr/train": report.psnr,
            "speed/rays_per_second": self.totals.rays / max(training.seconds, 1e-9),
            "speed/samples_per_second": self.totals.samples / max(training.seconds, 1e-9),
            "samples/per_ray": report.n_samples / report.n_rays,
            "occupancy/occupied_fraction": training.occupancy.occupied_fraction,
            "optimizer/learning_rate": training.learning_rate,
        }

    def _preview(self, monitor: Monitor) -> None:
        """Render held-out views small, beside their photos; the time counts as training time."""
        started = time.perf_counter()
        trained, scores = self._trained(), []
        for photo in self.preview_photos:
            rendered = trained.render(photo.view.camera, photo.view.world_from_camera)
            truth = over_white(photo.pixels)
            scores.append(psnr(torch.from_numpy(truth), torch.from_numpy(rendered.color)))
            monitor.held_out(self.training.step, photo.view.name, photo=truth, rendered=rendered)
        if scores:
            self.curve.psnr_held_out.append([self.training.step, float(np.mean(scores))])
            monitor.scalars(self.training.step, {"psnr/held_out_preview": float(np.mean(scores))})
        self.training.seconds += time.perf_counter() - started

    def metrics(self, *, backend: str) -> dict[str, Any]:
        seconds = self.training.seconds
        return {
            "seconds": round(seconds, 2),
            "steps": self.training.step,
            "rays_per_second": round(self.totals.rays / seconds),
            "samples_per_second": round(self.totals.samples / seconds),
            "samples_per_ray": round(self.totals.samples / max(self.totals.rays, 1), 2),
            "occupied_fraction": round(self.training.occupancy.occupied_fraction, 5),
            "psnr_train": round(self.psnr, 3),
            "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            "device": str(self.training.device),
            "backend": backend,
            "n_cascades": self.training.occupancy.layout.n_cascades,
        }


def _new_training(
    reconstruction: Reconstruction,
    photos: list[Photo],
    field: Mapping[str, Any],
    recipe: Recipe,
    *,
    model: Path,
    seed: int,
    device: torch.device,
) -> Training:
    scene = normalize_scene(reconstruction, photos)
    open_scene = not scene.is_bounded
    suited = {name: field.get(f"{name}_open", value) if open_scene else value for name, value in field.items()}
    shape = {name: suited[name] for name in FieldShape.__dataclass_fields__ if name in suited}
    layout = OccupancyLayout(scene.n_cascades, field["occupancy_resolution"])
    lattice = StepLattice(2 / suited["steps_across"], field["step_growth"] if open_scene else 0.0)
    possible = _possible_cells(scene, photos, layout)
    sightings = None
    if model.is_dir():
        is_out = held_out(reconstruction.views)  # held-out pictures must not teach anything
        taught, others = (
            [view.image for view, out in zip(reconstruction.views, is_out, strict=True) if out is kind]
            for kind in (False, True)
        )
        lines = lines_of_sight(model, taught, others, seed=seed)
        possible &= ~free_cells(scene, lines, layout)
        sightings = Sightings(lines, scene, device) if len(lines) and recipe.sighting_share > 0 else None
    return Training(
        RadianceField(FieldShape(**shape, is_contracted=open_scene, has_sky=not scene.has_alpha)).to(device),
        Occupancy(layout, possible.to(device)),
        scene,
        lattice,
        recipe,
        sightings=sightings,
        seed=seed,
        device=device,
    )


def _possible_cells(scene: Scene, photos: list[Photo], layout: OccupancyLayout) -> torch.Tensor:
    """Cells [cascades, r, r, r] (bool) that some camera sees and no silhouette rules out, judged on coarser cells."""
    if layout.resolution % SILHOUETTE_CELLS:
        raise UserError(f"field.occupancy_resolution={layout.resolution}: expected a multiple of {SILHOUETTE_CELLS}.")
    coarse = OccupancyLayout(layout.n_cascades, SILHOUETTE_CELLS if scene.has_alpha else FRUSTUM_CELLS)
    low, side = coarse.cell_boxes(torch.arange(coarse.n_cascades * coarse.resolution**3))
    # the ball around a cell: nothing visible in it may be lost
    possible = is_possible(scene, photos, low + 0.5 * side[:, None], 0.87 * side).view(coarse.shape)
    for axis in (1, 2, 3):
        possible = possible.repeat_interleave(layout.resolution // coarse.resolution, axis)
    return possible


def _resume(workspace: Workspace, training: Training, key: str) -> tuple[Curve, Totals]:
    """Load the last checkpoint into `training` when it was made with the same settings."""
    if not workspace.checkpoint.exists():
        return Curve(), Totals()
    state = load_checkpoint(workspace.checkpoint)
    if state["key"] != key:
        say("train: settings or poses changed since the last checkpoint: training anew")
        for events in workspace.field.glob("events.out.tfevents.*"):
            events.unlink()
        return Curve(), Totals()
    training.load_state(state["training"])
    say(f"train: going on from step {training.step} ({training.seconds:.0f} s)")
    return Curve(**state["curve"]), Totals(**state["totals"])


def _previews(views: list[View], size: int, count: int) -> tuple[list[Photo], int]:
    """At most two held-out photos, small, and how often they are shown."""
    chosen = views[:: max(len(views) // 2, 1)][:2] if count else []
    return [load_photo(view, max_size=size) for view in chosen], count


def over_white(pixels: np.ndarray) -> np.ndarray:
    """A picture [h, w, 3] in [0, 1] of uint8 pixels [h, w, 3 or 4], transparency over white."""
    color = pixels[..., :3].astype(np.float32) / 255
    if pixels.shape[2] == 3:
        return color
    alpha = pixels[..., 3:].astype(np.float32) / 255
    return color * alpha + 1 - alpha
