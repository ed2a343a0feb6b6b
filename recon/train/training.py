"""One training: the state that changes step by step, and the step itself."""

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from recon import kernels
from recon.field.checkpoint import finite, whole
from recon.field.interface import Field
from recon.geometry import Rays
from recon.kernels import LossSettings, Samples, Sampling, StepLattice
from recon.pixels import PixelSampler, Scene
from recon.render.occupancy import Occupancy
from recon.render.volume import Spans, segments_of
from recon.train.batch import Batch
from recon.train.depth_lines import LineBatch, LineSampler
from recon.train.exposure import ExposureLearner
from recon.train.gradients import add_gradients
from recon.train.optimizer import SparseAdam
from recon.train.recording import Recorder
from recon.train.sample_counts import SampleCounts, rounded
from recon.train.schedule import Budget, learning_rate
from recon.train.settings import Recipe
from recon.train.targets import targets_of_lines, targets_of_photos

# (share of the budget, times the final step) with which rays are sampled: the field is fog at first and needs no fine sampling
STRIDES = ((0.1, 4), (0.5, 2), (1.0, 1))


@dataclass(frozen=True)
class StepTensors:
    """What one step finds, where it was computed. A replayed step writes into the tensors of the last one."""

    loss: Tensor  # []
    psnr: Tensor  # []
    n_samples: Tensor | int  # []
    n_rays: int


@dataclass(frozen=True)
class StepReport:
    """What one step did. Loss and PSNR [] are where they were computed, until the next step: reading them waits for a GPU to finish
    this one."""

    loss: Tensor
    psnr: Tensor
    n_rays: int


class Training:
    """Field, occupancy, optimiser, random numbers and clocks of one training; `state` and `load_state` are exact."""

    def __init__(
        self,
        field: Field,
        occupancy: Occupancy,
        scene: Scene,
        lattice: StepLattice,
        recipe: Recipe,
        *,
        lines: LineSampler | None,
        exposure: ExposureLearner | None,
        seed: int,
        device: torch.device,
    ) -> None:
        """field, occupancy, lattice: what is trained, which cells are looked into, and where along rays. scene: from world
        to scene units. recipe: the part of conf/train that decides the result. lines: known depths; exposure: of each photo;
        None: without. seed, device: of random numbers, and where the field lies.
        """
        self.field, self.occupancy, self.scene, self.lattice, self.recipe = field, occupancy, scene, lattice, recipe
        self.lines, self.exposure = lines, exposure
        self.device = device
        self.optimizer = SparseAdam(
            list(field.parameters()),
            betas=(0.9, 0.99),
            epsilon=1e-15,
            decayed=field.decayed(),
            weight_decay=recipe.weight_decay,
        )
        self.progress = 0.0  # share of the budget that is spent
        self.learning_rate = 0.0
        self.seed, self.generator = seed, torch.Generator(device).manual_seed(seed)
        self.batch = Batch.suited_to(device, recipe)
        self.step = 0
        self.seconds = 0.0
        self.samples = SampleCounts(per_ray=32.0)
        self.recorder = Recorder(self.generator) if device.type == "cuda" and field.fused() is not None else None

    def advance(self, pixels: PixelSampler, budget: Budget) -> StepReport:
        """One optimisation step."""
        started = time.perf_counter()
        self.progress = budget.progress(self.step, self.seconds)
        self.learning_rate = learning_rate(
            self.progress,
            peak=self.recipe.learning_rate,
            final_ratio=self.recipe.final_learning_rate_ratio,
        )
        if self.step % self.recipe.occupancy_interval == 0:
            self._update_occupancy()
        report = self._optimize_in_memory(pixels)
        self.step += 1
        self.seconds += time.perf_counter() - started
        return report

    def _optimize_in_memory(self, pixels: PixelSampler) -> StepReport:
        """A step with as many rays as the batch allows; with half of them for good where the GPU's memory ends."""
        while True:
            n_rays = int(min(max(self.batch.n_samples / self.samples.per_ray, 64), self.batch.max_rays))
            try:
                return self._optimize(pixels, n_rays)
            except torch.cuda.OutOfMemoryError as error:
                self.batch = self.batch.halved(error)
                self.optimizer.forget_gradients()
                if self.recorder is not None:
                    self.recorder.forget()
                torch.cuda.empty_cache()

    def _optimize(self, pixels: PixelSampler, n_rays: int) -> StepReport:
        """What only the host does, before and after the step itself; steps of a size that was there before are replayed."""
        learners = (self.optimizer, *(() if self.exposure is None else (self.exposure,)))
        for learner in learners:
            learner.begin(self.learning_rate)
        is_recorded = self.recorder is not None and self.samples.is_known and pixels.is_on_device
        n_rays = rounded(n_rays) if is_recorded else n_rays
        capacity, lattice = self.samples.capacity(n_rays, self.batch.n_samples), self._lattice()
        pixels.prepare(n_rays)
        step = partial(self._step, pixels, n_rays, capacity, lattice)
        found = self.recorder.run((n_rays, capacity, lattice), step) if self.recorder and is_recorded else step()
        for learner in learners:
            learner.end()
        self.samples.add(found.n_samples, found.n_rays)
        return StepReport(found.loss, found.psnr, found.n_rays)

    def _step(self, pixels: PixelSampler, n_rays: int, capacity: int | None, lattice: StepLattice) -> StepTensors:
        """The step itself: on a GPU nothing here waits for it, or is different at the next step of this size."""
        batch = pixels.draw(n_rays, self.generator)
        n, noise = len(batch), self._random(len(batch), 3)
        targets = targets_of_photos(batch, noise, self.field, self.exposure, sky_noise=self.recipe.sky_noise)
        lines = self._draw_lines(n)
        if lines is not None:
            targets = targets.joined(targets_of_lines(lines, self._random(len(lines), 3)))
        samples = self._sample(targets.rays, (targets.nearest, targets.farthest), capacity, lattice)
        loss, color = add_gradients(self.field, targets.rays, samples, targets.seen, self._loss_settings())
        self.optimizer.apply()
        shown, wanted = color[:n], targets.colors.detach()[:n]
        if self.exposure is not None:
            self.exposure.learn(shown, wanted, batch.photo_indices, huber_delta=self.recipe.huber_delta)
        psnr = -10 * torch.log10((shown - wanted).square().mean().clamp_min(1e-10))
        return StepTensors(loss, psnr, len(samples) if samples.n_lit is None else samples.n_lit, n)

    def _loss_settings(self) -> LossSettings:
        recipe = self.recipe
        return LossSettings(
            huber_delta=recipe.huber_delta,
            opacity_loss=recipe.opacity_loss,
            distortion_loss=recipe.distortion_loss,
            depth_loss=recipe.depth_loss,
            near_scale=self.scene.near_scale,
        )

    def _random(self, *shape: int) -> Tensor:
        """Even random numbers in [0, 1)."""
        return torch.rand(*shape, generator=self.generator, device=self.device)

    def _draw_lines(self, n_photo_rays: int) -> LineBatch | None:
        """Rays of known depth for a step with `n_photo_rays` rays of photos."""
        if self.lines is None:
            return None
        n = max(int(n_photo_rays * self.recipe.depth_share), 1)
        return self.lines.sample(n, self.recipe.depth_band, self.generator)

    def _sample(self, rays: Rays, spans: Spans | None, capacity: int | None, lattice: StepLattice) -> Samples:
        sampling = Sampling(self.occupancy.occupied, lattice)
        segments = segments_of(rays, sampling, near=self.scene.near, offsets=self._random(len(rays)), spans=spans)
        fused = self.field.fused()
        return kernels.march(segments, sampling) if fused is None else fused.march_visible(segments, sampling, capacity)

    def _lattice(self) -> StepLattice:
        """Coarse steps first: early rays cross much fog, and what they cannot resolve yet need not be sampled."""
        stride = next((stride for until, stride in STRIDES if self.progress < until), 1)
        return StepLattice(stride * self.lattice.step, stride * self.lattice.growth)

    def _update_occupancy(self) -> None:
        self.occupancy.update(
            self.field.density,
            self.generator,
            n_cells=self.recipe.occupancy_probes,
            decay=self.recipe.occupancy_decay,
            threshold=self.recipe.occupancy_threshold,
        )

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        self.samples.wait()
        return {
            "field": self.field.state_dict(),
            "optimizer": self.optimizer.state(),
            "occupancy": self.occupancy.state(),
            "generator": self.generator.get_state(),
            "device": self.device.type,
            "step": self.step,
            "seconds": self.seconds,
            "samples_per_ray": self.samples.per_ray,
            "samples": self.samples.total,
            "exposure": None if self.exposure is None else self.exposure.state(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.field.load_state_dict(state["field"])
        self.optimizer.load_state(state["optimizer"])
        self.occupancy.load_state(
            {k: v.to(self.device) if isinstance(v, Tensor) else v for k, v in state["occupancy"].items()}
        )
        if state.get("device", "cpu") == self.device.type:
            self.generator.set_state(state["generator"])
        else:  # each kind of device has random numbers of its own
            self.generator.manual_seed(self.seed + whole(state["step"], "step"))
        self.step, self.seconds = whole(state["step"], "step"), finite(state["seconds"], "seconds", above=-1e-9)
        per_ray, total = (
            finite(state["samples_per_ray"], "samples_per_ray", above=0),
            whole(state["samples"], "samples"),
        )
        self.samples = SampleCounts(per_ray, total, is_known=self.step > 0)
        if self.exposure is not None:
            self.exposure.load_state(state["exposure"])
