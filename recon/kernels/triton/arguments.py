"""What the kernels take: the plain structures of recon.kernels.layout as tuples of pointers, numbers and compile-time sizes.

Tensors in Triton have sides that are powers of two. `LEVELS`, `FEATURES`, `WIDTH` are the padded sizes; what lies beyond the true
ones is masked and counts as zero.
"""

import functools
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from recon.kernels.layout import HashLayout
from recon.kernels.learning import AdamStep, FieldTensors
from recon.kernels.rays import Sampling as OccupiedSampling
from recon.kernels.rays import Segments

OPERANDS = tl.float16  # of the networks' matrix products; sums are float32
BRICK = 8  # cells per axis of a brick: large empty space is crossed brick by brick
_PRIMES = (2654435761 - (1 << 32), 805459861)  # Mueller et al. 2022, eq. 4, as wrapping 32-bit integers


class HashGrid(NamedTuple):
    """A `HashLayout`. `levels` [5, n_levels] int32: cells per axis, first row, strides of y and z, mask (-1: dense)."""

    levels: Any
    n_levels: tl.constexpr
    n_features: tl.constexpr
    LEVELS: tl.constexpr
    FEATURES: tl.constexpr
    ENCODED: tl.constexpr  # LEVELS * FEATURES


class Field(NamedTuple):
    """A `FieldTensors`. `dtype`: of the operands of matrix products; sums are float32."""

    table: Any
    density0: Any
    density1: Any
    color0: Any
    color1: Any
    color2: Any
    width: tl.constexpr
    WIDTH: tl.constexpr
    is_contracted: tl.constexpr
    dtype: tl.constexpr


class Sampling(NamedTuple):
    """A `Sampling`: occupied cells [n_cascades, r, r, r], their bricks, if r divides, and the lattice of distances."""

    occupied: Any
    bricks: Any
    n_cascades: Any
    resolution: Any
    has_bricks: tl.constexpr
    step: Any
    growth: Any
    grows: tl.constexpr


class Rays(NamedTuple):
    """`Segments`: n rays, the stretch [t_near, t_far) of each to look at, and where their lattices begin."""

    origins: Any
    directions: Any
    t_near: Any
    t_far: Any
    offsets: Any


class Packed(NamedTuple):
    """The rays of a training step and their samples, of which the first n_samples [1] take part."""

    origins: Any
    directions: Any
    ray_indices: Any
    t_starts: Any
    t_ends: Any
    n_samples: Any


class Intervals(NamedTuple):
    """Samples ray by ray: those of ray r are first[r] to first[r + 1]."""

    t_starts: Any
    t_ends: Any
    first: Any


class Wanted(NamedTuple):
    """`RayTargets`."""

    colors: Any
    backgrounds: Any
    known_distances: Any


class Composited(NamedTuple):
    """What compositing finds: colors [n, 3], opacities [n], losses [n] of rays, gradients of their backgrounds [n, 3] and of the
    samples' outputs [n_samples, 4]."""

    colors: Any
    opacities: Any
    losses: Any
    grad_backgrounds: Any
    grad_outputs: Any


class Backwards(NamedTuple):
    """Gradients on their way back: of outputs [n_samples, 4], of features [n_samples, ENCODED], of weights, a row per program."""

    outputs: Any
    features: Any
    weights: Any
    n_weights: Any


class Looked(NamedTuple):
    """Pictures to make: harmonics [n, 16] of the rays, when a ray ends, which samples have a colour of their own, and what
    is seen, all zero before: colors [n, 3], opacities [n], distances [n]."""

    harmonics: Any
    opaque: Any
    min_weight: Any
    colors: Any
    opacities: Any
    distances: Any


class Adam(NamedTuple):
    """An `AdamStep` and its `changing` numbers: given, or read from the device where the kernel runs."""

    beta1: Any
    beta2: Any
    epsilon: Any
    rate: Any
    root: Any
    kept: Any
    on_device: Any
    is_on_device: tl.constexpr


class Met(NamedTuple):
    """What recon.kernels.triton.march.meet_kernel finds, and how many of the rays have been drawn by programs, zero before."""

    begins: Any
    meeting: Any
    n_meeting: Any
    n_drawn: Any


class Loss(NamedTuple):
    """A `LossSettings`, and what the gradients of samples are multiplied by while they are half precision."""

    huber_delta: Any
    opacity_loss: Any
    distortion_loss: Any
    depth_loss: Any
    near_scale: Any
    min_transmittance: Any
    gradient_scale: Any


def hash_grid(layout: HashLayout, device: torch.device) -> HashGrid:
    features = triton.next_power_of_2(layout.n_features)
    levels = max(triton.next_power_of_2(layout.n_levels), 16 // features)  # matrix products take 16 inputs or more
    sizes = (layout.n_levels, layout.n_features, levels, features, levels * features)
    return HashGrid(_level_table(layout, device), *map(tl.constexpr, sizes))


@functools.lru_cache(maxsize=16)
def _level_table(layout: HashLayout, device: torch.device) -> Tensor:
    columns = []
    for level, (cells, first) in enumerate(zip(layout.resolutions, layout.offsets, strict=False)):
        dense = level < layout.n_dense_levels
        strides = (cells + 1, (cells + 1) ** 2) if dense else _PRIMES
        columns.append((cells, first, *strides, -1 if dense else (1 << layout.log2_table_size) - 1))
    return torch.tensor(columns, dtype=torch.int32).T.contiguous().to(device)


def plain(tensor: Tensor) -> Tensor:
    """As the kernels take it."""
    return tensor.detach().float().contiguous()


def torch_operands() -> torch.dtype:
    """OPERANDS as torch calls them."""
    return torch.float16 if tl.float16 == OPERANDS else torch.float32


def of_field(tensors: FieldTensors) -> tuple[Field, HashGrid]:
    """What looks at the field takes."""
    return field(tensors, OPERANDS), hash_grid(tensors.layout, tensors.table.device)


def field(tensors: FieldTensors, dtype: tl.dtype) -> Field:
    width = len(tensors.density_layers[0])
    padded = max(triton.next_power_of_2(width), 16)
    layers = [layer.detach().contiguous() for layer in (*tensors.density_layers, *tensors.color_layers)]
    sizes = (width, padded, tensors.is_contracted, dtype)
    return Field(tensors.table.detach(), *layers, *map(tl.constexpr, sizes))


def adam(numbers: AdamStep, unused: Tensor) -> Adam:
    """`unused`: any tensor of the device, in place of numbers that do not lie there."""
    is_on_device = numbers.on_device is not None
    place = numbers.on_device if is_on_device else unused
    return Adam(*numbers.betas, numbers.epsilon, *numbers.changing, place, tl.constexpr(is_on_device))


def rays(segments: Segments) -> Rays:
    return Rays(*map(plain, segments.tensors))


def sampling(where: OccupiedSampling) -> Sampling:
    c, r = where.layout.n_cascades, where.layout.resolution
    has_bricks = r % BRICK == 0
    as_bytes = where.occupied.contiguous().view(torch.uint8)
    bricks = as_bytes
    if has_bricks:
        b = r // BRICK
        bricks = as_bytes.view(c, b, BRICK, b, BRICK, b, BRICK).amax((2, 4, 6)).contiguous()
    steps = where.lattice
    lattice = (float(steps.step), float(steps.growth), tl.constexpr(steps.growth > 0))
    return Sampling(as_bytes, bricks, c, r, tl.constexpr(has_bricks), *lattice)
