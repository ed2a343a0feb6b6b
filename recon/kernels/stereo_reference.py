"""What `recon.kernels.stereo` means, in numpy, a pixel at a time: written to be read; the native code is tested against it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recon.kernels.stereo import Floats, StereoSettings, StereoView, Window

WORST, IMPOSSIBLE, MIN_COSINE = 1.2, 9.0, 0.08


def plane_costs(
    view: StereoView,
    sources: Sequence[StereoView],
    pixel: tuple[int, int],  # (x, y)
    plane: NDArray[np.float64],  # [3]
    settings: StereoSettings,
    depths: Sequence[Floats] | None = None,
) -> NDArray[np.float64]:
    """The cost [n_sources] of a plane at a pixel in each source; all IMPOSSIBLE where no camera could see the plane.

    `depths` of the sources add the cost of geometric consistency; None: colours alone.

    view: the picture that the pixel is of; settings: what costs how much.
    """
    fx, fy, cx, cy = view.intrinsics
    here = np.array([(pixel[0] + 0.5 - cx) / fx, (pixel[1] + 0.5 - cy) / fy, 1.0])
    inverse = float(plane @ here)
    cosine = inverse / (np.linalg.norm(plane) * np.linalg.norm(here))
    if not (1 / view.far < inverse < 1 / view.near and cosine > MIN_COSINE):
        return np.full(len(sources), IMPOSSIBLE)
    offsets, weights, values = _patch(view, pixel, settings.narrow, settings)
    if weights @ values**2 < settings.enough_variance:
        offsets, weights, values = _patch(view, pixel, settings.wide, settings)
    rays = here + np.concatenate([offsets / (fx, fy), np.zeros((len(offsets), 1))], -1)
    points = rays / (rays @ plane)[:, None]  # where the window's rays meet the plane
    costs = []
    for k, source in enumerate(sources):
        there = _project(view, source, points)
        seen, is_inside = _bilinear(source, there)
        if not is_inside[weights > 0].all():
            costs.append(WORST)
            continue
        centred = seen - weights @ seen
        products = weights @ (centred * values)
        variances = [weights @ centred**2, weights @ values**2]
        ncc = products / np.sqrt(np.prod([v + settings.noise for v in variances]))
        cost = min(1 - ncc, WORST)
        if depths is not None:
            cost += settings.geometric_weight * _return_error(view, source, depths[k], here, here / inverse, settings)
        costs.append(cost)
    return np.array(costs)


def best_sources(
    view: StereoView,
    sources: Sequence[StereoView],
    pixel: tuple[int, int],  # (x, y)
    plane: NDArray[np.float64],  # [3]
    costs: NDArray[np.float64],  # [n_sources] of the plane
    settings: StereoSettings,
) -> NDArray[np.int64]:
    """The `n_best` sources that count for a pixel: the cheapest, those that see its place at a small angle dearer.

    view, sources: the picture that the pixel is of, and the others. settings: how many count, and what is a small angle.
    """
    fx, fy, cx, cy = view.intrinsics
    here = np.array([(pixel[0] + 0.5 - cx) / fx, (pixel[1] + 0.5 - cy) / fy, 1.0])
    place = here / (here @ plane)
    world_from_view = np.linalg.inv(view.camera_from_world)
    centers = np.array([(source.camera_from_world @ world_from_view) for source in sources])
    centers = -np.einsum("nji,nj->ni", centers[:, :3, :3], centers[:, :3, 3])  # of the sources, in the view's frame
    there = place - centers
    cosines = (there @ place) / np.linalg.norm(there, axis=-1) / np.linalg.norm(place)
    sines = np.sqrt(np.maximum(0, 1 - cosines**2))
    lack = np.maximum(0, 1 - sines / np.deg2rad(settings.enough_angle_deg))
    return np.argsort(costs + settings.lack_cost * lack**2)[: settings.n_best]


def _patch(
    view: StereoView, pixel: tuple[int, int], window: Window, settings: StereoSettings
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Offsets [n, 2], bilateral weights (sum 1) and grey values about their weighted mean; weight 0 outside the picture."""
    steps = [*(-far for far in reversed(window.reach)), *window.reach]
    offsets = np.array([(x, y) for y in steps for x in steps if abs(x) + abs(y) < 2 * window.reach[-1]])
    h, w = view.grey.shape
    at = np.array(pixel) + offsets
    is_inside = ((at >= 0) & (at < (w, h))).all(-1)
    values = np.where(is_inside, view.grey[at[:, 1].clip(0, h - 1), at[:, 0].clip(0, w - 1)].astype(float), 0)
    unlike = np.abs(values - view.grey[pixel[1], pixel[0]]) / settings.color_sigma
    nearness = np.exp(-(offsets**2).sum(-1) / (2 * window.sigma**2))
    weights = is_inside * np.exp(-unlike) * nearness
    weights /= weights.sum()
    return offsets, weights, values - weights @ values


def _project(view: StereoView, source: StereoView, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixels [n, 2] of the source of points [n, 3] in the view's camera frame."""
    there = source.camera_from_world @ np.linalg.inv(view.camera_from_world)
    local = points @ there[:3, :3].T + there[:3, 3]
    fx, fy, cx, cy = source.intrinsics
    return local[:, :2] / local[:, 2:] * (fx, fy) + (cx, cy)


def _bilinear(source: StereoView, at: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    h, w = source.grey.shape
    x, y = at[:, 0] - 0.5, at[:, 1] - 0.5
    is_inside = (x >= 0) & (y >= 0) & (x <= w - 1.001) & (y <= h - 1.001)
    x, y = x.clip(0, w - 1.001), y.clip(0, h - 1.001)
    left, top = x.astype(int), y.astype(int)
    grey, ax, ay = source.grey.astype(float), x - left, y - top
    upper = grey[top, left] * (1 - ax) + grey[top, left + 1] * ax
    lower = grey[top + 1, left] * (1 - ax) + grey[top + 1, left + 1] * ax
    return upper * (1 - ay) + lower * ay, is_inside


def _return_error(
    view: StereoView,
    source: StereoView,
    depth: Floats,
    here: NDArray[np.float64],
    point: NDArray[np.float64],
    settings: StereoSettings,
) -> float:
    """Pixels between the pixel and where the source's depth sends it back.

    view, here: the picture and the pixel (x, y); point: [3] where it lies in space. source, depth: the other picture and its
    depths. settings: say how much is too much.
    """
    x, y = _project(view, source, point[None])[0]
    h, w = source.grey.shape
    if not (0 <= x < w and 0 <= y < h) or depth[int(y), int(x)] <= 0:
        return settings.geometric_cap
    fx, fy, cx, cy = source.intrinsics
    z = float(depth[int(y), int(x)])
    back = _project(source, view, np.array([[(x - cx) / fx * z, (y - cy) / fy * z, z]]))[0]
    own_fx, own_fy, own_cx, own_cy = view.intrinsics
    error = back - (here[:2] * (own_fx, own_fy) + (own_cx, own_cy))
    return min(float(np.linalg.norm(error)), settings.geometric_cap)
