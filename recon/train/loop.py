"""One run of a training: the loop around the steps, with the clock, the bar, the curve, previews and checkpoints."""

import resource
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from recon.field.checkpoint import save_checkpoint, whole
from recon.field.field_file import save_field
from recon.field.trained import TrainedField
from recon.pixels import PixelSampler
from recon.pixels.exposures import NO_EXPOSURES
from recon.score.metrics import psnr
from recon.train.monitor import Monitor
from recon.train.previews import Preview
from recon.train.quality import Forecast
from recon.train.schedule import Budget
from recon.train.training import StepReport, Training
from recon.workspace import Workspace, write_json
from recon.workspace.console import Bar, progress, say

CURVE_INTERVAL_S = 1.0  # between points of the training curve


@dataclass
class Curve:
    """What the report draws; kept in the checkpoint so that a resumed run goes on with it."""

    steps: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    psnr_train: list[float] = field(default_factory=list)
    psnr_held_out: list[list[float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, values in vars(self).items():
            if not isinstance(values, list):
                raise ValueError(f"curve.{name}: expected a list, found {type(values).__name__}")
            for value in values:
                numbers = value if name == "psnr_held_out" else (value,)
                if not isinstance(numbers, (list, tuple)) or not all(isinstance(n, (int, float)) for n in numbers):
                    raise ValueError(f"curve.{name}: expected numbers, found {value!r:.40}")
        if len({len(values) for values in (self.steps, self.seconds, self.loss, self.psnr_train)}) != 1:
            raise ValueError("curve: its lists are of unequal length")


@dataclass
class Totals:
    """Sums over all steps, for the rates."""

    rays: int = 0

    def __post_init__(self) -> None:
        whole(self.rays, "totals.rays")


class Run:
    """The loop around the steps: the clock, the bar, the curve, previews, checkpoints."""

    def __init__(
        self,
        workspace: Workspace,
        training: Training,
        curve: Curve,
        totals: Totals,
        budget: Budget,
        key: str,
        previews: tuple[list[Preview], int],
    ) -> None:
        """workspace: takes checkpoints and curves. training: what is trained. curve, totals: what was measured before a
        restart. budget: when to end. key: of the settings and inputs, for checkpoints. previews: what is shown, and how often.
        """
        self.workspace, self.training, self.curve, self.totals = workspace, training, curve, totals
        self.budget, self.key = budget, key
        self.previews, self.n_previews = previews
        self.shown = int(self.progress * self.n_previews)
        self.running_psnr = torch.tensor(curve.psnr_train[-1]) if curve.psnr_train else None

    @property
    def psnr(self) -> float:
        """Running mean over the last steps; waits for the GPU."""
        return 0.0 if self.running_psnr is None else float(self.running_psnr)

    @property
    def progress(self) -> float:
        return self.budget.progress(self.training.step, self.training.seconds)

    def to_the_end(self, pixels: PixelSampler, monitor: Monitor, *, checkpoint_seconds: float) -> None:
        """Step until the budget is spent; a checkpoint every so often, on Ctrl-C and at the end."""
        saved = time.monotonic()
        try:
            with progress("training", self.budget.max_steps or self.budget.max_seconds) as bar:
                forecast = Forecast(self.budget, seconds=self.training.seconds)
                while self.progress < 1:
                    report = self.training.advance(pixels, self.budget)
                    self._record(report, monitor, bar)
                    forecast.look(self.training.step, self.training.seconds)
                    if time.monotonic() - saved > checkpoint_seconds:
                        self.save()
                        saved = time.monotonic()
        except KeyboardInterrupt:
            self.save()
            say(f"Stopped at step {self.training.step}; saved to {self.workspace.checkpoint}.")
            raise
        self.save()

    def save(self) -> None:
        """Write the checkpoint and the field."""
        state = {
            "key": self.key,
            "training": self.training.state(),
            "curve": vars(self.curve),
            "totals": vars(self.totals),
        }
        save_checkpoint(self.workspace.checkpoint, state)
        save_field(self.workspace.field_file, self._trained())
        write_json(self.workspace.field / "curve.json", vars(self.curve))

    def _trained(self) -> TrainedField:
        training = self.training
        background = "white" if training.scene.has_alpha else "sky"
        exposures = NO_EXPOSURES if training.exposure is None else training.exposure.exposures()
        occupied = training.occupancy.occupied
        return TrainedField(training.field, training.scene, occupied, training.lattice, background, exposures)

    def _record(self, report: StepReport, monitor: Monitor, bar: Bar) -> None:
        training, curve = self.training, self.curve
        self.totals.rays += report.n_rays
        before = report.psnr if self.running_psnr is None else self.running_psnr.to(report.psnr.device)
        self.running_psnr = 0.97 * before + 0.03 * report.psnr
        done = training.seconds if self.budget.max_steps is None else training.step
        note = f"step {training.step}" + (f"  PSNR {curve.psnr_train[-1]:.1f} dB" if curve.psnr_train else "")
        bar.move_to(done, note=note)
        if not curve.seconds or training.seconds - curve.seconds[-1] >= CURVE_INTERVAL_S or self.progress >= 1:
            curve.steps.append(training.step)
            curve.seconds.append(round(training.seconds, 3))
            curve.loss.append(float(report.loss))
            curve.psnr_train.append(self.psnr)
            monitor.scalars(training.step, self._scalars(report))
        if int(self.progress * self.n_previews) > self.shown:
            self.shown = int(self.progress * self.n_previews)
            self._preview(monitor)

    def _scalars(self, report: StepReport) -> dict[str, float]:
        training = self.training
        return {
            "loss/total": float(report.loss),
            "psnr/train": float(report.psnr),
            "speed/rays_per_second": self.totals.rays / max(training.seconds, 1e-9),
            "speed/samples_per_second": training.samples.total / max(training.seconds, 1e-9),
            "samples/per_ray": training.samples.per_ray,
            "occupancy/occupied_fraction": training.occupancy.occupied_fraction,
            "optimizer/learning_rate": training.learning_rate,
        }

    def _preview(self, monitor: Monitor) -> None:
        """Render held-out views small, beside their photos; the time counts as training time."""
        started = time.perf_counter()
        trained, scores = self._trained(), []
        for preview in self.previews:
            view = preview.photo.view
            rendered = preview.rendered(trained.render).exposed(trained.exposures.gain(view))
            truth = preview.photo.over(1.0)
            scores.append(psnr(truth, rendered.color))
            monitor.held_out(self.training.step, view.name, photo=truth, rendered=rendered)
        if scores:
            self.curve.psnr_held_out.append([self.training.step, float(np.mean(scores))])
            monitor.scalars(self.training.step, {"psnr/held_out_preview": float(np.mean(scores))})
        self.training.seconds += time.perf_counter() - started

    def metrics(self, *, backend: str) -> dict[str, Any]:
        seconds, exposure, lines = self.training.seconds, self.training.exposure, self.training.lines
        return {
            "seconds": round(seconds, 2),
            "steps": self.training.step,
            "rays_per_second": round(self.totals.rays / seconds),
            "samples_per_second": round(self.training.samples.total / seconds),
            "samples_per_ray": round(self.training.samples.total / max(self.totals.rays, 1), 2),
            "occupied_fraction": round(self.training.occupancy.occupied_fraction, 5),
            "psnr_train": round(self.psnr, 3),
            "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            "device": str(self.training.device),
            "backend": backend,
            "exposure_spread": None if exposure is None else round(exposure.exposures().spread, 4),
            "depth_lines": 0 if lines is None else len(lines),
            "n_cascades": self.training.occupancy.layout.n_cascades,
        }
