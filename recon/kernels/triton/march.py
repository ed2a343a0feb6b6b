"""The samples of rays: how many each ray has, then, with their places known, the samples themselves.

What a ray meets is found twice: looking at cells is cheap, and no sample needs a place before all are counted.
"""

import triton
import triton.language as tl

from recon.kernels.triton.hash_grid import encode, unit_position
from recon.kernels.triton.networks import column, density_network, density_of, density_weights
from recon.kernels.triton.walk import interval, load_rays, next_occupied


@triton.jit
def density_at(field, grid, layers, lattice, ray, index, live):
    """Of step `index` [n] of each ray: t_start, t_end, optical depth (zero where not live) and geometry [n, 16]."""
    start, end = interval(lattice, ray, index)
    t = 0.5 * (start + end)
    x, y, z = unit_position(ray[0] + t * ray[3], ray[1] + t * ray[4], ray[2] + t * ray[5], field.is_contracted)
    features = tl.reshape(encode(grid, field.table, x, y, z, live), [index.shape[0], grid.ENCODED])
    geometry = density_network(features.to(field.dtype), layers, field.dtype)[1]
    optical = tl.where(live, density_of(column(geometry, 0)) * (end - start), 0.0)
    return start, end, optical, geometry


@triton.jit(do_not_specialize=["n"])
def count_occupied_kernel(rays, cells, lattice, counts, n, BLOCK: tl.constexpr):
    """counts [n]: samples of each ray in occupied cells."""
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    ray = load_rays(rays, row, row < n)
    index = tl.zeros([BLOCK], tl.int32)
    count = tl.zeros([BLOCK], tl.int32)
    active = row < n
    while tl.max(active.to(tl.int32), 0) > 0:
        index, active = next_occupied(cells, lattice, ray, index, active)
        count += active.to(tl.int32)
        index += 1
    tl.store(counts + row, count, mask=row < n)


@triton.jit(do_not_specialize=["n"])
def count_visible_kernel(rays, cells, lattice, field, grid, opaque, counts, n, BLOCK: tl.constexpr):
    """counts [n]: samples of each ray in occupied cells, up to an optical depth of `opaque` of the field itself."""
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    ray = load_rays(rays, row, row < n)
    layers = density_weights(field, grid)
    index = tl.zeros([BLOCK], tl.int32)
    count = tl.zeros([BLOCK], tl.int32)
    optical = tl.zeros([BLOCK], tl.float32)
    active = row < n
    while tl.max(active.to(tl.int32), 0) > 0:
        index, found = next_occupied(cells, lattice, ray, index, active)
        optical += density_at(field, grid, layers, lattice, ray, index, found)[2]
        count += found.to(tl.int32)
        active = found & (optical <= opaque)
        index += 1
    tl.store(counts + row, count, mask=row < n)


@triton.jit(do_not_specialize=["n", "capacity"])
def write_kernel(rays, cells, lattice, first, ray_indices, t_starts, t_ends, capacity, n, BLOCK: tl.constexpr):
    """The samples [first[r], first[r + 1]) of each ray r; none of a ray whose samples end beyond `capacity`."""
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    ray = load_rays(rays, row, row < n)
    at = tl.load(first + row, mask=row < n, other=0)
    last = tl.load(first + row + 1, mask=row < n, other=0)
    last = tl.where(last <= capacity, last, at)
    index = tl.zeros([BLOCK], tl.int32)
    found = row < n
    while tl.max((at < last).to(tl.int32), 0) > 0:
        writes = at < last
        index, found = next_occupied(cells, lattice, ray, index, found & writes)
        start, end = interval(lattice, ray, index)
        tl.store(ray_indices + at, row.to(tl.int64), mask=writes)
        # rounding in the two passes may differ, so that a sample is missing here: it becomes one of no length
        tl.store(t_starts + at, start, mask=writes)
        tl.store(t_ends + at, tl.where(found, end, start), mask=writes)
        index += 1
        at += 1
