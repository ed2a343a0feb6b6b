"""One training step, kernel by kernel, against the ceilings, and the native back end against the reference."""

import statistics
from dataclasses import dataclass, replace

import torch

from recon import kernels
from recon.bench.ceilings import Ceilings, random_rows
from recon.bench.timing import seconds, seconds_once
from recon.field import FieldShape, RadianceField
from recon.geometry import Rays
from recon.kernels import LossSettings, OccupancyLayout, RayTargets, Samples, Sampling, StepLattice, native
from recon.render.volume import segments_of
from recon.train.gradients import add_gradients
from recon.train.optimizer import SparseAdam

LOSS = LossSettings(huber_delta=0.1, opacity_loss=1e-3, distortion_loss=1e-3, depth_loss=0.0, near_scale=0.0)


@dataclass(frozen=True)
class KernelTime:
    """One kernel: its time, and what share of the machine's ceiling for such work it reaches (None: no single ceiling)."""

    name: str
    milliseconds: float
    fraction: float | None
    ceiling: str


class Step:
    """A field of a given size, rays through a ball, and samples near its surface: what a trained object looks like."""

    def __init__(
        self,
        *,
        n_samples: int = 1 << 16,
        n_levels: int = 8,
        log2_table_size: int = 17,
        samples_per_ray: int = 16,
        device: torch.device | str = "cpu",
    ) -> None:
        torch.manual_seed(0)
        device = torch.device(device)
        shape = FieldShape(n_levels, 4, log2_table_size, 16, 2048, 64, is_contracted=False, has_sky=False)
        self.field = RadianceField(shape).to(device)
        n = n_samples // samples_per_ray
        target = 0.5 * torch.nn.functional.normalize(torch.randn(n, 3), dim=-1)
        origins = 2.0 * torch.nn.functional.normalize(target + 0.4 * torch.randn(n, 3), dim=-1)
        distance = (target - origins).norm(dim=-1, keepdim=True)
        self.rays = Rays(origins.to(device), ((target - origins) / distance).to(device))
        edges = distance + 2 / 512 * (torch.arange(samples_per_ray + 1) - 0.7 * samples_per_ray)
        starts, ends = (edge.reshape(-1).to(device) for edge in (edges[:, :-1], edges[:, 1:]))
        self.samples = Samples(torch.arange(n, device=device).repeat_interleave(samples_per_ray), starts, ends)
        self.colors = torch.rand(n, 3).to(device)
        self.sampling = Sampling(ball(OccupancyLayout(1, 128)).to(device), StepLattice(2 / 512, 0.0))
        self.optimizer = SparseAdam(list(self.field.parameters()), betas=(0.9, 0.99), epsilon=1e-15)
        self._become_opaque()

    def _become_opaque(self, steps: int = 40) -> None:
        """A short training with random backgrounds, so that rays end at the surface as they do in a trained field."""
        device = self.colors.device
        kernels.use("native" if device.type == "cpu" else "triton", device, threads=torch.get_num_threads())
        for _ in range(steps):
            behind = torch.rand_like(self.colors)
            add_gradients(self.field, self.rays, self.samples, RayTargets(self.colors, behind), LOSS)
            self.optimizer.step(1e-2)

    def positions(self) -> torch.Tensor:
        """Midpoints [n, 3] of the samples."""
        return self.samples.positions(self.rays)

    def gradients(self) -> None:
        """Forward, loss and backward over all samples."""
        add_gradients(self.field, self.rays, self.samples, RayTargets(self.colors, self.colors), LOSS)

    def march(self) -> Samples:
        """The samples that a training step would draw."""
        segments, fused = segments_of(self.rays, self.sampling, near=0.1), self.field.fused()
        if fused is None:
            return kernels.march(segments, self.sampling)
        return fused.march_visible(segments, self.sampling, None)

    def whole(self) -> None:
        """March, gradients, optimiser: what training repeats."""
        self.gradients()
        self.optimizer.step(1e-3)
        self.march()

    @property
    def network_flops(self) -> float:
        """Floating-point operations of both networks, forward and backward (inputs without a gradient not counted)."""
        density = [p.numel() for p in self.field.density_layers]
        color = [p.numel() for p in self.field.color_layers]
        harmonics = self.field.shape.width * 16  # the view direction gets no gradient
        return 2.0 * len(self.samples) * (3 * (sum(density) + sum(color)) - harmonics)


def ball(layout: OccupancyLayout) -> torch.Tensor:
    """The cells of one cascade near a ball's surface."""
    low, side = layout.cell_boxes(torch.arange(layout.resolution**3))
    radius = (low + 0.5 * side[:, None]).norm(dim=-1)
    return ((radius - 0.5).abs() < 0.03).view(layout.shape)


def measure_kernels(ceilings: Ceilings) -> list[KernelTime]:
    """Every kernel of one step of 65,536 samples at the current thread count."""
    kernels.use("native", threads=torch.get_num_threads())
    step = Step()
    networks, scatter = _gradient_seconds(step)
    gather_limit, scatter_limit = _row_seconds(step)
    encode = _encode_seconds(step)
    flops = step.network_flops / networks / 1e9
    rows = "random rows of the tables touched"
    return [
        KernelTime("hash encode", 1e3 * encode, gather_limit / encode, f"reading {rows}"),
        KernelTime(
            "networks, compositing, loss, forward and backward", 1e3 * networks, flops / ceilings.gflops, "sgemm"
        ),
        KernelTime("hash scatter", 1e3 * scatter, scatter_limit / scatter, f"adding to {rows}"),
        KernelTime("march with early end", 1e3 * seconds(step.march), None, ""),
        KernelTime("sparse Adam", 1e3 * _adam_seconds(step), None, ""),
    ]


def rows_touched(step: Step) -> list[int]:
    """Rows of each level that the cells of the step's samples use: those that a gradient reaches."""
    table = step.field.table.detach().clone().requires_grad_()
    layout = step.field.layout
    native.hash_encode((step.positions() + 1) / 2, table, layout).sum().backward()
    assert table.grad is not None
    return [int(level.sum()) for level in table.grad.any(1).split(layout.rows)]


def _row_seconds(step: Step) -> tuple[float, float]:
    """Reading, and adding to, as many rows as the step does, at random, level by level, in tables as large as what it touches.

    A coarse level touches few rows, which lie in a nearer cache than the fine levels' do.
    """
    limits = [random_rows(n_rows) for n_rows in rows_touched(step)]
    n = 8 * len(step.samples)
    return sum(n / gather for gather, _ in limits), sum(n / scatter for _, scatter in limits)


def _encode_seconds(step: Step) -> float:
    layout, table, unit = step.field.layout, step.field.table.data, (step.positions() + 1) / 2
    out = torch.empty(layout.n_levels * layout.n_features, len(unit))
    return seconds(lambda: native.encode_into(out, unit, table, layout))


def _gradient_seconds(step: Step) -> tuple[float, float]:
    """Seconds of the networks with compositing and loss, and of the scatter."""
    field, targets = step.field, RayTargets(step.colors, step.colors)
    features = native.hash_encode((step.positions() + 1) / 2, field.table.data, field.layout)
    samples = replace(step.samples, handed_on=features)
    own, gradients, phases = field.tensors(), field.gradient_tensors(), torch.zeros(7, 2, dtype=torch.float64)
    for repeat in phases:
        native.field_gradients(step.rays, samples, targets, own, gradients, LOSS, phases=repeat)
    networks, scatter = phases.median(0).values.tolist()
    return networks, scatter


def _adam_seconds(step: Step) -> float:
    """Seconds of an Adam step on fresh gradients: a step leaves zeros, and rows without a gradient cost nothing."""
    found = []
    for _ in range(5):
        step.gradients()
        found.append(seconds_once(lambda: step.optimizer.step(1e-3)))
    return statistics.median(found)


def measure_backends() -> dict[str, float]:
    """Rays per second of whole steps at equal settings, by back end."""
    found = {}
    for backend in ("reference", "native"):
        step = Step()
        kernels.use(backend, threads=torch.get_num_threads())
        found[backend] = len(step.rays) / seconds(step.whole, repeats=3)
    return found
