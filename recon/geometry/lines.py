"""The point nearest to many lines of sight: a corner seen from several places, what the cameras of a capture look at."""

import numpy as np

from recon.geometry.transforms import Array


def nearest_to_lines(
    origins: Array,  # [.., n, 3]
    directions: Array,  # [.., n, 3] unit
    *,
    weights: Array | None = None,  # [.., n]; None: all alike
    prior: Array | None = None,  # [.., 3] where the point would be if no line said anything
    prior_weight: float = 0.0,
) -> Array:
    """The points [.., 3] with the least mean squared distance to the lines (plus the prior's share).

    With P_i = I - d_i d_i^T, which projects across line i:  (mean_i w_i P_i + p I) x = mean_i w_i P_i o_i + p prior.
    Lines that are all parallel have no such point unless a prior is given: `numpy.linalg.LinAlgError`, or a far one.
    """
    across = across_lines(directions)
    feet = (across @ origins[..., None])[..., 0]
    if weights is not None:
        across, feet = across * weights[..., None, None], feet * weights[..., None]
    matrix, vector = across.mean(-3), feet.mean(-2)
    if prior is not None:
        matrix, vector = matrix + prior_weight * np.eye(3), vector + prior_weight * prior
    return np.linalg.solve(matrix, vector[..., None])[..., 0]


def across_lines(directions: Array) -> Array:
    """Matrices [.., 3, 3] that project onto the plane across each of the unit directions [.., 3]."""
    return np.eye(3) - directions[..., :, None] * directions[..., None, :]


def focus_of(poses: Array) -> Array:
    """The point [3] nearest to all optical axes of poses [n, 4, 4], pulled in front of the cameras.

    Least squares over the axes, regularised towards one camera spacing in front so that parallel axes stay finite.
    """
    centers, forwards = poses[:, :3, 3], poses[:, :3, 2]
    spread = max(float(np.linalg.norm(centers - centers.mean(0), axis=1).mean()), 1e-6)
    return nearest_to_lines(centers, forwards, prior=(centers + spread * forwards).mean(0), prior_weight=1e-2)
