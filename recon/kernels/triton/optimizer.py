"""Adam over the rows that have a gradient, and the choice of occupied cells."""

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["n_rows"])
def adam_kernel(
    parameters, gradients, means, squares, n_rows, numbers, columns: tl.constexpr, BLOCK: tl.constexpr,
    COLUMNS: tl.constexpr,
):  # fmt: skip
    """One step for [n_rows, columns] in place.

    parameters, gradients, means, squares: [n_rows, columns]; gradients are zero behind it. numbers: arguments.Adam. COLUMNS:
    padded.
    """
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)[:, None]
    column = tl.arange(0, COLUMNS)[None, :]
    mask = (row < n_rows) & (column < columns)
    at = row * columns + column
    rate, root, kept = numbers.rate, numbers.root, numbers.kept
    if numbers.is_on_device:
        rate, root, kept = tl.load(numbers.on_device), tl.load(numbers.on_device + 1), tl.load(numbers.on_device + 2)
    gradient = tl.load(gradients + at, mask=mask, other=0.0)
    touched = tl.max((gradient != 0).to(tl.int32), 1)
    if tl.max(touched, 0) > 0:
        mask = mask & (touched > 0)[:, None]
        mean = numbers.beta1 * tl.load(means + at, mask=mask, other=0.0) + (1 - numbers.beta1) * gradient
        square = numbers.beta2 * tl.load(squares + at, mask=mask, other=0.0) + (1 - numbers.beta2) * gradient * gradient
        value = tl.load(parameters + at, mask=mask, other=0.0)
        change = rate * mean / (tl.sqrt(square) * root + numbers.epsilon)
        tl.store(parameters + at, kept * value - change, mask=mask)
        tl.store(means + at, mean, mask=mask)
        tl.store(squares + at, square, mask=mask)
        tl.store(gradients + at, tl.zeros_like(gradient), mask=mask)


@triton.jit(do_not_specialize=["n_cells"])
def thickness_kernel(densities, possible, sums, counts, n_cells, side, BLOCK: tl.constexpr):
    """This program's sum of density times side over the visited possible cells of one cascade, and their number.

    densities, possible: [n_cascades, n_cells], density -1 where not visited. sums, counts: one entry per program. side: of a
    cell of the finest cascade.
    """
    cascade = tl.program_id(1)
    cell = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    at = cascade * n_cells + cell
    density = tl.load(densities + at, mask=cell < n_cells, other=-1.0)
    counted = (tl.load(possible + at, mask=cell < n_cells, other=0) != 0) & (density >= 0)
    size = side * tl.exp2(cascade.to(tl.float32))
    program = cascade * tl.num_programs(0) + tl.program_id(0)
    tl.store(sums + program, tl.sum(tl.where(counted, density * size, 0.0), 0))
    tl.store(counts + program, tl.sum(counted.to(tl.int32), 0))


@triton.jit(do_not_specialize=["n_cells"])
def occupied_kernel(densities, possible, occupied, limit, n_cells, side, BLOCK: tl.constexpr):
    """The cells of kernels.occupied_cells, for a limit [1] of density times side.

    densities, possible: [n_cascades, n_cells], density -1 where not visited. occupied: takes the answer. side: as in
    `thickness_kernel`.
    """
    cascade = tl.program_id(1)
    cell = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    at = cascade * n_cells + cell
    density = tl.load(densities + at, mask=cell < n_cells, other=0.0)
    is_possible = tl.load(possible + at, mask=cell < n_cells, other=0) != 0
    size = side * tl.exp2(cascade.to(tl.float32))
    chosen = is_possible & ((density * size > tl.load(limit)) | (density < 0))
    tl.store(occupied + at, chosen.to(tl.uint8), mask=cell < n_cells)
