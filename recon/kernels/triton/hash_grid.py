"""The multi-resolution hash grid: encoding, and the scatter of its gradient. See recon.kernels.layout.HashLayout.

One tile holds [samples, LEVELS, FEATURES]: a row of the table is read by one thread in one piece.
"""

import triton
import triton.language as tl


@triton.jit
def load_xyz(array, row, live, COLUMNS: tl.constexpr = 3):
    """The first three of the COLUMNS of rows [n] of an array, as three vectors; zero where not live."""
    x = tl.load(array + COLUMNS * row, mask=live, other=0.0)
    y = tl.load(array + COLUMNS * row + 1, mask=live, other=0.0)
    return x, y, tl.load(array + COLUMNS * row + 2, mask=live, other=0.0)


@triton.jit
def unit_position(x, y, z, is_contracted: tl.constexpr):
    """Scene position -> unit cube, folded if the field is contracted (geometry.bounds.contract)."""
    if is_contracted:
        norm = tl.maximum(tl.maximum(tl.abs(x), tl.abs(y)), tl.maximum(tl.abs(z), 1.0))
        scale = (2 - 1 / norm) / norm
        return (x * scale + 2) * 0.25, (y * scale + 2) * 0.25, (z * scale + 2) * 0.25
    else:
        return (x + 1) * 0.5, (y + 1) * 0.5, (z + 1) * 0.5


@triton.jit
def level_tables(grid):
    """Cells per axis, first row, strides of y and z, mask: each [1, LEVELS]."""
    level = tl.arange(0, grid.LEVELS)[None, :]
    has = level < grid.n_levels
    cells = tl.load(grid.levels + level, mask=has, other=1)
    first = tl.load(grid.levels + grid.n_levels + level, mask=has, other=0)
    y = tl.load(grid.levels + 2 * grid.n_levels + level, mask=has, other=0)
    z = tl.load(grid.levels + 3 * grid.n_levels + level, mask=has, other=0)
    mask = tl.load(grid.levels + 4 * grid.n_levels + level, mask=has, other=0)
    return cells, first, y, z, mask


@triton.jit
def cell_of(position, cells):
    """Lower vertex (int32) and fraction along one axis: positions [n, 1] among `cells` [1, LEVELS] -> [n, LEVELS]."""
    scaled = position * cells.to(tl.float32)
    low = tl.minimum(tl.maximum(tl.floor(scaled), 0.0), (cells - 1).to(tl.float32))
    return low.to(tl.int32), scaled - low


@triton.jit
def cells_at(tables, x, y, z):
    """The cells of positions [n] at every level, and where in them: lowest corners and fractions, x, y and z, [n, LEVELS]."""
    low_x, fx = cell_of(x[:, None], tables[0])
    low_y, fy = cell_of(y[:, None], tables[0])
    low_z, fz = cell_of(z[:, None], tables[0])
    return (low_x, low_y, low_z), (fx, fy, fz)


@triton.jit
def corner(tables, low, fraction, c: tl.constexpr):
    """Row of the table and trilinear weight of corner c of each cell: [n, LEVELS]. Its bits say which side: x, y, z."""
    bx: tl.constexpr = c & 1
    by: tl.constexpr = c >> 1 & 1
    bz: tl.constexpr = c >> 2
    fx, fy, fz = fraction
    first, stride_y, stride_z, mask = tables[1], tables[2], tables[3], tables[4]
    x, y, z = low[0] + bx, (low[1] + by) * stride_y, (low[2] + bz) * stride_z
    row = tl.where(mask < 0, x + y + z, (x ^ y ^ z) & mask) + first
    wx = fx if bx else 1 - fx
    wy = fy if by else 1 - fy
    wz = fz if bz else 1 - fz
    return row, wx * wy * wz


@triton.jit
def entries(grid, live):
    """Which entries [n, LEVELS, FEATURES] of a tile exist, for live samples [n]; constant along what is not padded."""
    mask = live[:, None, None]
    if grid.n_levels != grid.LEVELS:
        mask = mask & (tl.arange(0, grid.LEVELS) < grid.n_levels)[None, :, None]
    if grid.n_features != grid.FEATURES:
        mask = mask & (tl.arange(0, grid.FEATURES) < grid.n_features)[None, None, :]
    return mask


@triton.jit
def encode(grid, table, x, y, z, live):
    """Features [n, LEVELS, FEATURES] at positions [n] in the unit cube; zero where not live.

    x, y, z: of the positions.
    """
    tables = level_tables(grid)
    low, fraction = cells_at(tables, x, y, z)
    mask = entries(grid, live)
    feature = tl.arange(0, grid.FEATURES)[None, None, :]
    total = tl.zeros([x.shape[0], grid.LEVELS, grid.FEATURES], tl.float32)
    for c in tl.static_range(8):
        row, weight = corner(tables, low, fraction, c)
        value = tl.load(table + (row[:, :, None] * grid.n_features + feature), mask=mask, other=0.0)
        total += weight[:, :, None] * value
    return total


@triton.jit
def scatter(grid, gradient_table, x, y, z, gradient, live):
    """Adds weight * gradient [n, LEVELS, FEATURES] to the rows of every corner, atomically.

    gradient_table: of the shape of the table. x, y, z: of the positions; live: which of them count.
    """
    tables = level_tables(grid)
    low, fraction = cells_at(tables, x, y, z)
    mask = entries(grid, live)
    feature = tl.arange(0, grid.FEATURES)[None, None, :]
    for c in tl.static_range(8):
        row, weight = corner(tables, low, fraction, c)
        at = gradient_table + (row[:, :, None] * grid.n_features + feature)
        tl.atomic_add(at, weight[:, :, None] * gradient, mask=mask, sem="relaxed")


@triton.jit(do_not_specialize=["n"])
def encode_kernel(positions, table, out, grid, n, BLOCK: tl.constexpr):
    """out [n, n_levels * n_features] of positions [n, 3] in the unit cube."""
    sample = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = sample < n
    x, y, z = load_xyz(positions, sample, live)
    features = encode(grid, table, x, y, z, live)
    tl.store(out + encoded_places(grid, sample), features, mask=entries(grid, live))


@triton.jit(do_not_specialize=["n"])
def scatter_kernel(positions, gradient, gradient_table, grid, n, BLOCK: tl.constexpr):
    """The gradient of `encode_kernel` for the table, added to gradient_table; gradient [n, n_levels * n_features]."""
    sample = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = sample < n
    x, y, z = load_xyz(positions, sample, live)
    value = tl.load(gradient + encoded_places(grid, sample), mask=entries(grid, live), other=0.0)
    scatter(grid, gradient_table, x, y, z, value.to(tl.float32), live)


@triton.jit
def encoded_places(grid, sample):
    """Where entries [n, LEVELS, FEATURES] lie in an array [.., n_levels * n_features]."""
    level = tl.arange(0, grid.LEVELS)[None, :, None]
    feature = tl.arange(0, grid.FEATURES)[None, None, :]
    return sample[:, None, None] * (grid.n_levels * grid.n_features) + level * grid.n_features + feature
