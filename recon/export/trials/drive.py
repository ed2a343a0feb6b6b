"""Where a small robot should be able to drive, and whether it can: straight lanes and a random walk over free floor."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from recon.export.ground import Ground, find_ground
from recon.export.trials.engine_run import is_installed, run_program
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface
from recon.geometry.transforms import Array

_CELL = 0.05  # metres
_BODY = 0.2  # metres from the robot's centre to its corners, with some air
_HEIGHTS = (0.05, 0.12, 0.22)  # metres above the floor where it needs that room: its axles, its body, its back
_STEEPEST = 0.2  # rise over run of floor to drive on
_SHORTEST = 0.8  # metres of a lane worth the name
_REACHED = 0.9  # of a lane's length, to call it free
_ASIDE = 0.25  # metres from a lane's line, at its end
_LANES = 10
_UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class FreeFloor:
    """Cells [ny, nx] of the ground where the robot's centre may be."""

    ground: Ground
    is_free: np.ndarray

    def at(self, row: int, column: int) -> Array:
        """The point [3] on the ground of a cell."""
        (x, y), cell = self.ground.origin, self.ground.cell
        return np.array([x + column * cell, y + row * cell, self.ground.heights[row, column]])


def free_floor(mesh: TriangleMesh, surface: Surface, *, scale: float) -> FreeFloor | None:
    """Floor with room for the robot; `mesh` holds what is seen and what is filled. The largest connected piece."""
    ground = find_ground(mesh, surface, cell=_CELL * scale)
    if ground is None:
        return None
    known = np.isfinite(ground.heights)
    rows, columns = np.nonzero(known)
    (x, y), cell = ground.origin, ground.cell
    points = np.stack([x + columns * cell, y + rows * cell, ground.heights[known]], -1)
    has_room = np.ones(len(points), bool)
    for height in _HEIGHTS:
        reach = np.hypot(_BODY, height)  # the floor itself is nearer than the body's reach
        nearest = surface.nearest(points + height * scale * _UP)
        level = nearest.positions[:, 2] - points[:, 2]
        has_room &= (nearest.distance > _BODY * scale) | ((level < 0.03 * scale) & (nearest.normals[:, 2] > 0.8))
        has_room &= _is_clear_around(surface, points + height * scale * _UP, reach * scale)
    free = np.zeros(known.shape, bool)
    free[known] = has_room
    rise = np.hypot(*np.gradient(np.where(known, ground.heights, np.nan), cell))
    free &= rise < _STEEPEST
    reach_cells = int(np.ceil(_BODY * scale / cell))
    free &= ndimage.minimum_filter(known, size=2 * reach_cells + 1, mode="constant")
    pieces, n = ndimage.label(free)
    if n == 0:
        return None
    return FreeFloor(ground, pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:]))


def _is_clear_around(surface: Surface, points: Array, reach: float) -> np.ndarray:
    """No wall within `reach` along 16 level directions."""
    clear = np.ones(len(points), bool)
    for angle in np.arange(16) * np.pi / 8:
        ray = np.array([np.cos(angle), np.sin(angle), 0.0])
        clear &= surface.cast(points, np.broadcast_to(ray, points.shape)).distance > reach
    return clear


def plan_lanes(floor: FreeFloor, *, shortest: float, seed: int = 0) -> list[tuple[Array, float, float]]:
    """Up to ten straight lanes (start [3], heading, length) over free cells, long ones first and spread out."""
    random = np.random.default_rng(seed)
    cells = np.argwhere(floor.is_free)
    ends = cells[random.integers(len(cells), size=(4000, 2))]
    lanes: list[tuple[float, np.ndarray]] = []
    for start, end in ends:
        n = int(np.abs(end - start).max())
        length = float(np.linalg.norm(end - start)) * floor.ground.cell
        if length < shortest:
            continue
        way = np.round(np.linspace(start, end, 2 * n + 1)).astype(int)
        if floor.is_free[way[:, 0], way[:, 1]].all():
            lanes.append((length, np.stack([start, end])))
    lanes.sort(key=lambda lane: -lane[0])
    chosen: list[tuple[float, np.ndarray]] = []
    for apart in (1.0, 0.5, 0.0):  # metres-like share of a lane's own length between middles
        for lane in lanes:
            if len(chosen) < _LANES and all(lane is not other and _differ(lane, other, apart) for other in chosen):
                chosen.append(lane)
    result = []
    for length, (start, end) in chosen:
        first, last = floor.at(*start), floor.at(*end)
        result.append((first, float(np.arctan2(last[1] - first[1], last[0] - first[0])), length))
    return result


def _differ(lane: tuple[float, np.ndarray], other: tuple[float, np.ndarray], apart: float) -> bool:
    limit = apart * min(lane[0], other[0]) / 2
    cell = lane[0] / max(float(np.linalg.norm(lane[1][1] - lane[1][0])), 1e-9)
    return float(np.linalg.norm(lane[1].mean(0) - other[1].mean(0))) * cell >= limit


def drive(world: Path, mesh: TriangleMesh, surface: Surface, *, scale: float, walk_steps: int) -> dict[str, Any]:
    """Drive MuJoCo's robot: how many lanes were free of how many, and what became of the walk; `{}` without MuJoCo."""
    if not is_installed("mujoco"):
        return {}
    floor = free_floor(mesh, surface, scale=scale)
    lanes = [] if floor is None else plan_lanes(floor, shortest=_SHORTEST * scale)
    if floor is None or not lanes:
        return {"lanes": 0, "lanes_free": 0, "verdict": "no floor that a small robot could drive on for a metre"}
    start, heading, _ = lanes[0]
    job = {
        "file": str((world / "scene.xml").resolve()),
        "scale": scale,
        "lanes": [[*start.tolist(), heading] for start, heading, _ in lanes],
        "lengths": [length for *_, length in lanes],
        "free": floor.is_free.astype(int).tolist(),
        "heights": [[None if np.isnan(h) else h for h in row] for row in floor.ground.heights.tolist()],
        "origin": list(floor.ground.origin),
        "cell": floor.ground.cell,
        "walk_start": [*start.tolist(), heading],
        "walk_steps": walk_steps,
    }
    answer = run_program("mujoco_drive.py", job)
    if isinstance(answer, str):
        return {"lanes": len(lanes), "lanes_free": 0, "verdict": f"fail: {answer}"}
    return _judged(answer[0], scale)


def _judged(facts: dict[str, Any], scale: float) -> dict[str, Any]:
    lanes, walk = facts["lanes"], facts["walk"]
    is_free = [lane["reached"] >= _REACHED * lane["length"] and lane["aside"] < _ASIDE * scale for lane in lanes]
    blocked = [
        round(lane["reached"] / lane["length"], 2) for lane, free in zip(lanes, is_free, strict=True) if not free
    ]
    left = walk["beside_floor"] + walk["below_floor"]
    if blocked:
        verdict = f"fail: {len(blocked)} of {len(lanes)} lanes stop the robot (after {blocked} of their lengths)"
    elif left:
        verdict = f"fail: a random walk left the floor ({left} of {walk['steps'] // 50} looks)"
    else:
        verdict = "pass"
    return {
        "lanes": len(lanes),
        "lanes_free": sum(is_free),
        "metres": sum(lane["length"] for lane in lanes) / scale,
        "tilt_deg": max(lane["tilt_deg"] for lane in lanes),
        "walk": walk,
        "verdict": verdict,
    }
