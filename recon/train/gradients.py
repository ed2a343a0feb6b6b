"""The loss of a batch of rays and its gradients: by automatic differentiation, or by kernels of the field. One definition."""

import torch
from torch import Tensor

from recon.field.interface import Field
from recon.geometry import Rays
from recon.kernels import LossSettings, RayTargets, Samples
from recon.render.volume import render_rays


def add_gradients(
    field: Field, rays: Rays, samples: Samples, targets: RayTargets, loss: LossSettings
) -> tuple[Tensor, Tensor]:
    """Add the gradients of the loss (see `LossSettings`) to the field's `.grad`; returns loss [] and rendered colours [n, 3]."""
    fused = field.fused()
    if fused is None:
        return _by_autograd(field, rays, samples, targets, loss)
    value, grad_backgrounds, color = fused.gradients(rays, samples, targets, loss)
    if targets.backgrounds.requires_grad:
        targets.backgrounds.backward(grad_backgrounds)
    return value, color


def _by_autograd(
    field: Field, rays: Rays, samples: Samples, targets: RayTargets, loss: LossSettings
) -> tuple[Tensor, Tensor]:
    device = rays.origins.device.type
    with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
        value, color = loss_of_rays(field, rays, samples, targets, loss)
    value.backward()
    return value.detach(), color.detach()


def loss_of_rays(
    field: Field, rays: Rays, samples: Samples, targets: RayTargets, loss: LossSettings
) -> tuple[Tensor, Tensor]:
    """The definition: loss [] and colours [n, 3], differentiable in the field's parameters and the backgrounds."""
    rendered = render_rays(
        rays, samples, density_fn=field.density, color_fn=field.color, near_scale=loss.near_scale or None
    )
    color = rendered.color.float() + (1 - rendered.opacity.float()[:, None]) * targets.backgrounds
    error = torch.nn.functional.huber_loss(color, targets.colors, delta=loss.huber_delta) / loss.huber_delta
    value = error + loss.opacity_loss * binary_entropy(rendered.opacity.float()).mean()
    if loss.distortion_loss > 0:
        assert rendered.weights is not None
        value = value + loss.distortion_loss * distortion(rendered.weights.float(), samples, len(rays)).mean()
    if loss.depth_loss > 0 and targets.known_distances is not None:
        value = value + loss.depth_loss * relative_error(rendered.distance.float(), targets.known_distances).mean()
    return value, color


def relative_error(distances: Tensor, known: Tensor) -> Tensor:
    """|t - d| / d [n] of distances t [n] where d is known and t exists; 0 where either is 0."""
    is_both = (distances > 0) & (known > 0)
    return torch.where(is_both, (distances - known).abs() / torch.where(is_both, known, 1), 0)


def distortion(weights: Tensor, samples: Samples, n_rays: int) -> Tensor:
    """How far each ray's weights [n_samples] lie apart: [n_rays] (Barron et al. 2022, "Mip-NeRF 360", eq. 15).

    sum_ij w_i w_j |s_i - s_j| + sum_i w_i^2 ds_i / 3 with folded distances s = t / (1 + t), t in scene units. Zero only where
    all weight lies in one thin interval: fog before and behind a surface costs. The double sum by running sums along each ray.
    """
    near, far = (t / (1 + t) for t in (samples.t_starts, samples.t_ends))
    middle = 0.5 * (near + far)
    mass_before, moment_before = (
        sum_before(values, samples.ray_indices, n_rays) for values in (weights, weights * middle)
    )
    terms = weights * (2 * (mass_before * middle - moment_before) + weights * (far - near) / 3)
    return terms.new_zeros(n_rays).index_add(0, samples.ray_indices, terms)


def sum_before(values: Tensor, ray_indices: Tensor, n_rays: int) -> Tensor:
    """Sum [n] of the values [n] of the earlier samples of the same ray."""
    total = torch.cumsum(values.double(), 0)
    last = torch.cumsum(torch.bincount(ray_indices, minlength=n_rays), 0)
    first = torch.cat([last.new_zeros(1), last[:-1]])
    padded = torch.cat([total.new_zeros(1), total])
    return (padded[:-1] - padded[first][ray_indices]).to(values.dtype)


def binary_entropy(opacity: Tensor) -> Tensor:
    """Entropy [n] of opacities [n]: zero where a ray either hits or misses, largest in half-seen fog."""
    p = opacity.clamp(1e-4, 1 - 1e-4)
    return -(p * torch.log(p) + (1 - p) * torch.log1p(-p))
