"""Walking rays through the occupancy cascades, one ray per lane: recon.kernels.layout.OccupancyLayout and StepLattice."""

import triton
import triton.language as tl

from recon.kernels.triton.arguments import BRICK as _BRICK
from recon.kernels.triton.hash_grid import load_xyz

BRICK = tl.constexpr(_BRICK)
TO_THE_END = tl.constexpr(1 << 30)  # looks


@triton.jit
def load_rays(rays, row, live):
    """Of rays [n]: origin and direction (six vectors), t_near, t_far, offset. Those not live are empty."""
    ox, oy, oz = load_xyz(rays.origins, row, live)
    dx, dy, dz = load_xyz(rays.directions, row, live)
    t_near = tl.load(rays.t_near + row, mask=live, other=1.0)
    t_far = tl.load(rays.t_far + row, mask=live, other=0.0)
    offset = tl.load(rays.offsets + row, mask=live, other=0.0)
    return ox, oy, oz, dx, dy, dz, t_near, t_far, offset


@triton.jit
def distance(sampling, t_near, index):
    """t of fractional lattice indices (StepLattice.distances)."""
    linear = t_near + index * sampling.step
    if sampling.grows:
        t_turn = tl.maximum(t_near, sampling.step / sampling.growth)
        i_turn = (t_turn - t_near) / sampling.step
        curved = t_turn * tl.exp(sampling.growth * tl.maximum(index - i_turn, 0.0))
        linear = tl.where(index <= i_turn, linear, curved)
    return linear


@triton.jit
def steps_before(sampling, t_near, offset, t):
    """A lower bound of the whole steps that lie before distance t >= t_near."""
    index = (t - t_near) / sampling.step
    if sampling.grows:
        t_turn = tl.maximum(t_near, sampling.step / sampling.growth)
        i_turn = (t_turn - t_near) / sampling.step
        index = tl.where(t <= t_turn, index, i_turn + tl.log(tl.maximum(t / t_turn, 1.0)) / sampling.growth)
    return tl.floor(index - offset).to(tl.int32) - 1


@triton.jit
def interval(sampling, ray, index):
    """The lattice interval of step `index`: t_start, t_end."""
    t_near, offset = ray[6], ray[8]
    start = distance(sampling, t_near, index.to(tl.float32) + offset)
    return start, distance(sampling, t_near, (index + 1).to(tl.float32) + offset)


@triton.jit
def exit_axis(cell, size, origin, direction, side, resolution):
    """Distance at which a ray leaves, along one axis, the box of `size` cells per axis that `cell` lies in.

    origin, direction: of the ray along this axis. side: of a cell. resolution: cells along the axis.
    """
    wall = (cell // size * size).to(tl.float32) + tl.where(direction > 0, size, 0).to(tl.float32)
    t = ((wall - 0.5 * resolution) * side - origin) / tl.where(direction == 0, 1.0, direction)
    return tl.where(direction == 0, float("inf"), t)


@triton.jit
def look(sampling, ray, index, searching):
    """Whether step `index` of each searching lane is a sample: its midpoint lies in an occupied cell before t_far.

    Returns where to look next, which lanes search on, and the hits; those keep their index. Empty cells, and bricks of them, are
    crossed in one jump.
    """
    ox, oy, oz, dx, dy, dz = ray[0], ray[1], ray[2], ray[3], ray[4], ray[5]
    t_near, t_far, offset = ray[6], ray[7], ray[8]
    r = sampling.resolution
    start, end = interval(sampling, ray, index)
    t = 0.5 * (start + end)
    searching = searching & (t < t_far)
    x, y, z = ox + t * dx, oy + t * dy, oz + t * dz
    reach = tl.maximum(tl.maximum(tl.abs(x), tl.abs(y)), tl.abs(z))
    # frexp: reach = m 2^cascade, m in [0.5, 1)
    cascade = tl.maximum((reach.to(tl.int32, bitcast=True) >> 23) - 126, 0)
    inside = cascade < sampling.n_cascades
    cascade = tl.where(inside, cascade, 0)
    scale = ((127 - cascade) << 23).to(tl.float32, bitcast=True)
    cx = tl.minimum(tl.maximum(((x * scale + 1) * (0.5 * r)).to(tl.int32), 0), r - 1)
    cy = tl.minimum(tl.maximum(((y * scale + 1) * (0.5 * r)).to(tl.int32), 0), r - 1)
    cz = tl.minimum(tl.maximum(((z * scale + 1) * (0.5 * r)).to(tl.int32), 0), r - 1)
    looks = searching & inside
    size = tl.full(index.shape, 1, tl.int32)
    if sampling.has_bricks:
        b = r // BRICK
        brick = ((cascade * b + cz // BRICK) * b + cy // BRICK) * b + cx // BRICK
        looks = looks & (tl.load(sampling.bricks + brick, mask=looks, other=0) != 0)
        size = tl.where(looks, 1, BRICK)
    cell = ((cascade * r + cz) * r + cy) * r + cx
    hit = looks & (tl.load(sampling.occupied + cell, mask=looks, other=0) != 0)
    searching = searching & (hit == 0)
    side = 2.0 / (r * scale)
    t_exit = tl.minimum(exit_axis(cx, size, ox, dx, side, r), exit_axis(cy, size, oy, dy, side, r))
    t_exit = tl.minimum(t_exit, exit_axis(cz, size, oz, dz, side, r))
    t_exit = tl.maximum(tl.minimum(t_exit, t_far), t_near)
    jump = tl.where(searching & inside, steps_before(sampling, t_near, offset, t_exit), 0)
    return tl.where(searching, tl.maximum(index + 1, jump), index), searching, hit


@triton.jit
def next_occupied(sampling, ray, index, searching, looks):
    """Each searching lane's first sample from step `index` on, or, after so many looks, the step to go on from.

    Returns the steps, which lanes search on, and which found a sample.
    """
    found = searching & (index < 0)  # none yet
    left = tl.full([], looks, tl.int32)
    while left * tl.max(searching.to(tl.int32), 0) > 0:
        index, searching, hit = look(sampling, ray, index, searching)
        found = found | hit
        left -= 1
    return index, searching, found


@triton.jit
def next_in_line(free, waiting, end, met, BLOCK: tl.constexpr):
    """Lanes that are free [BLOCK] take the next rays that meet something: so lanes whose rays end early do not idle until the last
    has. A program draws BLOCK of them at a time, those from `waiting` to `end`, so that all programs end together.

    Returns the places of the rays, which lanes took one, and what is left of the drawn ones: waiting, end. At first: 0, 0.
    """
    n = tl.load(met.n_meeting)
    if (waiting >= end) & (end < n):
        waiting = tl.atomic_add(met.n_drawn, BLOCK, sem="relaxed")
        end = tl.minimum(waiting + BLOCK, n)
    number = free.to(tl.int32)
    place = waiting + tl.cumsum(number, 0) - 1
    return place, free & (place < end), waiting + tl.sum(number, 0), end
