"""Where a small robot should be able to drive, and whether it can: straight lanes and a random walk over free floor."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from recon.export.covering import points_over
from recon.export.ground import Ground, find_ground
from recon.export.trials.engine_run import is_installed, run_program
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface
from recon.geometry.transforms import Array

_CELL = 0.05  # metres
_BODY = 0.2  # metres from the robot's centre to its corners, with some air
_BUMP, _BACK = 0.02, 0.22  # metres above the floor: what is lower it drives over, what is higher it drives under
_FINELY = 0.01  # metres between points of obstacles: a chair's foot is three of them wide
_STEEPEST = 0.2  # rise over run of floor to drive on
_SHORTEST = 0.8  # metres of a lane worth the name
_LONGEST = 10.0  # metres: the rest of a street is for the other lanes
_REACHED = 0.9  # of a lane's length, to call it free
_ASIDE = 0.25  # metres from a lane's line, at its end
_LANES = 10


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
    rise = np.hypot(*np.gradient(np.where(known, ground.heights, np.nan), ground.cell))
    reach_cells = int(np.ceil(_BODY * scale / ground.cell))
    free = (rise < _STEEPEST) & ndimage.minimum_filter(known, size=2 * reach_cells + 1, mode="constant")
    obstacles = _obstacles(mesh, ground, scale)
    if len(obstacles):
        cells = np.argwhere(free)[:, ::-1] * ground.cell + ground.origin
        free[free] = cKDTree(obstacles).query(cells)[0] > _BODY * scale
    pieces, n = ndimage.label(free)
    if n == 0:
        return None
    return FreeFloor(ground, pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:]))


def _obstacles(mesh: TriangleMesh, ground: Ground, scale: float) -> Array:
    """Points (x, y) [n, 2] about a centimetre apart over whatever is seen between the floor and the robot's back."""
    highest = float(np.nanmax(ground.heights)) + _BACK * scale
    faces = mesh.faces[mesh.vertices[mesh.faces][:, :, 2].min(1) < highest]
    points = points_over(TriangleMesh(mesh.vertices, faces), apart=_FINELY * scale, at_most=1_000_000)
    column, row = np.round((points[:, :2] - ground.origin) / ground.cell).astype(int).T
    rows, columns = ground.heights.shape
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    height = np.full(len(points), np.nan)
    height[inside] = points[inside, 2] - ground.heights[row[inside], column[inside]]
    return points[(height > _BUMP * scale) & (height < _BACK * scale), :2]


def plan_lanes(floor: FreeFloor, *, shortest: float, longest: float, seed: int = 0) -> list[tuple[Array, float, float]]:
    """Up to ten straight lanes (start [3], heading, length) over free cells, long ones first and spread out."""
    random = np.random.default_rng(seed)
    cells = np.argwhere(floor.is_free)
    ends = cells[random.integers(len(cells), size=(4000, 2))]
    lanes: list[tuple[float, np.ndarray]] = []
    for start, end in ends:
        length = float(np.linalg.norm(end - start)) * floor.ground.cell
        if length > longest:
            end, length = np.round(start + longest / length * (end - start)).astype(int), longest
        n = int(np.abs(end - start).max())
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
    lanes = [] if floor is None else plan_lanes(floor, shortest=_SHORTEST * scale, longest=_LONGEST * scale)
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
