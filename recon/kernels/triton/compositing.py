"""Colours and opacities of rays, their loss, and its gradient back to each sample. One ray per lane, sample by sample.

The maths of recon/kernels/native/train.cpp: emission-absorption rendering, Huber loss, entropy of the opacity, distortion by
running sums (Barron et al. 2022, eq. 15) over folded distances s = t / (1 + t).
"""

import triton
import triton.language as tl

from recon.kernels.triton.hash_grid import load_xyz
from recon.kernels.triton.networks import density_of

LN_2 = tl.constexpr(0.6931471805599453)  # optical depth at which half of the light is left


@triton.jit
def folded(t):
    """Distances folded to [0, 1)."""
    return t / (1 + t)


@triton.jit
def huber(error, delta):
    """Huber loss over delta, and its slope."""
    size = tl.abs(error)
    value = tl.where(size <= delta, 0.5 * error * error / delta, size - 0.5 * delta)
    return value, tl.minimum(tl.maximum(error / delta, -1.0), 1.0)


@triton.jit
def clamped_exp(x):
    """The slope of recon.field.truncated_exp."""
    return tl.exp(tl.minimum(tl.maximum(x, -15.0), 15.0))


@triton.jit(do_not_specialize=["n_rays", "capacity"])
def composite_kernel(
    outputs, intervals, capacity, wanted, loss, transmittances, found, n_rays, BLOCK: tl.constexpr
):  # fmt: skip
    """Into `found`: colours, opacities and losses of rays, whose sum is the loss, and the gradients of backgrounds and samples.

    Rays whose samples end beyond `capacity` have none written and do not take part. `transmittances` [n_samples]: scratch.

    outputs: [n_samples, 4] of the field; intervals: of the samples, ray by ray, of n_rays. wanted, loss: `RayTargets`,
    `LossSettings`.
    """
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    is_ray = row < n_rays
    begin = tl.load(intervals.first + row, mask=is_ray, other=0).to(tl.int32)
    end = tl.load(intervals.first + row + 1, mask=is_ray, other=0).to(tl.int32)
    takes_part = is_ray & (end <= capacity)
    count = tl.where(takes_part, end - begin, 0)
    per_ray = 1.0 / n_rays
    red, green, blue, last, spread, sums, half = look_along(
        outputs, intervals, begin, count, loss.min_transmittance, transmittances
    )
    tl.debug_barrier()

    behind_r, behind_g, behind_b = load_xyz(wanted.backgrounds, row, is_ray)
    target_r, target_g, target_b = load_xyz(wanted.colors, row, is_ray)
    red += last * behind_r
    green += last * behind_g
    blue += last * behind_b
    value_r, slope_r = huber(red - target_r, loss.huber_delta)
    value_g, slope_g = huber(green - target_g, loss.huber_delta)
    value_b, slope_b = huber(blue - target_b, loss.huber_delta)
    share = tl.where(takes_part, per_ray / 3, 0.0)
    slope_r, slope_g, slope_b = slope_r * share, slope_g * share, slope_b * share
    entropy, d_entropy = binary_entropy(1 - last)
    known = tl.load(wanted.known_distances + row, mask=is_ray, other=0.0)
    cost_of_distance, d_distance = distance_loss(half[0], half[1], known, loss.depth_loss * per_ray)
    cost = (value_r + value_g + value_b) / 3 + loss.opacity_loss * entropy + loss.distortion_loss * spread
    tl.store(found.losses + row, tl.where(takes_part, cost * per_ray + cost_of_distance, 0.0), mask=is_ray)
    tl.store(found.opacities + row, 1 - last, mask=is_ray)
    store_rgb(found.colors, row, red, green, blue, is_ray)
    store_rgb(found.grad_backgrounds, row, last * slope_r, last * slope_g, last * slope_b, is_ray)

    behind = last * (behind_r * slope_r + behind_g * slope_g + behind_b * slope_b)  # gradient of what lies behind
    slopes = (slope_r, slope_g, slope_b, loss.opacity_loss * per_ray * d_entropy, loss.distortion_loss * per_ray)
    light = (last, behind, sums, (half[0], half[1], d_distance / half[2]))
    look_back(outputs, intervals, begin, count, light, slopes, loss, transmittances, found.grad_outputs)


@triton.jit
def look_along(outputs, intervals, begin, count, min_transmittance, transmittances):
    """Of rays with samples [begin, begin + count): red, green, blue, transmittance behind them all, distortion; then its running
    sums of weights and of weights times places; then where half of the light is left, the sample there (-1: none) and its density.

    `transmittances` [n_samples] are those before each sample.

    outputs, intervals: as in `composite_kernel`. min_transmittance: below it a ray has ended.
    """
    red = tl.zeros(begin.shape, tl.float32)
    green = tl.zeros(begin.shape, tl.float32)
    blue = tl.zeros(begin.shape, tl.float32)
    optical = tl.zeros(begin.shape, tl.float32)
    last = tl.full(begin.shape, 1.0, tl.float32)  # transmittance behind the samples so far
    mass = tl.zeros(begin.shape, tl.float32)
    moment = tl.zeros(begin.shape, tl.float32)
    spread = tl.zeros(begin.shape, tl.float32)
    median = tl.zeros(begin.shape, tl.float32)
    median_sample = tl.full(begin.shape, -1, tl.int32)
    median_density = tl.full(begin.shape, 1.0, tl.float32)
    for k in range(tl.max(count, 0)):
        at = begin + k
        has = k < count
        lit = has & (last >= min_transmittance)
        t_start, t_end, near, far, middle = interval_at(intervals, at, has)
        density = density_of(tl.load(outputs + 4 * at + 3, mask=lit, other=0.0))
        missing = LN_2 - optical
        optical += tl.where(lit, density * (t_end - t_start), 0.0)
        halves = lit & (missing > 0) & (optical >= LN_2)
        median = tl.where(halves, tl.minimum(t_start + missing / density, t_end), median)
        median_sample = tl.where(halves, k, median_sample)
        median_density = tl.where(halves, density, median_density)
        after = tl.where(lit, tl.exp(-optical), last)
        weight = last - after
        tl.store(transmittances + at, last, mask=has)
        r, g, b = load_xyz(outputs, at, lit, 4)
        red += weight * r
        green += weight * g
        blue += weight * b
        spread += weight * (2 * (mass * middle - moment) + weight * (far - near) / 3)
        mass += weight
        moment += weight * middle
        last = after
    return red, green, blue, last, spread, (mass, moment), (median, median_sample, median_density)


@triton.jit
def look_back(outputs, intervals, begin, count, light, slopes, loss, transmittances, grad_outputs):
    """grad_outputs [n_samples, 4], from the last sample of each ray to its first.

    light: what `look_along` found of the rays: transmittance behind them, gradient of what lies there, running sums, and of the
    half of the light: where, which sample, gradient over density. slopes: gradients of red, green, blue, of the opacity and of
    the distortion.

    outputs, intervals, begin, count, transmittances: as in `look_along`; loss: as in `composite_kernel`.
    """
    last, behind, sums, half = light
    slope_r, slope_g, slope_b, d_opacity, d_distortion = slopes
    after = last
    mass_behind = tl.zeros(begin.shape, tl.float32)
    moment_behind = tl.zeros(begin.shape, tl.float32)
    for back in range(tl.max(count, 0)):
        at = begin + count - 1 - back
        has = back < count
        before = tl.load(transmittances + at, mask=has, other=0.0)
        lit = has & (before >= loss.min_transmittance)
        t_start, t_end, near, far, middle = interval_at(intervals, at, has)
        log_density = tl.load(outputs + 4 * at + 3, mask=lit, other=0.0)
        r, g, b = load_xyz(outputs, at, lit, 4)
        weight = tl.where(lit, before - after, 0.0)
        mass_before, moment_before = sums[0] - mass_behind - weight, sums[1] - moment_behind - weight * middle
        d_spread = 2 * (mass_before * middle - moment_before) + 2 * (moment_behind - mass_behind * middle)
        d_spread += weight * (far - near) * (2.0 / 3)
        along = r * slope_r + g * slope_g + b * slope_b + d_distortion * d_spread
        d_density = (t_end - t_start) * (after * along - behind + last * d_opacity)
        within = tl.minimum(t_end, half[0]) - t_start
        d_density -= tl.where(count - 1 - back <= half[1], half[2] * within, 0.0)
        damp = near_damping(loss.near_scale, 0.5 * (t_start + t_end)) * loss.gradient_scale
        into = grad_outputs + 4 * at
        tl.store(into, tl.where(lit, weight * slope_r * r * (1 - r) * damp, 0.0), mask=has)
        tl.store(into + 1, tl.where(lit, weight * slope_g * g * (1 - g) * damp, 0.0), mask=has)
        tl.store(into + 2, tl.where(lit, weight * slope_b * b * (1 - b) * damp, 0.0), mask=has)
        tl.store(into + 3, tl.where(lit, d_density * clamped_exp(log_density) * damp, 0.0), mask=has)
        behind += weight * along
        mass_behind += weight
        moment_behind += weight * middle
        after = tl.where(has, before, after)


@triton.jit
def interval_at(intervals, at, has):
    """Of samples [n]: t_start, t_end, and start, end and middle of the folded interval."""
    t_start = tl.load(intervals.t_starts + at, mask=has, other=0.0)
    t_end = tl.load(intervals.t_ends + at, mask=has, other=0.0)
    near, far = folded(t_start), folded(t_end)
    return t_start, t_end, near, far, 0.5 * (near + far)


@triton.jit
def binary_entropy(opacity):
    """Entropy of opacities, and its slope; recon.train.gradients.binary_entropy."""
    p = tl.minimum(tl.maximum(opacity, 1e-4), 1 - 1e-4)
    entropy = -(p * tl.log(p) + (1 - p) * tl.log(1 - p))
    return entropy, tl.where(p == opacity, tl.log(1 - p) - tl.log(p), 0.0)


@triton.jit
def distance_loss(median, median_sample, known, weight):
    """Weight times |median - known| / known where both are there, and its slope in the median."""
    pulled = (known > 0) & (median_sample >= 0)
    rate = tl.where(pulled, weight / tl.maximum(known, 1e-12), 0.0)
    off = median - known
    return rate * tl.abs(off), tl.where(off > 0, rate, tl.where(off < 0, -rate, 0.0))


@triton.jit
def near_damping(near_scale, t):
    """min(1, (t / near_scale)^2), see LossSettings; 1 where near_scale is 0."""
    ratio = t / tl.maximum(near_scale, 1e-12)
    return tl.minimum(ratio * ratio, 1.0)


@triton.jit
def store_rgb(array, row, r, g, b, live):
    """Three vectors as rows [n] of an array [.., 3].

    array, row: where to; r, g, b: the vectors [n]; live: which of them.
    """
    tl.store(array + 3 * row, r, mask=live)
    tl.store(array + 3 * row + 1, g, mask=live)
    tl.store(array + 3 * row + 2, b, mask=live)
