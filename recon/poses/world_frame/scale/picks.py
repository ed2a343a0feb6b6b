"""Points that a person picked in pictures -> positions in the world with their covariance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from recon.geometry.lines import nearest_to_lines
from recon.geometry.reconstruction import Reconstruction, View
from recon.geometry.transforms import Array
from recon.workspace.errors import UserError

_MIN_ANGLE_DEG = 1.0  # between rays: less and the depth is a guess
_MAX_MISS = 8.0  # pick errors by which the rays may miss each other
_NEAR = 0.03  # of the diagonal: how far from a lone pick a sparse point may be
_NEIGHBOURS = 5


@dataclass(frozen=True)
class Pick:
    """A pixel of one picture."""

    view: View
    pixel: Array  # [2]


@dataclass(frozen=True)
class PickedPoint:
    """Where a picked point lies."""

    position: Array  # [3] world
    covariance: Array  # [3, 3]


def find_picked(reconstruction: Reconstruction, pixels: Any, *, pixel_error_px: float) -> tuple[PickedPoint, ...]:
    """The two ends of `scale.pixels`: triangulated from two or more pictures, else from the nearest sparse points.

    pixels: per end one pick [frame, x, y] or several picks of the same point; x, y in pixels of the frame's picture.
    pixel_error_px: one sigma of a pick. Raises `UserError` for whatever is wrong with a pick.
    """
    ends = []
    for end in pixels:
        raw = end if isinstance(end[0], (list, tuple)) else [end]
        picks = [_pick(reconstruction, pick) for pick in raw]
        names = [pick.view.name for pick in picks]
        if len(set(names)) < len(names):
            raise UserError(f"scale.pixels: an end is picked twice in one frame ({', '.join(names)}): keep one.")
        ends.append(
            triangulate(picks, pixel_error_px=pixel_error_px)
            if len(picks) > 1
            else _from_sparse_points(reconstruction, picks[0], pixel_error_px=pixel_error_px)
        )
    return tuple(ends)


def place_of(reconstruction: Reconstruction, frame: Any, *, setting: str) -> int:
    """The place of a view given its name, or a number counted in order of capture."""
    names = [view.name for view in reconstruction.views]
    if str(frame) in names:
        return names.index(str(frame))
    if isinstance(frame, int) and not isinstance(frame, bool) and -len(names) <= frame < len(names):
        return frame % len(names)
    raise UserError(
        f"{setting}: no posed frame {frame!r}; expected a name from {names[0]} to {names[-1]} or a number below "
        f"{len(names)}."
    )


def triangulate(picks: Sequence[Pick], *, pixel_error_px: float) -> PickedPoint:
    """The position with the least squared reprojection error (Gauss-Newton from the midpoint of the rays)."""
    centers = np.stack([pick.view.world_from_camera[:3, 3] for pick in picks])
    rays = np.stack([_ray(pick) for pick in picks])
    names = ", ".join(pick.view.name for pick in picks)
    angles = np.degrees(np.arccos(np.clip(rays @ rays.T, -1, 1)))
    if angles.max() < _MIN_ANGLE_DEG:
        raise UserError(
            f"scale.pixels: the rays from {names} are parallel to {angles.max():.2f} degrees ({_MIN_ANGLE_DEG:g} are "
            "needed), so the depth is unknown. Pick the point in frames taken from farther apart."
        )
    position = nearest_to_lines(centers, rays)
    if (((position - centers) * rays).sum(1) <= 0).any():
        raise UserError(f"scale.pixels: the rays from {names} meet behind a camera: is it the same point in each?")
    for _ in range(10):
        residuals, jacobian = _reprojection(picks, position)
        step = np.linalg.lstsq(jacobian, -residuals, rcond=None)[0]
        position = position + step
        if np.linalg.norm(step) < 1e-12 * np.linalg.norm(position - centers[0]):
            break
    residuals, jacobian = _reprojection(picks, position)
    miss = math.sqrt(float((residuals**2).sum()) / (len(residuals) - 3))
    if not miss <= _MAX_MISS * pixel_error_px:
        raise UserError(
            f"scale.pixels: the picks in {names} miss each other by {miss:.0f} pixels (scale.pixel_error_px is "
            f"{pixel_error_px:g}): is it the same point in each?"
        )
    covariance = max(pixel_error_px, miss) ** 2 * np.linalg.inv(jacobian.T @ jacobian)
    return PickedPoint(position, covariance.astype(np.float64))


def _from_sparse_points(reconstruction: Reconstruction, pick: Pick, *, pixel_error_px: float) -> PickedPoint:
    """On the ray of a lone pick, at the depth of the sparse points that appear around it."""
    positions = np.zeros((0, 3)) if reconstruction.points is None else reconstruction.points.positions
    pose = pick.view.world_from_camera
    in_camera = (positions - pose[:3, 3]) @ pose[:3, :3]
    pixels = pick.view.camera.project(torch.from_numpy(in_camera)).numpy()
    away = np.linalg.norm(pixels - pick.pixel, axis=1)  # NaN behind the camera
    radius = _NEAR * math.hypot(*pick.view.camera.size_hw)
    near = np.argsort(away)[:_NEIGHBOURS]  # NaN sorts last
    near = near[away[near] <= radius]
    if len(near) == 0:
        raise UserError(
            f"scale.pixels: no sparse point within {radius:.0f} pixels of ({pick.pixel[0]:g}, {pick.pixel[1]:g}) in "
            f"frame {pick.view.name}, so its depth is unknown. Pick the same point in a second frame too."
        )
    depths = in_camera[near, 2]
    depth = float(depths[0])
    # Between points of one surface the depth is off by about their spread; one point says nothing of that.
    spread = float(np.sqrt(np.mean((depths - depth) ** 2))) if len(near) > 1 else 0.0
    error = max(spread, depth * radius / pick.view.camera.fx)
    ray = _ray(pick)
    position = pose[:3, 3] + ray * depth / float(ray @ pose[:3, 2])
    sideways = (depth * pixel_error_px / pick.view.camera.fx) ** 2
    along = np.outer(ray, ray)
    return PickedPoint(position, sideways * (np.eye(3) - along) + error**2 * along)


def _pick(reconstruction: Reconstruction, pick: Any) -> Pick:
    view = reconstruction.views[place_of(reconstruction, pick[0], setting="scale.pixels")]
    h, w = view.camera.size_hw
    if not (0 <= pick[1] <= w and 0 <= pick[2] <= h):
        raise UserError(
            f"scale.pixels: ({pick[1]}, {pick[2]}) is not a pixel of frame {view.name}, whose picture is {w}x{h}."
        )
    return Pick(view, np.array(pick[1:], dtype=np.float64))


def _ray(pick: Pick) -> Array:
    """Unit direction [3] in the world."""
    return pick.view.world_from_camera[:3, :3] @ pick.view.camera.unproject(torch.from_numpy(pick.pixel)).numpy()


def _reprojection(picks: Sequence[Pick], position: Array) -> tuple[Array, Array]:
    """Residuals [2 n] in pixels and their Jacobian [2 n, 3] (central differences)."""

    def residuals(at: Array) -> Array:
        found = []
        for pick in picks:
            pose = pick.view.world_from_camera
            in_camera = torch.from_numpy((at - pose[:3, 3]) @ pose[:3, :3])
            found.append(pick.view.camera.project(in_camera).numpy() - pick.pixel)
        return np.concatenate(found)

    step = 1e-6 * float(np.linalg.norm(position - picks[0].view.world_from_camera[:3, 3]))
    columns = [
        (residuals(position + step * axis) - residuals(position - step * axis)) / (2 * step) for axis in np.eye(3)
    ]
    return residuals(position), np.stack(columns, axis=1)
