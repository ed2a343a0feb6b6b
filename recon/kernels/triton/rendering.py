"""Looking at the field: densities at points, and whole rays with early end."""

import triton
import triton.language as tl

from recon.kernels.triton.compositing import LN_2
from recon.kernels.triton.hash_grid import encode, load_xyz, unit_position
from recon.kernels.triton.march import density_at, first_in_line, load_meeting
from recon.kernels.triton.networks import (
    GEOMETRY,
    color_network,
    color_weights,
    column,
    density_network,
    density_of,
    density_weights,
    harmonics_tile,
    narrow,
)
from recon.kernels.triton.walk import load_rays, next_in_line, next_occupied


@triton.jit(do_not_specialize=["n"])
def density_kernel(positions, densities, geometry, field, grid, n, BLOCK: tl.constexpr):
    """densities [n] and geometry [n, 16] at positions [n, 3] in scene units."""
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = row < n
    x, y, z = load_xyz(positions, row, live)
    x, y, z = unit_position(x, y, z, field.is_contracted)
    features = tl.reshape(encode(grid, field.table, x, y, z, live), [BLOCK, grid.ENCODED])
    found = density_network(features.to(field.dtype), density_weights(field, grid), field.dtype)[1]
    tl.store(densities + row, density_of(column(found, 0)), mask=live)
    at = row[:, None] * GEOMETRY + tl.arange(0, GEOMETRY)[None, :]
    tl.store(geometry + at, found, mask=live[:, None])


@triton.jit
def color_kernel(rays, sampling, met, field, grid, looked, BLOCK: tl.constexpr, LOOKS: tl.constexpr):
    """Colours [n, 3], premultiplied, and opacities [n] of rays that end at an optical depth of looked.opaque; distances [n] where
    half of their light is left, 0 where more gets through. All are zero before: rays that meet nothing keep that.

    Samples that weigh less than looked.min_weight have no colour of their own: they take that of the others.

    LOOKS: cells that a lane looks at before the others go on.
    """
    density_layers = density_weights(field, grid)
    color_layers = color_weights(field)
    channel = tl.arange(0, 16)[None, :]
    row, index, active, waiting, end = first_in_line(met, BLOCK)
    is_sample = active
    optical = tl.zeros([BLOCK], tl.float32)
    seen = tl.zeros([BLOCK], tl.float32)
    distance = tl.zeros([BLOCK], tl.float32)
    total = tl.zeros([BLOCK, 16], tl.float32)
    while tl.max(active.to(tl.int32), 0) > 0:
        ray = load_rays(rays, row, active)
        t_start, t_end, more, geometry = density_at(field, grid, density_layers, sampling, ray, index, is_sample)
        missing = LN_2 - optical
        halves = (missing > 0) & (more >= missing)
        inside = (t_end - t_start) * missing / tl.maximum(more, 1e-30)
        distance = tl.where(halves, t_start + tl.minimum(inside, t_end - t_start), distance)
        weight = tl.exp(-optical) - tl.exp(-optical - more)
        optical += more
        counts = tl.where(weight > looked.min_weight, weight, 0.0)
        if tl.max(counts, 0) > 0:
            of_direction = harmonics_tile(looked.harmonics, row, active, field.dtype)
            value = color_network(of_direction, narrow(geometry, field.dtype), color_layers, field.dtype)[2]
            total += counts[:, None] * tl.sigmoid(value)
            seen += counts
        index += is_sample.to(tl.int32)
        searching = active & (optical <= looked.opaque)
        index, searching, is_sample = next_occupied(sampling, ray, index, searching, LOOKS)

        ended = active & (searching == 0) & (is_sample == 0)
        opacity = 1 - tl.exp(-optical)
        tl.store(looked.opacities + row, opacity, mask=ended)
        tl.store(looked.distances + row, distance, mask=ended)
        scaled = total * (opacity / tl.maximum(seen, 1e-8))[:, None]
        tl.store(looked.colors + row[:, None] * 3 + channel, scaled, mask=ended[:, None] & (channel < 3))
        active = active & (ended == 0)
        place, begins, waiting, end = next_in_line(active == 0, waiting, end, met, BLOCK)
        new_row, new_index = load_meeting(met, place, begins)
        row, index = tl.where(begins, new_row, row), tl.where(begins, new_index, index)
        optical, seen = tl.where(begins, 0.0, optical), tl.where(begins, 0.0, seen)
        distance, total = tl.where(begins, 0.0, distance), tl.where(begins[:, None], 0.0, total)
        is_sample = is_sample | begins
        active = active | begins
