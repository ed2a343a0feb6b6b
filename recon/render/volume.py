"""Volume rendering of packed samples. Knows no field: it takes functions.

`density_fn(positions [n, 3]) -> (densities [n], features [n, k])`, `color_fn(features [n, k], directions [n, 3]) -> [n, 3]`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from recon import kernels
from recon.geometry.bounds import intersect_box
from recon.geometry.rays import Rays
from recon.kernels import OccupancyLayout, StepLattice

DensityFn = Callable[[Tensor], tuple[Tensor, Tensor]]
ColorFn = Callable[[Tensor, Tensor], Tensor]
Spans = tuple[Tensor, Tensor]  # least and greatest distance [n], [n] to sample on each ray


@dataclass(frozen=True)
class Samples:
    """Intervals along rays, sorted by ray."""

    ray_indices: Tensor  # [n] int64
    t_starts: Tensor  # [n]
    t_ends: Tensor  # [n]
    # what a sampler that had to look at the field hands on to its gradients: native, the encoding [n, k] of the midpoints
    features: Tensor | None = None
    n_lit: Tensor | None = None  # [] how many there are, where the device alone knows: those behind them are rubbish

    def __len__(self) -> int:
        return len(self.ray_indices)

    def __getitem__(self, keep: Tensor) -> "Samples":
        features = None if self.features is None else self.features[keep]
        return Samples(self.ray_indices[keep], self.t_starts[keep], self.t_ends[keep], features)

    @property
    def t(self) -> Tensor:
        """Midpoints [n]."""
        return 0.5 * (self.t_starts + self.t_ends)


@dataclass(frozen=True)
class RenderedRays:
    """What n rays see, before any background."""

    color: Tensor  # [n, 3], premultiplied by opacity
    opacity: Tensor  # [n]
    distance: Tensor  # [n] where half of the light is left (`kernels.median_distance`); 0 where more gets through
    weights: Tensor | None = None  # [n_samples] share of each sample in its ray's colour, where they were kept


class FusedField(Protocol):
    """A field's own kernels for the two things that the renderer repeats; `reach`: where rays begin and end, [n] and [n]."""

    def march_visible(
        self,
        rays: Rays,
        reach: tuple[Tensor, Tensor],
        offsets: Tensor,
        occupied: Tensor,
        layout: OccupancyLayout,
        lattice: StepLattice,
        capacity: int | None,
    ) -> Samples:
        """The samples of `kernels.march`, each ray ending where the field has absorbed its light; at most `capacity`."""
        ...

    def render(
        self,
        rays: Rays,
        reach: tuple[Tensor, Tensor],
        occupied: Tensor,
        layout: OccupancyLayout,
        lattice: StepLattice,
        min_weight: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Colours [n, 3], opacities [n] and median distances [n], as `render_rays_fast` gives them."""
        ...


def sample_rays(
    rays: Rays,
    *,
    near: float,
    offsets: Tensor,
    occupied: Tensor,
    layout: OccupancyLayout,
    lattice: StepLattice,
    spans: Spans | None = None,
) -> Samples:
    """Samples of the rays in occupied cells, from `near` to the outermost cascade's wall, or within `spans`."""
    t_near, t_far = _within(spans, *_reach(rays, near, layout))
    return Samples(
        *kernels.march(
            rays.origins,
            rays.directions,
            t_near=t_near,
            t_far=t_far,
            offsets=offsets,
            occupied=occupied,
            layout=layout,
            lattice=lattice,
        )
    )


def sample_visible(
    rays: Rays,
    *,
    near: float,
    offsets: Tensor,
    occupied: Tensor,
    layout: OccupancyLayout,
    lattice: StepLattice,
    field: FusedField,
    spans: Spans | None = None,
    capacity: int | None = None,
) -> Samples:
    """`sample_rays`, but each ray ends where the field has absorbed its light: what is behind has no gradient.

    `capacity`: the host does not wait for a GPU to count them; rays whose samples do not fit take no part.
    """
    reach = _within(spans, *_reach(rays, near, layout))
    return field.march_visible(rays, reach, offsets, occupied, layout, lattice, capacity)


def render_rays(
    rays: Rays, samples: Samples, *, density_fn: DensityFn, color_fn: ColorFn, near_scale: float | None = None
) -> RenderedRays:
    """Render with gradients. `near_scale` dampens gradients of samples closer than that (`scale_gradient_near`)."""
    n = len(rays)
    directions = rays.directions[samples.ray_indices]
    densities, features = density_fn(rays.origins[samples.ray_indices] + samples.t[:, None] * directions)
    colors = color_fn(features, directions)
    if near_scale is not None:
        densities, colors = scale_gradient_near(densities, colors, samples.t, near_scale)
    weights = kernels.render_weights(densities, samples.t_starts, samples.t_ends, samples.ray_indices, n)
    summed = kernels.accumulate(
        weights, torch.cat([colors, torch.ones_like(weights)[:, None]], -1), samples.ray_indices, n
    )
    distance = kernels.median_distance(densities, samples.t_starts, samples.t_ends, samples.ray_indices, n)
    return RenderedRays(summed[:, :3], summed[:, 3], distance, weights)


@torch.no_grad()
def render_rays_fast(
    rays: Rays, samples: Samples, *, density_fn: DensityFn, color_fn: ColorFn, min_weight: float = 1e-3
) -> RenderedRays:
    """Render without gradients: colours only for samples whose weight matters."""
    n = len(rays)
    directions = rays.directions[samples.ray_indices]
    densities, features = density_fn(rays.origins[samples.ray_indices] + samples.t[:, None] * directions)
    weights = kernels.render_weights(densities, samples.t_starts, samples.t_ends, samples.ray_indices, n)
    seen = weights > min_weight
    colors = color_fn(features[seen], directions[seen])
    opacity = kernels.accumulate(weights, None, samples.ray_indices, n)[:, 0]
    kept = kernels.accumulate(
        weights[seen], torch.cat([colors, torch.ones_like(colors[:, :1])], -1), samples.ray_indices[seen], n
    )
    # the left-out samples hold under a few percent: give their weight the colour of the others
    color = kept[:, :3] * (opacity / kept[:, 3].clamp_min(1e-8))[:, None]
    distance = kernels.median_distance(densities, samples.t_starts, samples.t_ends, samples.ray_indices, n)
    return RenderedRays(color, opacity, distance)


def render_rays_fused(
    rays: Rays,
    *,
    near: float,
    occupied: Tensor,
    layout: OccupancyLayout,
    lattice: StepLattice,
    field: FusedField,
    min_weight: float = 1e-3,
) -> RenderedRays:
    """`sample_rays` and `render_rays_fast` in one kernel of the field; rays end where light does."""
    return RenderedRays(*field.render(rays, _reach(rays, near, layout), occupied, layout, lattice, min_weight))


def _reach(rays: Rays, near: float, layout: OccupancyLayout) -> tuple[Tensor, Tensor]:
    """Where rays enter and leave the outermost cascade, no nearer than `near`."""
    corner = rays.origins.new_full((3,), layout.half_side)
    t_near, t_far = intersect_box(rays, -corner, corner)
    return t_near.clamp_min(near), t_far


def _within(spans: Spans | None, t_near: Tensor, t_far: Tensor) -> tuple[Tensor, Tensor]:
    if spans is None:
        return t_near, t_far
    return torch.maximum(t_near, spans[0]), torch.minimum(t_far, spans[1])


class _ScaleGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, densities, colors, scale):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(scale)
        return densities.clone(), colors.clone()

    @staticmethod
    def backward(ctx, grad_densities, grad_colors):  # type: ignore[no-untyped-def]
        (scale,) = ctx.saved_tensors
        return grad_densities * scale, grad_colors * scale[:, None], None


def scale_gradient_near(densities: Tensor, colors: Tensor, t: Tensor, distance: float) -> tuple[Tensor, Tensor]:
    """Scale gradients by min(1, (t / distance)^2): a camera samples space near itself far more densely than space far away,
    and without this every photo is painted on fog in front of its own lens (Philip and Deschaintre 2023, "Floaters No More").
    """
    return _ScaleGradient.apply(densities, colors, (t / distance).square().clamp(max=1))
