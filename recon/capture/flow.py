"""What a field of corner displacements says of the camera: how much of it is parallax, how much of the picture changed.

Words: positions and displacements [n, 2] are (x, y) from the picture's centre in units of its longest side, y down, and
small: displacements below about a tenth.
"""

import numpy as np
from numpy.typing import NDArray

# The upper quartile of the corners: on a drive half of them sit on a skyline that hardly moves, and the near quarter
# decides how well views overlap. A few moving cars or people stay below it.
_PERCENTILE = 75
# Focal lengths tried, in longest sides: from an action camera to a portrait lens. The turning field depends on it so
# weakly that the nearest of these is within 4 % of the flow.
_FOCALS = (0.5, 0.7, 1.0, 1.4, 2.0)
_ROUNDS = 6  # of reweighting; the fit has settled by then
_BORDER_SAMPLES = 9  # points per side


def typical_length(displacements: NDArray[np.float64]) -> float:
    """How far near things have moved."""
    return float(np.percentile(np.hypot(*displacements.T), _PERCENTILE))


def parallax(positions: NDArray[np.float64], displacements: NDArray[np.float64]) -> float:
    """What is left of the flow of near things once the camera's turning is taken out: only moving sideways gives it.

    The flow of a turn about three axes (Longuet-Higgins and Prazdny 1980, eq. 2.8) is fitted robustly and subtracted,
    for the focal length that leaves least.
    """
    middle = positions + displacements / 2  # central: the field is then right to second order
    left = [_residual(_turning(middle, focal), displacements) for focal in _FOCALS]
    return float(np.percentile(min(left, key=np.median), _PERCENTILE))


def turnover(positions: NDArray[np.float64], displacements: NDArray[np.float64], size_wh: NDArray[np.float64]) -> float:
    """Share of the picture (of `size_wh` longest sides) that left view or came into view, whichever is more.

    The displacements, smoothed to an affine field, carry picture across its four borders.
    """
    x_of, y_of = _affine(positions + displacements / 2, displacements)
    leaves = enters = 0.0
    half = size_wh / 2
    along = np.linspace(-1, 1, _BORDER_SAMPLES)
    for axis, field in enumerate((x_of, y_of)):
        length = size_wh[1 - axis]
        for side in (-1, 1):
            border = np.empty((_BORDER_SAMPLES, 2))
            border[:, axis], border[:, 1 - axis] = side * half[axis], along * half[1 - axis]
            outward = side * (field[0] + border @ field[1:])
            leaves += float(np.maximum(outward, 0).mean()) * length
            enters += float(np.maximum(-outward, 0).mean()) * length
    return max(leaves, enters) / float(size_wh.prod())


def _turning(positions: NDArray[np.float64], focal: float) -> NDArray[np.float64]:
    """Displacements per unit turn about y, x and z, stacked x before y. [2 n, 3]"""
    x, y = positions.T / focal
    across = np.stack([1 + x * x, x * y, y], axis=-1)
    down = np.stack([x * y, 1 + y * y, -x], axis=-1)
    return np.concatenate([across, down])


def _affine(
    positions: NDArray[np.float64], displacements: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients (constant, per x, per y) of the x and of the y displacement. Two of [3]"""
    rows = np.concatenate([np.ones((len(positions), 1)), positions], axis=1)
    zeros = np.zeros_like(rows)
    fitted, _ = _fit(np.block([[rows, zeros], [zeros, rows]]), displacements)
    return fitted[:3], fitted[3:]


def _residual(basis: NDArray[np.float64], displacements: NDArray[np.float64]) -> NDArray[np.float64]:
    return _fit(basis, displacements)[1]


def _fit(
    basis: NDArray[np.float64], displacements: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least squares with Huber weights at 1.5 medians: coefficients [k] of basis [2 n, k], and residual lengths [n]."""
    n = len(displacements)
    target = displacements.T.ravel()
    weights = np.ones(n)
    for _ in range(_ROUNDS):
        root = np.sqrt(np.tile(weights, 2))
        # Ridge of rounding size: corners in one spot leave turns undetermined.
        normal = (basis * root[:, None]).T @ (basis * root[:, None]) + 1e-12 * np.eye(basis.shape[1])
        coefficients = np.linalg.solve(normal, (basis * root[:, None]).T @ (target * root))
        lengths = np.hypot(*(target - basis @ coefficients).reshape(2, n))
        weights = 1 / np.maximum(lengths / max(1.5 * float(np.median(lengths)), 1e-5), 1)
    return np.asarray(coefficients, np.float64), np.asarray(lengths, np.float64)
