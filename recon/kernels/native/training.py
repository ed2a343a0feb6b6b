"""The kernel of a training step, from samples to the gradients of every parameter."""

import ctypes

import torch
from torch import Tensor

from recon.geometry.rays import Rays
from recon.kernels.learning import FieldTensors, LossSettings, RayTargets, unit_cube
from recon.kernels.native import library as lib
from recon.kernels.native.marshalling import at, field_struct, plain, pointers
from recon.kernels.native.points import hash_encode
from recon.kernels.rays import MIN_TRANSMITTANCE, Samples


def field_gradients(
    rays: Rays,
    samples: Samples,
    targets: RayTargets,
    field: FieldTensors,
    gradients: FieldTensors,
    loss: LossSettings,
    *,
    phases: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """See `FusedBackend`. `phases` [2] float64: filled with seconds of the networks with compositing, and of the scatter."""
    n_rays = len(rays)
    features = _encoding(rays, samples, field)
    wanted = (targets.colors, targets.backgrounds)
    lines = [plain(x) for x in (rays.origins, rays.directions)]
    intervals = [samples.ray_indices.contiguous(), plain(samples.t_starts), plain(samples.t_ends)]
    inputs = [*lines, *intervals, *(plain(x) for x in wanted), features]
    known = None if targets.known_distances is None else plain(targets.known_distances)
    colors, opacities, grad_backgrounds = torch.empty(n_rays, 3), torch.empty(n_rays), torch.empty(n_rays, 3)
    grad_features = torch.empty_like(features)
    native, _keep = field_struct(field)
    arguments = lib.TrainArguments(
        native,
        n_rays,
        len(samples),
        *map(at, inputs),
        None if known is None else at(known),
        loss.near_scale,
        loss.huber_delta,
        loss.opacity_loss,
        loss.distortion_loss,
        loss.depth_loss,
        MIN_TRANSMITTANCE,
        at(grad_features),
        at(gradients.table),
        pointers(gradients.density_layers),
        pointers(gradients.color_layers),
        at(grad_backgrounds),
        at(colors),
        at(opacities),
        None if phases is None else at(phases),
    )
    value = lib.compiled().recon_train(ctypes.byref(arguments))
    return torch.tensor(value), grad_backgrounds, colors


@torch.no_grad()
def _encoding(rays: Rays, samples: Samples, field: FieldTensors) -> Tensor:
    """Features [n_samples, n_encoded] of the samples: those that `march_visible` found, or found now."""
    if samples.handed_on is not None:
        return plain(samples.handed_on)
    unit = unit_cube(samples.positions(rays), is_contracted=field.is_contracted)
    return plain(hash_encode(unit, field.table, field.layout))
