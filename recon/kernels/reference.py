"""The definition of every kernel, in plain torch: any device, written to be read. No loop over rays, levels or corners."""

import math

import torch
from torch import Tensor

from recon.kernels.layout import HashLayout
from recon.kernels.learning import AdamStep
from recon.kernels.rays import Samples, Sampling, Segments

N_GEOMETRY = 16  # width of the vector between a field's two networks

LN_2 = math.log(2.0)  # optical depth at which half of the light is left

# Spatial hash of Teschner et al. 2003 as used by Mueller et al. 2022, eq. 4; as wrapping 32-bit integers.
_PRIMES = (1, 2654435761 - (1 << 32), 805459861)


def runs_on(device: torch.device) -> bool:
    return True


def why_missing(device: torch.device) -> None:
    return None


def set_n_threads(n: int) -> None:
    """Nothing to do: torch has a number of threads of its own."""


def hash_encode(positions: Tensor, table: Tensor, layout: HashLayout) -> Tensor:
    """See `recon.kernels.hash_encode`."""
    return _HashEncode.apply(positions, table, layout)


class _HashEncode(torch.autograd.Function):
    """Trilinear interpolation of table rows; gradients for the table, and for the positions where asked."""

    @staticmethod
    def forward(ctx, positions, table, layout):  # type: ignore[no-untyped-def]
        rows, weights, _ = _corners(positions, layout)
        bags = torch.nn.functional.embedding_bag(
            rows.view(-1, 8), table, per_sample_weights=weights.view(-1, 8), mode="sum"
        )
        ctx.save_for_backward(positions, table, rows, weights)
        ctx.layout = layout
        return bags.view(layout.n_levels, len(positions), layout.n_features).transpose(0, 1).flatten(1)

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        positions, table, rows, weights = ctx.saved_tensors
        layout = ctx.layout
        grad = grad.reshape(len(positions), layout.n_levels, layout.n_features).transpose(0, 1)  # [levels, n, features]
        grad_positions = grad_table = None
        if ctx.needs_input_grad[0]:
            grad_positions = _position_gradient(positions, table, rows, grad, layout)
        if ctx.needs_input_grad[1]:
            grad_table = _scatter(rows, weights, grad, table)
        return grad_positions, grad_table, None


def _corners(positions: Tensor, layout: HashLayout) -> tuple[Tensor, Tensor, Tensor]:
    """Table rows (int32) and trilinear weights [levels, n, 8] of the eight cell corners, and the fractions [.., n, 3]."""
    resolutions = torch.tensor(layout.resolutions, device=positions.device)
    grid = positions[None] * resolutions.to(positions.dtype)[:, None, None]
    low = torch.minimum(grid.floor().clamp_min(0), (resolutions - 1).to(grid.dtype)[:, None, None])
    fraction = grid - low
    corner = torch.stack([low, low + 1], -1).int()  # [levels, n, 3, 2]

    n_dense = layout.n_dense_levels
    side = (resolutions + 1).int()
    stride = torch.stack([torch.ones_like(side), side, side * side], -1)
    stride[n_dense:] = stride.new_tensor(_PRIMES)
    term = corner * stride[:, None, :, None]
    x, y, z = term[:, :, 0, None, None, :], term[:, :, 1, None, :, None], term[:, :, 2, :, None, None]
    dense = z[:n_dense] + y[:n_dense] + x[:n_dense]
    hashed = (z[n_dense:] ^ y[n_dense:] ^ x[n_dense:]) & ((1 << layout.log2_table_size) - 1)
    offsets = torch.tensor(layout.offsets[:-1], dtype=torch.int32, device=positions.device)
    rows = torch.cat([dense, hashed]).flatten(2) + offsets[:, None, None]

    weight = torch.stack([1 - fraction, fraction], -1)
    wx, wy, wz = weight[:, :, 0, None, None, :], weight[:, :, 1, None, :, None], weight[:, :, 2, :, None, None]
    return rows, (wz * wy * wx).flatten(2), fraction


def _scatter(rows: Tensor, weights: Tensor, grad: Tensor, table: Tensor) -> Tensor:
    """Sum of weight * gradient into the rows. On CPU one bincount per feature is twice as fast as scatter_add and six times
    as fast as index_add_ (and deterministic)."""
    if table.device.type == "cpu" and table.dtype == torch.float32:
        flat = rows.flatten().long()
        columns = [
            torch.bincount(flat, (weights * grad[..., f, None]).flatten(), minlength=len(table))
            for f in range(table.shape[1])
        ]
        return torch.stack(columns, -1).to(table.dtype)
    values = (weights[..., None] * grad[:, :, None]).flatten(0, 2)
    return torch.zeros_like(table).index_add_(0, rows.flatten().long(), values.to(table.dtype))


def _position_gradient(positions: Tensor, table: Tensor, rows: Tensor, grad: Tensor, layout: HashLayout) -> Tensor:
    """Derivative of the trilinear weights: replace (1 - f, f) of one axis by (-1, 1), times the level's resolution."""
    fraction = _corners(positions, layout)[2]
    weight = torch.stack([1 - fraction, fraction], -1)
    sign = torch.stack([-torch.ones_like(fraction), torch.ones_like(fraction)], -1)
    along = (table[rows.long()] * grad[:, :, None]).sum(-1).view(*rows.shape[:2], 2, 2, 2)  # [levels, n, z, y, x]
    parts = []
    for axis in range(3):
        w = [(sign if axis == other else weight)[:, :, other] for other in range(3)]
        parts.append(torch.einsum("lnzyx,lnx,lny,lnz->ln", along, *w))
    resolutions = positions.new_tensor(layout.resolutions)
    return (torch.stack(parts, -1) * resolutions[:, None, None]).sum(0)


def spherical_harmonics(directions: Tensor) -> Tensor:
    """See `recon.kernels.spherical_harmonics`."""
    x, y, z = directions.unbind(-1)
    xx, yy, zz, xy, yz, xz = x * x, y * y, z * z, x * y, y * z, x * z
    return torch.stack(
        [
            torch.full_like(x, 0.28209479177387814),
            -0.48860251190291987 * y,
            0.48860251190291987 * z,
            -0.48860251190291987 * x,
            1.0925484305920792 * xy,
            -1.0925484305920792 * yz,
            0.94617469575756 * zz - 0.31539156525252,
            -1.0925484305920792 * xz,
            0.5462742152960396 * (xx - yy),
            0.5900435899266435 * y * (-3 * xx + yy),
            2.890611442640554 * xy * z,
            0.4570457994644657 * y * (1 - 5 * zz),
            0.3731763325901154 * z * (5 * zz - 3),
            0.4570457994644657 * x * (1 - 5 * zz),
            1.4453057213202769 * z * (xx - yy),
            0.5900435899266435 * x * (-xx + 3 * yy),
        ],
        -1,
    )


def march(segments: Segments, sampling: Sampling) -> Samples:
    """See `recon.kernels.march`."""
    rays, t_near, t_far, lattice = segments.rays, segments.t_near, segments.t_far, sampling.lattice
    if len(rays) == 0 or not bool((t_far > t_near).any()):
        empty = t_near.new_zeros(0)
        return Samples(empty.long(), empty, empty)
    n_steps = lattice.n_steps(float(t_near.min()), float(t_far.max())) + 1
    index = torch.arange(n_steps, device=t_near.device) + segments.offsets[:, None]  # [n, steps]
    starts = lattice.distances(index, t_near[:, None])
    ends = lattice.distances(index + 1, t_near[:, None])
    middle = 0.5 * (starts + ends)
    in_range = (middle >= t_near[:, None]) & (middle < t_far[:, None])
    ray_indices, step_indices = in_range.nonzero(as_tuple=True)
    samples = Samples(ray_indices, starts[ray_indices, step_indices], ends[ray_indices, step_indices])
    cells = sampling.layout.cell_indices(samples.positions(rays))
    return samples[(cells >= 0) & sampling.occupied.flatten()[cells.clamp_min(0)]]


def occupied_cells(densities: Tensor, is_possible: Tensor, side: float, threshold: float) -> Tensor:
    """See `recon.kernels.occupied_cells`."""
    sides = side * 2.0 ** torch.arange(len(densities), device=densities.device)
    thickness = densities * sides[:, None, None, None]
    is_visited = densities >= 0
    counted = is_visited & is_possible
    mean = thickness[counted].double().mean() if bool(counted.any()) else thickness.new_zeros(())
    return is_possible & ((thickness > min(0.5 * float(mean), threshold)) | ~is_visited)


def render_weights(densities: Tensor, samples: Samples, n_rays: int) -> Tensor:
    """See `recon.kernels.render_weights`."""
    optical = densities * samples.lengths
    # one running sum over all samples, float64 so that subtracting the sum at each ray's start loses nothing
    total = torch.cumsum(optical.double(), 0)
    counts = torch.bincount(samples.ray_indices, minlength=n_rays)
    last = torch.cumsum(counts, 0)
    padded = torch.cat([total.new_zeros(1), total])
    before_ray = padded[(last - counts)][samples.ray_indices]
    before = (padded[:-1] - before_ray).to(densities.dtype)
    return torch.exp(-before) * -torch.expm1(-optical)


def median_distance(densities: Tensor, samples: Samples, n_rays: int) -> Tensor:
    """See `recon.kernels.median_distance`."""
    optical = (densities * samples.lengths).double()
    total = torch.cumsum(optical, 0)
    last = torch.cumsum(torch.bincount(samples.ray_indices, minlength=n_rays), 0)
    padded = torch.cat([total.new_zeros(1), total])
    before_ray = padded[torch.cat([last.new_zeros(1), last[:-1]])]
    # the first sample behind which less than half of the light is left
    index = torch.searchsorted(total.detach(), before_ray.detach() + LN_2)
    hit = index < last
    chosen, missing = index[hit], LN_2 - (padded[index[hit]] - before_ray[hit])
    inside = (missing / densities[chosen]).to(densities.dtype)
    return densities.new_zeros(n_rays).index_put((hit.nonzero()[:, 0],), samples.t_starts[chosen] + inside)


def accumulate(weights: Tensor, values: Tensor | None, ray_indices: Tensor, n_rays: int) -> Tensor:
    """See `recon.kernels.accumulate`."""
    weighted = weights[:, None] if values is None else weights[:, None] * values
    return weighted.new_zeros(n_rays, weighted.shape[1]).index_add(0, ray_indices, weighted)


def adam_step(parameters: Tensor, gradients: Tensor, mean: Tensor, square: Tensor, numbers: AdamStep) -> None:
    """See `recon.kernels.adam_step`."""
    (keep_mean, keep_square), (correct_mean, correct_square) = numbers.betas, numbers.corrections
    touched = (gradients != 0).any(1).nonzero()[:, 0]
    g = gradients[touched]
    m = mean[touched].mul_(keep_mean).add_(g, alpha=1 - keep_mean)
    s = square[touched].mul_(keep_square).addcmul_(g, g, value=1 - keep_square)
    mean[touched], square[touched] = m, s
    change = numbers.learning_rate * (m / correct_mean) / ((s / correct_square).sqrt() + numbers.epsilon)
    parameters[touched] = (1 - numbers.decay) * parameters[touched] - change
    gradients[touched] = 0
