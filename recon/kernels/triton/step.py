"""Launches of the kernels of a training step, from samples to the gradients of every parameter."""

import torch
from torch import Tensor
from triton import cdiv

from recon.geometry.rays import Rays
from recon.kernels.learning import FieldTensors, LossSettings, RayTargets
from recon.kernels.rays import MIN_TRANSMITTANCE, Samples
from recon.kernels.triton import arguments, compositing, training
from recon.kernels.triton.arguments import plain
from recon.kernels.triton.launch import GATHER, NETWORK, RAYS, SAMPLES, WALK, blocks, n_programs
from recon.kernels.triton.points import spherical_harmonics

GRADIENT_SCALE = 64.0  # gradients of samples, times the number of rays: half precision has no numbers below 6e-8


def field_gradients(
    rays: Rays,
    samples: Samples,
    targets: RayTargets,
    field: FieldTensors,
    gradients: FieldTensors,
    loss: LossSettings,
) -> tuple[Tensor, Tensor, Tensor]:
    """See `FusedBackend`. The loss [] stays on the device: reading it waits for the step."""
    n_rays, capacity, device = len(rays), len(samples), rays.origins.device
    packed, intervals = _packed(rays, samples)
    own, grid = arguments.of_field(field)
    harmonics = spherical_harmonics(rays.directions.detach())
    encoded = torch.empty(capacity, grid.ENCODED.value, dtype=arguments.torch_operands(), device=device)
    outputs = torch.empty(capacity, 4, device=device)
    programs = min(n_programs(device), max(cdiv(capacity, SAMPLES), 1))
    training.forward_kernel[(programs,)](packed, own, grid, harmonics, encoded, outputs, **NETWORK)

    scale = GRADIENT_SCALE * n_rays
    found = _composite(outputs, intervals, targets, _loss(loss, scale))

    layers = (*gradients.density_layers, *gradients.color_layers)
    n_weights = sum(layer.numel() for layer in layers)
    weights = torch.empty(programs, n_weights, device=device)
    back = arguments.Backwards(found.grad_outputs, torch.empty_like(encoded), weights, n_weights)
    training.backward_kernel[(programs,)](packed, own, grid, harmonics, encoded, back, **NETWORK)
    summed = (weights.sum(0) / scale).split([layer.numel() for layer in layers])
    torch._foreach_copy_(layers, [gradient.view_as(layer) for layer, gradient in zip(layers, summed, strict=True)])
    if capacity:
        scatter = training.scatter_features_kernel[blocks(capacity, SAMPLES)]
        scatter(packed, own, grid, back.features, gradients.table, scale, **GATHER)
    return found.losses.sum(), found.grad_backgrounds, found.colors


def _packed(rays: Rays, samples: Samples) -> tuple[arguments.Packed, arguments.Intervals]:
    """Samples one by one, and ray by ray; `march_visible` knows where each ray's begin."""
    indices, starts, ends = samples.ray_indices.contiguous(), plain(samples.t_starts), plain(samples.t_ends)
    first = samples.handed_on
    if first is None:
        first = torch.searchsorted(indices, torch.arange(len(rays) + 1, device=indices.device))
    n_samples = torch.where(first <= len(samples), first, 0).amax(0, keepdim=True)  # of the rays that take part
    packed = arguments.Packed(plain(rays.origins), plain(rays.directions), indices, starts, ends, n_samples)
    return packed, arguments.Intervals(starts, ends, first)


def _loss(loss: LossSettings, scale: float) -> arguments.Loss:
    weights = (loss.huber_delta, loss.opacity_loss, loss.distortion_loss, loss.depth_loss)
    return arguments.Loss(*map(float, (*weights, loss.near_scale, MIN_TRANSMITTANCE, scale)))


def _composite(
    outputs: Tensor, intervals: arguments.Intervals, targets: RayTargets, loss: arguments.Loss
) -> arguments.Composited:
    n_rays, capacity, device = len(targets.colors), len(outputs), outputs.device
    known = outputs.new_zeros(n_rays) if targets.known_distances is None else plain(targets.known_distances)
    wanted = arguments.Wanted(plain(targets.colors), plain(targets.backgrounds), known)
    found = arguments.Composited(
        colors=torch.empty(n_rays, 3, device=device),
        opacities=torch.empty(n_rays, device=device),
        losses=torch.empty(n_rays, device=device),
        grad_backgrounds=torch.empty(n_rays, 3, device=device),
        grad_outputs=torch.empty_like(outputs),
    )
    transmittances = torch.empty(capacity, device=device)
    compositing.composite_kernel[blocks(n_rays, RAYS)](
        outputs, intervals, capacity, wanted, loss, transmittances, found, n_rays, **WALK
    )
    return found
