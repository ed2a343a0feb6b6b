"""Launches of the kernels of a training step, from samples to the gradients of every parameter."""

import torch
from torch import Tensor
from triton import cdiv

from recon.kernels.layout import FieldTensors, LossSettings
from recon.kernels.triton import arguments, compositing, training
from recon.kernels.triton.arguments import plain
from recon.kernels.triton.launch import GATHER, NETWORK, RAYS, SAMPLES, WALK, blocks, n_programs
from recon.kernels.triton.points import spherical_harmonics
from recon.kernels.triton.rays import MIN_TRANSMITTANCE

GRADIENT_SCALE = 64.0  # gradients of samples, times the number of rays: half precision has no numbers below 6e-8


def field_gradients(
    origins: Tensor,
    directions: Tensor,
    samples: tuple[Tensor, Tensor, Tensor],
    targets: Tensor,
    backgrounds: Tensor,
    field: FieldTensors,
    gradients: FieldTensors,
    loss: LossSettings,
    features: Tensor | None = None,  # the fourth result of march_visible
    known_distances: Tensor | None = None,
    min_transmittance: float = MIN_TRANSMITTANCE,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As the native one, but the loss [] stays on the device: reading it waits for the step."""
    n_rays, device = len(origins), origins.device
    rays, starts, ends = samples[0].contiguous(), plain(samples[1]), plain(samples[2])
    first = features
    if first is None:
        first = torch.searchsorted(rays, torch.arange(n_rays + 1, device=device))
    capacity = len(starts)
    n_samples = torch.where(first <= capacity, first, 0).amax(0, keepdim=True)  # of the rays that take part
    own, grid = arguments.of_field(field)
    packed = (plain(origins), plain(directions), rays, starts, ends, n_samples, own, grid)
    harmonics = spherical_harmonics(directions.detach())
    encoded = torch.empty(capacity, grid.ENCODED.value, dtype=arguments.torch_operands(), device=device)
    outputs, grad_outputs = (torch.empty(capacity, 4, device=device) for _ in range(2))
    transmittances = torch.empty(capacity, device=device)
    programs = min(n_programs(device), max(cdiv(capacity, SAMPLES), 1))
    training.forward_kernel[(programs,)](*packed, harmonics, encoded, outputs, **NETWORK)

    colors, grad_backgrounds = torch.empty(n_rays, 3, device=device), torch.empty(n_rays, 3, device=device)
    opacities, losses = torch.empty(n_rays, device=device), torch.empty(n_rays, device=device)
    scale = GRADIENT_SCALE * n_rays
    weights = (loss.huber_delta, loss.opacity_loss, loss.distortion_loss, loss.depth_loss)
    numbers = (*weights, loss.near_scale, min_transmittance, scale)
    known = origins.new_zeros(n_rays) if known_distances is None else plain(known_distances)
    compositing.composite_kernel[blocks(n_rays, RAYS)](
        outputs, starts, ends, first, capacity, plain(targets), plain(backgrounds), known,
        arguments.Loss(*map(float, numbers)), transmittances,
        grad_outputs, grad_backgrounds, colors, opacities, losses, n_rays, **WALK,
    )  # fmt: skip

    layers = (*gradients.density_layers, *gradients.color_layers)
    n_weights = sum(layer.numel() for layer in layers)
    grad_weights, grad_encoded = torch.empty(programs, n_weights, device=device), torch.empty_like(encoded)
    training.backward_kernel[(programs,)](
        rays, n_samples, own, grid, harmonics, encoded, grad_outputs, grad_encoded, grad_weights, n_weights, **NETWORK
    )  # fmt: skip
    summed = (grad_weights.sum(0) / scale).split([layer.numel() for layer in layers])
    torch._foreach_copy_(layers, [gradient.view_as(layer) for layer, gradient in zip(layers, summed, strict=True)])
    if capacity:
        training.scatter_features_kernel[blocks(capacity, SAMPLES)](
            *packed, grad_encoded, gradients.table, scale, **GATHER
        )
    return losses.sum(), grad_backgrounds, colors, opacities
