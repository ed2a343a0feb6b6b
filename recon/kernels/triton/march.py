"""The samples of rays: which rays have any, how many each has, then, with their places known, the samples themselves.

What a ray meets is found twice: looking at cells is cheap, and no sample needs a place before all are counted. Most rays meet
nothing, and of the others some end soon: those that meet something are collected first, and a lane whose ray has ended takes
another one.
"""

import triton
import triton.language as tl

from recon.kernels.triton.hash_grid import encode, unit_position
from recon.kernels.triton.networks import column, density_network, density_of, density_weights
from recon.kernels.triton.walk import TO_THE_END, interval, load_rays, next_in_line, next_occupied


@triton.jit
def density_at(field, grid, layers, sampling, ray, index, live):
    """Of step `index` [n] of each ray: t_start, t_end, optical depth (zero where not live) and geometry [n, 16].

    layers: of the density network.
    """
    start, end = interval(sampling, ray, index)
    t = 0.5 * (start + end)
    x, y, z = unit_position(ray[0] + t * ray[3], ray[1] + t * ray[4], ray[2] + t * ray[5], field.is_contracted)
    features = tl.reshape(encode(grid, field.table, x, y, z, live), [index.shape[0], grid.ENCODED])
    geometry = density_network(features.to(field.dtype), layers, field.dtype)[1]
    optical = tl.where(live, density_of(column(geometry, 0)) * (end - start), 0.0)
    return start, end, optical, geometry


@triton.jit(do_not_specialize=["n"])
def meet_kernel(rays, sampling, met, n, BLOCK: tl.constexpr):
    """met.begins [n]: each ray's first step that is a sample; met.meeting: the n_meeting [1] rays that have one, in any order."""
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    ray = load_rays(rays, row, row < n)
    index, _, found = next_occupied(sampling, ray, tl.zeros([BLOCK], tl.int32), row < n, TO_THE_END)
    tl.store(met.begins + row, index, mask=row < n)
    number = found.to(tl.int32)
    place = tl.atomic_add(met.n_meeting, tl.sum(number, 0), sem="relaxed") + tl.cumsum(number, 0) - 1
    tl.store(met.meeting + place, row, mask=found)


@triton.jit
def load_meeting(met, place, live):
    """The rays at places [n] of the collected ones, and their first samples' steps."""
    row = tl.load(met.meeting + place, mask=live, other=0)
    return row, tl.load(met.begins + row, mask=live, other=0)


@triton.jit
def first_in_line(met, BLOCK: tl.constexpr):
    """What `next_in_line` gives all lanes of a program at first, and their rays: row, index, active, waiting, end."""
    waiting, end = tl.full([], 0, tl.int32), tl.full([], 0, tl.int32)
    place, active, waiting, end = next_in_line(tl.full([BLOCK], True, tl.int1), waiting, end, met, BLOCK)
    row, index = load_meeting(met, place, active)
    return row, index, active, waiting, end


@triton.jit
def count_occupied_kernel(rays, sampling, met, counts, BLOCK: tl.constexpr):
    """counts [n], zero before: samples of each ray in occupied cells."""
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    found = place < tl.load(met.n_meeting)
    row, index = load_meeting(met, place, found)
    met_any = found
    ray = load_rays(rays, row, found)
    count = tl.zeros([BLOCK], tl.int32)
    while tl.max(found.to(tl.int32), 0) > 0:
        count += found.to(tl.int32)
        index, _, found = next_occupied(sampling, ray, index + 1, found, TO_THE_END)
    tl.store(counts + row, count, mask=met_any)


@triton.jit
def count_visible_kernel(
    rays, sampling, met, field, grid, opaque, counts, BLOCK: tl.constexpr, LOOKS: tl.constexpr
):  # fmt: skip
    """counts [n], zero before: samples of each ray in occupied cells, up to an optical depth of `opaque` of the field itself.

    LOOKS: cells that a lane looks at before the others go on.
    """
    layers = density_weights(field, grid)
    row, index, active, waiting, end = first_in_line(met, BLOCK)
    is_sample = active
    count = tl.zeros([BLOCK], tl.int32)
    optical = tl.zeros([BLOCK], tl.float32)
    while tl.max(active.to(tl.int32), 0) > 0:
        ray = load_rays(rays, row, active)
        optical += density_at(field, grid, layers, sampling, ray, index, is_sample)[2]
        count += is_sample.to(tl.int32)
        searching = active & (optical <= opaque)
        index += is_sample.to(tl.int32)
        index, searching, is_sample = next_occupied(sampling, ray, index, searching, LOOKS)
        ended = active & (searching == 0) & (is_sample == 0)
        tl.store(counts + row, count, mask=ended)
        active = active & (ended == 0)
        place, begins, waiting, end = next_in_line(active == 0, waiting, end, met, BLOCK)
        new_row, new_index = load_meeting(met, place, begins)
        row, index = tl.where(begins, new_row, row), tl.where(begins, new_index, index)
        count, optical = tl.where(begins, 0, count), tl.where(begins, 0.0, optical)
        is_sample = is_sample | begins
        active = active | begins


@triton.jit(do_not_specialize=["capacity"])
def write_kernel(rays, sampling, met, first, ray_indices, t_starts, t_ends, capacity, BLOCK: tl.constexpr):
    """The samples [first[r], first[r + 1]) of each ray r; none of a ray whose samples end beyond `capacity`.

    ray_indices, t_starts, t_ends: take the samples.
    """
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    found = place < tl.load(met.n_meeting)
    row, index = load_meeting(met, place, found)
    ray = load_rays(rays, row, found)
    at = tl.load(first + row, mask=found, other=0)
    last = tl.load(first + row + 1, mask=found, other=0)
    last = tl.where(last <= capacity, last, at)
    while tl.max((at < last).to(tl.int32), 0) > 0:
        writes = at < last
        index, _, found = next_occupied(sampling, ray, index, found & writes, TO_THE_END)
        start, end = interval(sampling, ray, index)
        tl.store(ray_indices + at, row.to(tl.int64), mask=writes)
        # rounding in the two passes may differ, so that a sample is missing here: it becomes one of no length
        tl.store(t_starts + at, start, mask=writes)
        tl.store(t_ends + at, tl.where(found, end, start), mask=writes)
        index += 1
        at += 1
