"""The two small networks of the radiance field on tiles [samples, width], as matrix products.

Weights lie as [n_out, n_in]; a tile holds [n_in, n_out], padded with zeros. Products take `field.dtype` and sum in float32.
"""

import triton
import triton.language as tl

from recon.kernels.triton.hash_grid import load_xyz

GEOMETRY = tl.constexpr(16)  # entries of the vector between the networks; entry 0 is the logarithm of the density
HARMONICS = tl.constexpr(16)
MAX_LOG_DENSITY = tl.constexpr(15.0)


@triton.jit
def weights(layer, n_out, n_in, first, stride, OUT: tl.constexpr, IN: tl.constexpr, dtype: tl.constexpr):
    """Columns [first, first + n_in) of a layer with rows `stride` apart, as a tile [IN, OUT].

    n_out, n_in: true sizes, OUT, IN: padded. dtype: of the tile.
    """
    out = tl.arange(0, OUT)[None, :]
    into = tl.arange(0, IN)[:, None]
    mask = (out < n_out) & (into < n_in)
    return tl.load(layer + out * stride + first + into, mask=mask, other=0.0).to(dtype)


@triton.jit
def encoding_weights(field, grid):
    """The first density layer as a tile [ENCODED, WIDTH]: levels and features are padded apart from each other."""
    out = tl.arange(0, field.WIDTH)[None, :]
    into = tl.arange(0, grid.ENCODED)[:, None]
    level, feature = into // grid.FEATURES, into % grid.FEATURES
    mask = (out < field.width) & (level < grid.n_levels) & (feature < grid.n_features)
    at = out * (grid.n_levels * grid.n_features) + level * grid.n_features + feature
    return tl.load(field.density0 + at, mask=mask, other=0.0).to(field.dtype)


@triton.jit
def density_weights(field, grid):
    """Both density layers: [ENCODED, WIDTH], [WIDTH, GEOMETRY]."""
    first = encoding_weights(field, grid)
    return first, weights(field.density1, GEOMETRY, field.width, 0, field.width, GEOMETRY, field.WIDTH, field.dtype)


@triton.jit
def color_weights(field):
    """The colour layers: [HARMONICS, WIDTH] and [GEOMETRY, WIDTH] of the first, [WIDTH, WIDTH], [WIDTH, 16] (3 used)."""
    both: tl.constexpr = HARMONICS + GEOMETRY
    of_direction = weights(field.color0, field.width, HARMONICS, 0, both, field.WIDTH, HARMONICS, field.dtype)
    of_geometry = weights(field.color0, field.width, GEOMETRY, HARMONICS, both, field.WIDTH, GEOMETRY, field.dtype)
    second = weights(field.color1, field.width, field.width, 0, field.width, field.WIDTH, field.WIDTH, field.dtype)
    third = weights(field.color2, 3, field.width, 0, field.width, 16, field.WIDTH, field.dtype)
    return of_direction, of_geometry, second, third


@triton.jit
def product(a, b):
    """a @ b, operands as they are, summed in float32."""
    return tl.dot(a, b, input_precision="ieee")


@triton.jit
def narrow(x, dtype: tl.constexpr):
    """x in `dtype`, the largest half-precision number at most: no product becomes infinite."""
    return tl.minimum(tl.maximum(x, -65504.0), 65504.0).to(dtype)


@triton.jit
def density_network(features, layers, dtype: tl.constexpr):
    """Features [n, ENCODED] -> hidden [n, WIDTH] and geometry [n, GEOMETRY]."""
    hidden = narrow(tl.maximum(product(features, layers[0]), 0.0), dtype)
    return hidden, product(hidden, layers[1])


@triton.jit
def color_network(harmonics, geometry, layers, dtype: tl.constexpr):
    """Harmonics and geometry [n, 16] -> both hidden vectors [n, WIDTH] and colours [n, 16] (3 used) before the sigmoid."""
    first = product(harmonics, layers[0]) + product(geometry, layers[1])
    hidden1 = narrow(tl.maximum(first, 0.0), dtype)
    hidden2 = narrow(tl.maximum(product(hidden1, layers[2]), 0.0), dtype)
    return hidden1, hidden2, product(hidden2, layers[3])


@triton.jit
def column(tile, index: tl.constexpr):
    """Column `index` [n] of a tile [n, m]."""
    which = tl.arange(0, tile.shape[1])[None, :] == index
    return tl.sum(tl.where(which, tile, 0.0), 1)


@triton.jit
def density_of(log_density):
    """exp(min(x, 15)), see recon.field.truncated_exp."""
    return tl.exp(tl.minimum(log_density, MAX_LOG_DENSITY))


@triton.jit
def harmonics_tile(harmonics, row, live, dtype: tl.constexpr):
    """Rows [n] of an array [.., HARMONICS] as a tile."""
    at = row[:, None] * HARMONICS + tl.arange(0, HARMONICS)[None, :]
    return tl.load(harmonics + at, mask=live[:, None], other=0.0).to(dtype)


@triton.jit(do_not_specialize=["n"])
def harmonics_kernel(directions, out, n, BLOCK: tl.constexpr):
    """The 16 real spherical harmonics of degree < 4 at unit directions [n, 3] -> out [n, 16]."""
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = row < n
    x, y, z = load_xyz(directions, row, live)
    xx, yy, zz, xy, yz, xz = x * x, y * y, z * z, x * y, y * z, x * z
    at = out + HARMONICS * row
    tl.store(at, 0.28209479177387814 + 0 * x, mask=live)
    tl.store(at + 1, -0.48860251190291987 * y, mask=live)
    tl.store(at + 2, 0.48860251190291987 * z, mask=live)
    tl.store(at + 3, -0.48860251190291987 * x, mask=live)
    tl.store(at + 4, 1.0925484305920792 * xy, mask=live)
    tl.store(at + 5, -1.0925484305920792 * yz, mask=live)
    tl.store(at + 6, 0.94617469575756 * zz - 0.31539156525252, mask=live)
    tl.store(at + 7, -1.0925484305920792 * xz, mask=live)
    tl.store(at + 8, 0.5462742152960396 * (xx - yy), mask=live)
    tl.store(at + 9, 0.5900435899266435 * y * (-3 * xx + yy), mask=live)
    tl.store(at + 10, 2.890611442640554 * xy * z, mask=live)
    tl.store(at + 11, 0.4570457994644657 * y * (1 - 5 * zz), mask=live)
    tl.store(at + 12, 0.3731763325901154 * z * (5 * zz - 3), mask=live)
    tl.store(at + 13, 0.4570457994644657 * x * (1 - 5 * zz), mask=live)
    tl.store(at + 14, 1.4453057213202769 * z * (xx - yy), mask=live)
    tl.store(at + 15, 0.5900435899266435 * x * (-xx + 3 * yy), mask=live)
