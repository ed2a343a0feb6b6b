"""The few directions of a scene: planes that are nearly parallel or at right angles are drawn to it, all of them deciding together.

A small plane's own normal is too uncertain to carry it across a wall; the frame of a room is not. But what people build stands
square to a fraction of a degree only, and a plane that is well known keeps what it knows: shutters, sills and a ledge leaned a
house front, whose bricks were matched to 7 mm, by .22 degrees, and its eaves 29 mm out (docs/surfaces.md).
"""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from recon.geometry.transforms import Array
from recon.matching.voxels import Voxels

Piece = tuple[Array, Voxels]  # unit normal and the matter of a plane

SNAP_DEG = 4.0  # normals this near a direction of the frame, or to a right angle with its first, are drawn to it
ROUNDS = 20
# How square people build: 12 mm over three to six metres are allowed (DIN 18202)
SQUARE_DEG = 0.2
TOGETHER = 25.0  # voxels that err as one: what is matched wrongly is so over some windows
# Planes tried; what lies tight on one, as a share of the thickness; by how many standard deviations of it another must be better
N_TRIPLES, TIGHT, CLEARLY = 256, 0.1, 3.0
QUARTER = 0.3186  # standard deviations on either side of the middle hold a quarter of a normal distribution
THINNEST = 0.05  # of the thickness: no matter is surer
# Voxels that a plane along no axis must have: where it meets the first direction at another angle than a right one; at a right one
TILTED_VOXELS, TURNED_VOXELS = 400, 120
FILLED = 0.45  # of the thickness: matter along no axis that spreads more fills all of it (0.58) and is no plane


def tightest(piece: Piece, thickness: float, rng: np.random.Generator) -> Piece:
    """The piece with the normal of the plane through three of its voxels that most of it lies tight on, if those are clearly more.

    Least squares lean a wall towards the shutters above its bricks, and from there no weights find back. The best of many planes
    has more than the first by chance too: of little matter, as of the back of a chair, by a lot.
    """
    normal, matter = piece
    corners = matter.positions[rng.integers(len(matter), size=(N_TRIPLES, 3))]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1), 1e-12)[:, None]
    normals *= np.sign(normals @ normal)[:, None]
    is_alike = normals @ normal > np.cos(np.deg2rad(SNAP_DEG))
    normals, through = normals[is_alike], corners[is_alike, 0]
    center, _ = core(matter.positions @ normal, matter.weights, least=THINNEST * thickness)
    normals = np.concatenate([normal[None], normals])
    offsets = np.concatenate([[center], (normals[1:] * through).sum(1)])
    tight = matter.weights @ (np.abs(matter.positions @ normals.T - offsets) < TIGHT * thickness)
    best = int(tight.argmax())
    by_chance = np.sqrt(TOGETHER * tight[0])
    return (normals[best], matter) if tight[best] > tight[0] + CLEARLY * by_chance else piece


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
            drawn.append((_drawn(axis, matter, thickness), matter))
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
    """The frame turned so that the matter of all planes along it lies best on planes along it (robust least squares)."""
    for _ in range(ROUNDS):
        matrix, vector = 1e-9 * np.eye(3), np.zeros(3)
        for normal, matter in pieces:
            axis = _axis_of(normal, frame)
            if axis is not None:
                more = _normal_equations(axis, matter, thickness, np.zeros(3))
                matrix, vector = matrix + more[0], vector + more[1]
        frame = (frame @ Rotation.from_rotvec(np.linalg.solve(matrix, vector)).as_matrix().T).astype(np.float64)
    return frame


def _drawn(axis: Array, matter: Voxels, thickness: float) -> Array:
    """The normal of a plane along an axis: turned from it towards its own matter, as far as that is surer than people build."""
    turn = np.zeros(3)
    for _ in range(ROUNDS):
        matrix, vector = _normal_equations(axis, matter, thickness, turn)
        matrix = matrix / TOGETHER + np.eye(3) / np.deg2rad(SQUARE_DEG) ** 2
        turn = np.linalg.solve(matrix, vector / TOGETHER)
    return np.asarray(Rotation.from_rotvec(turn).apply(axis), np.float64)


def _normal_equations(axis: Array, matter: Voxels, thickness: float, turn: Array) -> tuple[Array, Array]:
    """Those of the small turn of an axis that lays matter onto a plane: matrix [3, 3], vector [3], in units of its own spread.

    With a turn w the distance of x to its plane n changes by w . (n x (x - middle)). What lies off the plane after `turn` has
    little say.
    """
    middle = np.median(matter.positions, axis=0)
    offsets, lever = (matter.positions - middle) @ axis, np.cross(axis, matter.positions - middle)
    turned = offsets + lever @ turn
    center, spread = core(turned, matter.weights, least=THINNEST * thickness)
    weights = _say(turned - center, spread) * matter.weights / spread**2
    weighted = lever * weights[:, None]
    return weighted.T @ lever, -weighted.T @ (offsets - center)


def core(offsets: Array, weights: Array, *, least: float) -> tuple[float, float]:
    """Middle and standard deviation (at least `least`) of offsets [n] with weights [n], as their densest quarter has them.

    Many may stand off on one side, as shutters, sills and a ledge do from a wall: they would draw the median with them.
    """
    ordered, quarter = np.sort(offsets), (len(offsets) - 1) // 4
    widths = ordered[quarter:] - ordered[: len(ordered) - quarter]
    first = int(widths.argmin())
    spread = max(float(widths[first]) / (2 * QUARTER), least)
    center = float(ordered[first] + widths[first] / 2)
    for _ in range(2):
        center = float(np.average(offsets, weights=_say(offsets - center, spread) * weights))
    return center, spread


def _say(off: Array, spread: float) -> Array:
    """How much what lies `off` a plane says of it (Geman and McClure)."""
    return 1 / (1 + (off / (2 * spread)) ** 2) ** 2
