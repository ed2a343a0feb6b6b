"""One training: the state that changes step by step, and the step itself."""

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from recon.dataset import PixelSampler, RayBatch, Scene
from recon.field import RadianceField
from recon.kernels import LossSettings, StepLattice
from recon.render.occupancy import Occupancy
from recon.render.volume import sample_rays
from recon.train.gradients import add_gradients
from recon.train.optimizer import SparseAdam
from recon.train.schedule import Budget, learning_rate

COARSE_STEPS = 256  # steps of the optimiser in which rays are sampled coarsely


@dataclass(frozen=True)
class Recipe:
    """The settings of the optimisation; each is explained in conf/train/default.yaml."""

    samples_per_step: int
    max_rays_per_step: int
    learning_rate: float
    final_learning_rate_ratio: float
    huber_delta: float
    opacity_loss: float
    occupancy_interval: int
    occupancy_probes: int
    occupancy_decay: float
    occupancy_threshold: float


@dataclass(frozen=True)
class StepReport:
    """What one step did."""

    loss: float
    psnr: float
    n_rays: int
    n_samples: int


class Training:
    """Field, occupancy, optimiser, random numbers and clocks of one training; `state` and `load_state` are exact."""

    def __init__(
        self,
        field: RadianceField,
        occupancy: Occupancy,
        scene: Scene,
        lattice: StepLattice,
        recipe: Recipe,
        *,
        seed: int,
        device: torch.device,
    ) -> None:
        self.field, self.occupancy, self.scene, self.lattice, self.recipe = field, occupancy, scene, lattice, recipe
        self.device = device
        self.optimizer = SparseAdam(list(field.parameters()), betas=(0.9, 0.99), epsilon=1e-15)
        self.learning_rate = 0.0
        self.generator = torch.Generator().manual_seed(seed)
        self.step = 0
        self.seconds = 0.0
        self.samples_per_ray = 32.0  # running mean; sets how many rays fill a step

    def advance(self, pixels: PixelSampler, budget: Budget) -> StepReport:
        """One optimisation step."""
        started = time.perf_counter()
        self.learning_rate = learning_rate(
            budget.progress(self.step, self.seconds),
            peak=self.recipe.learning_rate,
            final_ratio=self.recipe.final_learning_rate_ratio,
        )
        if self.step % self.recipe.occupancy_interval == 0:
            self._update_occupancy()
        n_rays = int(min(max(self.recipe.samples_per_step / self.samples_per_ray, 64), self.recipe.max_rays_per_step))
        report = self._optimize(pixels.sample(n_rays, self.generator))
        self.samples_per_ray = 0.95 * self.samples_per_ray + 0.05 * max(report.n_samples / n_rays, 1.0)
        self.step += 1
        self.seconds += time.perf_counter() - started
        return report

    def _optimize(self, batch: RayBatch) -> StepReport:
        n = len(batch)
        samples = sample_rays(
            batch.rays,
            near=self.scene.near,
            offsets=torch.rand(n, generator=self.generator).to(self.device),
            occupied=self.occupancy.occupied,
            layout=self.occupancy.layout,
            lattice=self._lattice(),
        )
        targets, backgrounds = self._over_background(batch)
        loss, color = add_gradients(
            self.field,
            batch.rays,
            samples,
            targets=targets,
            backgrounds=backgrounds,
            loss=LossSettings(self.recipe.huber_delta, self.recipe.opacity_loss, self.scene.near_scale),
        )
        self.optimizer.step(self.learning_rate)
        psnr = -10 * torch.log10((color - targets).square().mean().clamp_min(1e-10))
        return StepReport(loss, float(psnr), n, len(samples))

    def _over_background(self, batch: RayBatch) -> tuple[Tensor, Tensor | None]:
        """True colours [n, 3] and what lies behind them: random colours where alpha is known, else None, the field's sky."""
        if batch.alphas is None:
            return batch.colors, None
        background = torch.rand(len(batch), 3, generator=self.generator).to(self.device)
        alpha = batch.alphas[:, None]
        return batch.colors * alpha + (1 - alpha) * background, background

    def _lattice(self) -> StepLattice:
        """Coarse steps while the field is coarse: early rays cross much fog, and it needs no fine sampling."""
        stride = 4 if self.step < COARSE_STEPS // 2 else 2 if self.step < COARSE_STEPS else 1
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
        return {
            "field": self.field.state_dict(),
            "optimizer": self.optimizer.state(),
            "occupancy": self.occupancy.state(),
            "generator": self.generator.get_state(),
            "step": self.step,
            "seconds": self.seconds,
            "samples_per_ray": self.samples_per_ray,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.field.load_state_dict(state["field"])
        self.optimizer.load_state(state["optimizer"])
        self.occupancy.load_state(
            {k: v.to(self.device) if isinstance(v, Tensor) else v for k, v in state["occupancy"].items()}
        )
        self.generator.set_state(state["generator"])
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self.samples_per_ray = float(state["samples_per_ray"])
