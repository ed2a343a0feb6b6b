"""One training step over packed samples: both networks forwards, compositing with the loss, both networks backwards, scatter.

Between the kernels lie, per sample, its encoding, `outputs` [.., 4] (colour and logarithm of the density), and the gradients of
both. Hidden layers are computed again on the way back: that is cheaper than writing them. The gradients of samples are half
precision and multiplied by `loss.gradient_scale`; those of parameters are float32 and true.
"""

import triton
import triton.language as tl

from recon.kernels.triton.hash_grid import encode, load_xyz, scatter, unit_position
from recon.kernels.triton.networks import (
    GEOMETRY,
    HARMONICS,
    color_network,
    color_weights,
    density_network,
    density_weights,
    harmonics_tile,
    narrow,
    product,
)


@triton.jit
def sample_position(field, samples, ray, t, live):
    """Unit-cube position of samples [n] at distances t of rays."""
    ox, oy, oz = load_xyz(samples.origins, ray, live)
    dx, dy, dz = load_xyz(samples.directions, ray, live)
    return unit_position(ox + t * dx, oy + t * dy, oz + t * dz, field.is_contracted)


@triton.jit
def samples_of(samples, sample, live):
    """Ray (int32) and midpoint of samples [n]."""
    ray = tl.load(samples.ray_indices + sample, mask=live, other=0).to(tl.int32)
    start = tl.load(samples.t_starts + sample, mask=live, other=0.0)
    return ray, 0.5 * (start + tl.load(samples.t_ends + sample, mask=live, other=0.0))


@triton.jit
def features_tile(grid, features, sample, live):
    """The stored encoding of samples [n] as a tile [n, ENCODED]."""
    column = tl.arange(0, grid.ENCODED)[None, :]
    return tl.load(features + sample[:, None] * grid.ENCODED + column, mask=live[:, None], other=0.0)


@triton.jit
def forward_kernel(samples, field, grid, harmonics, features, outputs, BLOCK: tl.constexpr):
    """features [n, ENCODED] and outputs [n, 4] of the n_samples [1] samples.

    harmonics: [n_rays, 16] of the rays' directions.
    """
    n = tl.load(samples.n_samples).to(tl.int32)
    density_layers = density_weights(field, grid)
    color_layers = color_weights(field)
    for block in range(tl.program_id(0), tl.cdiv(n, BLOCK), tl.num_programs(0)):
        sample = block * BLOCK + tl.arange(0, BLOCK)
        live = sample < n
        ray, t = samples_of(samples, sample, live)
        x, y, z = sample_position(field, samples, ray, t, live)
        encoded = tl.reshape(encode(grid, field.table, x, y, z, live), [BLOCK, grid.ENCODED]).to(field.dtype)
        column = tl.arange(0, grid.ENCODED)[None, :]
        tl.store(features + sample[:, None] * grid.ENCODED + column, encoded, mask=live[:, None])
        geometry = density_network(encoded, density_layers, field.dtype)[1]
        of_direction = harmonics_tile(harmonics, ray, live, field.dtype)
        color = color_network(of_direction, narrow(geometry, field.dtype), color_layers, field.dtype)[2]
        channel = tl.arange(0, 16)[None, :]
        log_density = tl.sum(tl.where(channel == 0, geometry, 0.0), 1)
        values = tl.where(channel == 3, log_density[:, None], tl.sigmoid(color))
        tl.store(outputs + sample[:, None] * 4 + channel, values, mask=live[:, None] & (channel < 4))


@triton.jit
def backward_kernel(samples, field, grid, harmonics, features, back, BLOCK: tl.constexpr):
    """Gradients of features from those of outputs, and this program's share of the layers': one row of back.weights.

    harmonics: [n_rays, 16] of the rays' directions.
    """
    n = tl.load(samples.n_samples).to(tl.int32)
    density_layers = density_weights(field, grid)
    color_layers = color_weights(field)
    back0, back1 = tl.trans(density_layers[0]), tl.trans(density_layers[1])
    back_geometry, back2, back3 = tl.trans(color_layers[1]), tl.trans(color_layers[2]), tl.trans(color_layers[3])
    sum0 = tl.zeros([field.WIDTH, grid.ENCODED], tl.float32)
    sum1 = tl.zeros([GEOMETRY, field.WIDTH], tl.float32)
    sum_direction = tl.zeros([field.WIDTH, HARMONICS], tl.float32)
    sum_geometry = tl.zeros([field.WIDTH, GEOMETRY], tl.float32)
    sum2 = tl.zeros([field.WIDTH, field.WIDTH], tl.float32)
    sum3 = tl.zeros([16, field.WIDTH], tl.float32)
    channel = tl.arange(0, 16)[None, :]
    for block in range(tl.program_id(0), tl.cdiv(n, BLOCK), tl.num_programs(0)):
        sample = block * BLOCK + tl.arange(0, BLOCK)
        live = sample < n
        ray = tl.load(samples.ray_indices + sample, mask=live, other=0).to(tl.int32)
        encoded = features_tile(grid, features, sample, live)
        hidden, geometry = density_network(encoded, density_layers, field.dtype)
        geometry = narrow(geometry, field.dtype)
        of_direction = harmonics_tile(harmonics, ray, live, field.dtype)
        hidden1, hidden2, _ = color_network(of_direction, geometry, color_layers, field.dtype)

        given = tl.load(back.outputs + sample[:, None] * 4 + channel, mask=live[:, None] & (channel < 4), other=0.0)
        d_color = narrow(tl.where(channel == 3, 0.0, given), field.dtype)
        d_log_density = tl.sum(tl.where(channel == 3, given, 0.0), 1)
        sum3 += product(tl.trans(d_color), hidden2)
        d_hidden2 = narrow(tl.where(hidden2 > 0, product(d_color, back3), 0.0), field.dtype)
        sum2 += product(tl.trans(d_hidden2), hidden1)
        d_hidden1 = narrow(tl.where(hidden1 > 0, product(d_hidden2, back2), 0.0), field.dtype)
        sum_direction += product(tl.trans(d_hidden1), of_direction)
        sum_geometry += product(tl.trans(d_hidden1), geometry)
        d_geometry = product(d_hidden1, back_geometry) + tl.where(channel == 0, d_log_density[:, None], 0.0)
        d_geometry = narrow(d_geometry, field.dtype)
        sum1 += product(tl.trans(d_geometry), hidden)
        d_hidden = narrow(tl.where(hidden > 0, product(d_geometry, back1), 0.0), field.dtype)
        sum0 += product(tl.trans(d_hidden), encoded)
        column = tl.arange(0, grid.ENCODED)[None, :]
        d_encoded = narrow(product(d_hidden, back0), field.dtype)
        tl.store(back.features + sample[:, None] * grid.ENCODED + column, d_encoded, mask=live[:, None])

    own = back.weights + tl.program_id(0) * back.n_weights
    store_encoding_weights(own, sum0, field, grid)
    own += field.width * (grid.n_levels * grid.n_features)
    store_weights(own, sum1, GEOMETRY, field.width, 0, field.width)
    own += GEOMETRY * field.width
    store_weights(own, sum_direction, field.width, HARMONICS, 0, HARMONICS + GEOMETRY)
    store_weights(own, sum_geometry, field.width, GEOMETRY, HARMONICS, HARMONICS + GEOMETRY)
    own += field.width * (HARMONICS + GEOMETRY)
    store_weights(own, sum2, field.width, field.width, 0, field.width)
    own += field.width * field.width
    store_weights(own, sum3, 3, field.width, 0, field.width)


@triton.jit
def store_weights(layer, tile, n_out, n_in, first, stride):
    """A tile [OUT, IN] into columns [first, first + n_in) of a layer with rows `stride` apart.

    n_out, n_in: true sizes; the tile is padded.
    """
    out = tl.arange(0, tile.shape[0])[:, None]
    into = tl.arange(0, tile.shape[1])[None, :]
    tl.store(layer + out * stride + first + into, tile, mask=(out < n_out) & (into < n_in))


@triton.jit
def store_encoding_weights(layer, tile, field, grid):
    """A tile [WIDTH, ENCODED] into the first density layer, without its padding."""
    out = tl.arange(0, field.WIDTH)[:, None]
    into = tl.arange(0, grid.ENCODED)[None, :]
    level, feature = into // grid.FEATURES, into % grid.FEATURES
    mask = (out < field.width) & (level < grid.n_levels) & (feature < grid.n_features)
    at = out * (grid.n_levels * grid.n_features) + level * grid.n_features + feature
    tl.store(layer + at, tile, mask=mask)


@triton.jit
def scatter_features_kernel(samples, field, grid, grad_features, grad_table, scale, BLOCK: tl.constexpr):
    """Adds the gradients of the samples' encodings, divided by `scale`, to the rows of the table.

    grad_features: [n_samples, ENCODED]; grad_table: takes the sums.
    """
    n = tl.load(samples.n_samples).to(tl.int32)
    sample = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = sample < n
    ray, t = samples_of(samples, sample, live)
    x, y, z = sample_position(field, samples, ray, t, live)
    level = tl.arange(0, grid.LEVELS)[None, :, None] * grid.FEATURES
    at = sample[:, None, None] * grid.ENCODED + level + tl.arange(0, grid.FEATURES)[None, None, :]
    gradient = tl.load(grad_features + at, mask=live[:, None, None], other=0.0).to(tl.float32) / scale
    has_any = tl.max(tl.max(tl.abs(gradient), 2), 1) > 0  # what no light reaches has no gradient
    scatter(grid, grad_table, x, y, z, gradient, live & has_any)
