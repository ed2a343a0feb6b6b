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
from recon.kernels import Samples, Sampling, Segments

DensityFn = Callable[[Tensor], tuple[Tensor, Tensor]]
ColorFn = Callable[[Tensor, Tensor], Tensor]
Spans = tuple[Tensor, Tensor]  # least and greatest distance [n], [n] to sample on each ray


@dataclass(frozen=True)
class RenderedRays:
    """What n rays see, before any background."""

    color: Tensor  # [n, 3], premultiplied by opacity
    opacity: Tensor  # [n]
    distance: Tensor  # [n] where half of the light is left (`kernels.median_distance`); 0 where more gets through
    weights: Tensor | None = None  # [n_samples] share of each sample in its ray's colour, where they were kept


class FusedField(Protocol):
    """A field's own kernels for the two things that the renderer repeats."""

    def march_visible(self, segments: Segments, sampling: Sampling, capacity: int | None) -> Samples:
        """The samples of `kernels.march`, each ray ending where the field has absorbed its light; at most `capacity`."""
        ...

    def render(self, segments: Segments, sampling: Sampling, min_weight: float) -> tuple[Tensor, Tensor, Tensor]:
        """Colours [n, 3], opacities [n] and median distances [n], as `render_rays_fast` gives them."""
        ...


def segments_of(
    rays: Rays, sampling: Sampling, *, near: float, offsets: Tensor | None = None, spans: Spans | None = None
) -> Segments:
    """Rays from `near` to the outermost cascade's wall, or within `spans`. `offsets` [n]: see `Segments`; None: 0.5."""
    corner = rays.origins.new_full((3,), sampling.layout.half_side)
    t_near, t_far = intersect_box(rays, -corner, corner)
    t_near = t_near.clamp_min(near)
    if spans is not None:
        t_near, t_far = torch.maximum(t_near, spans[0]), torch.minimum(t_far, spans[1])
    return Segments(rays, t_near, t_far, torch.full_like(t_near, 0.5) if offsets is None else offsets)


def render_rays(
    rays: Rays, samples: Samples, *, density_fn: DensityFn, color_fn: ColorFn, near_scale: float | None = None
) -> RenderedRays:
    """Render with gradients. `near_scale` dampens gradients of samples closer than that (`scale_gradient_near`)."""
    n = len(rays)
    directions = rays.directions[samples.ray_indices]
    densities, features = density_fn(samples.positions(rays))
    colors = color_fn(features, directions)
    if near_scale is not None:
        densities, colors = scale_gradient_near(densities, colors, samples.t, near_scale)
    weights = kernels.render_weights(densities, samples, n)
    summed = kernels.accumulate(
        weights, torch.cat([colors, torch.ones_like(weights)[:, None]], -1), samples.ray_indices, n
    )
    distance = kernels.median_distance(densities, samples, n)
    return RenderedRays(summed[:, :3], summed[:, 3], distance, weights)


@torch.no_grad()
def render_rays_fast(
    rays: Rays, samples: Samples, *, density_fn: DensityFn, color_fn: ColorFn, min_weight: float = 1e-3
) -> RenderedRays:
    """Render without gradients: colours only for samples whose weight matters."""
    n = len(rays)
    directions = rays.directions[samples.ray_indices]
    densities, features = density_fn(samples.positions(rays))
    weights = kernels.render_weights(densities, samples, n)
    seen = weights > min_weight
    colors = color_fn(features[seen], directions[seen])
    opacity = kernels.accumulate(weights, None, samples.ray_indices, n)[:, 0]
    kept = kernels.accumulate(
        weights[seen], torch.cat([colors, torch.ones_like(colors[:, :1])], -1), samples.ray_indices[seen], n
    )
    # the left-out samples hold under a few percent: give their weight the colour of the others
    color = kept[:, :3] * (opacity / kept[:, 3].clamp_min(1e-8))[:, None]
    distance = kernels.median_distance(densities, samples, n)
    return RenderedRays(color, opacity, distance)


def render_rays_fused(
    segments: Segments, sampling: Sampling, field: FusedField, *, min_weight: float = 1e-3
) -> RenderedRays:
    """`kernels.march` and `render_rays_fast` in one kernel of the field; rays end where light does."""
    return RenderedRays(*field.render(segments, sampling, min_weight))


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
