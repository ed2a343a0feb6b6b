"""The loss of a batch of rays and its gradients: by automatic differentiation, or by the fused native kernel. One definition."""

import torch
from torch import Tensor

from recon import kernels
from recon.field import RadianceField
from recon.geometry import Rays
from recon.kernels import LossSettings
from recon.render.volume import Samples, render_rays


def add_gradients(
    field: RadianceField,
    rays: Rays,
    samples: Samples,
    *,
    targets: Tensor,  # [n, 3]
    backgrounds: Tensor,  # [n, 3]; gets a gradient where it wants one
    loss: LossSettings,
) -> tuple[float, Tensor]:
    """Add the gradients of the loss (see `LossSettings`) to the field's `.grad`; returns loss and rendered colours [n, 3]."""
    if kernels.fused(rays.origins.device) is None:
        return _by_autograd(field, rays, samples, targets, backgrounds, loss)
    return _by_kernel(field, rays, samples, targets, backgrounds, loss)


def _by_autograd(
    field: RadianceField, rays: Rays, samples: Samples, targets: Tensor, backgrounds: Tensor, loss: LossSettings
) -> tuple[float, Tensor]:
    is_cuda = rays.origins.device.type == "cuda"
    with torch.autocast(rays.origins.device.type, dtype=torch.bfloat16, enabled=is_cuda):
        rendered = render_rays(
            rays, samples, density_fn=field.density, color_fn=field.color, near_scale=loss.near_scale or None
        )
    color = rendered.color.float() + (1 - rendered.opacity.float()[:, None]) * backgrounds
    error = torch.nn.functional.huber_loss(color, targets, delta=loss.huber_delta) / loss.huber_delta
    value = error + loss.opacity_loss * binary_entropy(rendered.opacity.float()).mean()
    value.backward()
    return float(value.detach()), color.detach()


def _by_kernel(
    field: RadianceField, rays: Rays, samples: Samples, targets: Tensor, backgrounds: Tensor, loss: LossSettings
) -> tuple[float, Tensor]:
    fused = kernels.fused(rays.origins.device)
    assert fused is not None
    gradients = field.gradient_tensors()
    value, grad_backgrounds, color, _ = fused.field_gradients(
        rays.origins,
        rays.directions,
        (samples.ray_indices, samples.t_starts, samples.t_ends),
        targets,
        backgrounds,
        field.tensors(),
        gradients,
        loss,
    )
    if backgrounds.requires_grad:
        backgrounds.backward(grad_backgrounds)
    return value, color


def binary_entropy(opacity: Tensor) -> Tensor:
    """Entropy [n] of opacities [n]: zero where a ray either hits or misses, largest in half-seen fog."""
    p = opacity.clamp(1e-4, 1 - 1e-4)
    return -(p * torch.log(p) + (1 - p) * torch.log1p(-p))
