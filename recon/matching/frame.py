"""The few directions of a scene: planes that are nearly parallel or at right angles are made so, all of them deciding together.

A small plane's own normal is too uncertain to carry it across a wall; the frame of a room is not.
"""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from recon.geometry.transforms import Array
from recon.matching.voxels import Voxels

Piece = tuple[Array, Voxels]  # unit normal and the matter of a plane

SNAP_DEG = 4.0  # normals this near a direction of the frame, or to a right angle with its first, are drawn to it
ROUNDS = 4
# Voxels that a plane along no axis must have: where it meets the first direction at another angle than a right one; at a right one
TILTED_VOXELS, TURNED_VOXELS = 400, 120
FILLED = 0.45  # of the thickness: matter along no axis that spreads more fills all of it (0.58) and is no plane


def upright(pieces: Sequence[Piece], thickness: float) -> list[Piece]:
    """The same planes with their normals drawn to the frame; small ones that fit it in no way are left out."""
    if not pieces:
        return []
    frame = _fitted(main_frame([normal for normal, _ in pieces]), pieces, thickness)
    limit = np.sin(np.deg2rad(SNAP_DEG))
    drawn = []
    for normal, matter in pieces:
        axis = _axis_of(normal, frame)
        if axis is not None:
            drawn.append((axis, matter))
        elif _spread(normal, matter) > FILLED * thickness:
            continue
        elif abs(normal @ frame[0]) < limit and matter.weights.sum() >= TURNED_VOXELS:
            level = normal - (normal @ frame[0]) * frame[0]
            drawn.append((level / np.linalg.norm(level), matter))
        elif matter.weights.sum() >= TILTED_VOXELS:
            drawn.append((normal, matter))
    return drawn


def _spread(normal: Array, matter: Voxels) -> float:
    """Root mean square distance of a plane's matter from it."""
    offsets = matter.positions @ normal
    return float(
        np.sqrt(np.average((offsets - np.average(offsets, weights=matter.weights)) ** 2, weights=matter.weights))
    )


def main_frame(normals: Sequence[Array]) -> Array:
    """Three directions [3, 3] (rows) at right angles, from normals, the most important first.

    The first has the most planes at right angles to it (the vertical, in what people build); the second is the first plane at
    a right angle to that.
    """
    stack = np.array(normals).reshape(-1, 3)
    importance = 0.9 ** np.arange(len(stack))
    across = np.abs(stack @ stack.T) < 0.06
    along = np.abs(stack @ stack.T) > 0.998
    first = stack[int((across @ importance + along @ importance).argmax())]
    second = next((n for n in stack if abs(n @ first) < 0.06), None)
    if second is None:
        second = np.cross(first, np.eye(3)[np.argmin(np.abs(first))])
    second = second - (second @ first) * first
    second = second / np.linalg.norm(second)
    return np.stack([first, second, np.cross(first, second)])


def _axis_of(normal: Array, frame: Array) -> Array | None:
    """The direction of the frame, with its sign, that a normal is nearly at."""
    cosines = frame @ normal
    best = int(np.abs(cosines).argmax())
    return frame[best] * np.sign(cosines[best]) if abs(cosines[best]) > np.cos(np.deg2rad(SNAP_DEG)) else None


def _fitted(frame: Array, pieces: Sequence[Piece], thickness: float) -> Array:
    """The frame turned so that the matter of all planes along it lies best on planes along it (robust least squares).

    With a small turn w the distance of x to its plane n changes by w . (n x (x - middle)).
    """
    for _ in range(ROUNDS):
        matrix, vector = 1e-9 * np.eye(3), np.zeros(3)
        for normal, matter in pieces:
            axis = _axis_of(normal, frame)
            if axis is None:
                continue
            offsets = matter.positions @ axis
            residual = offsets - np.median(offsets)
            lever = np.cross(axis, matter.positions - np.median(matter.positions, axis=0))
            weights = matter.weights / (1 + (residual / (0.3 * thickness)) ** 2)
            matrix += (lever * weights[:, None]).T @ lever
            vector -= (lever * weights[:, None]).T @ residual
        turn = np.linalg.solve(matrix, vector)
        frame = (frame @ Rotation.from_rotvec(turn).as_matrix().T).astype(np.float64)
    return frame
