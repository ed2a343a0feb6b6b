"""Depth maps from what a sensor measured: its noise taken out along small planes, its lens straightened.

Sensors that triangulate resolve steps of disparity, so depths err with the square of the distance and 1 / depth errs alike
everywhere. On a plane 1 / depth is linear in the picture: a least-squares fit of it to the pixels round about that lie on the
same surface says where the surface is and how it is turned.
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from recon.geometry import Camera, Evidence, pixel_centers
from recon.geometry.pinhole import rays_of_pixels
from recon.mesh.depth_maps import MIN_COSINE, DepthMap, at_jump
from recon.mesh.settings import MeshSettings
from recon.mesh.viewpoints import Viewpoint, small_pinhole
from recon.pixels import SensorView
from recon.pixels.sensor_depth import seen_at

_WINDOW = np.stack(np.meshgrid(range(-2, 3), range(-2, 3)), -1).reshape(-1, 2)  # steps to the neighbours
_STEPS = 320  # in the longer side of a depth image, which are whole pixels
_LEAST_NEIGHBOURS = 9  # of the window's 25, for a plane; with fewer the pixel itself counts
_SURE = (
    0.02  # relative error of a depth that still counts as much as a matched one that is certain: planes average it down
)
_STEADY = 1e-3  # share of the slopes' own matrix that draws them to 0, where all neighbours lie in a row
_AT_JUMP = 0.25


def sensor_map(sensor: SensorView, *, far: float, settings: MeshSettings) -> DepthMap:
    """One picture's sensor depth as a depth map of at most `matched_max_side` pixels; depths beyond `far` are left out.

    A pixel weighs its confidence, less with the square of its relative error, which grows with the depth, less the more
    obliquely it is seen, and a quarter at a jump of depth. What is not measured is silent, never free.
    """
    side = min(settings.matched_max_side, max(sensor.depth.shape))
    viewpoint = Viewpoint(small_pinhole(sensor.view.camera, side), sensor.world_from_camera)
    column, row = seen_at(viewpoint.camera, sensor.camera)
    rays = rays_of_pixels(viewpoint.camera)
    raw = np.where(column >= 0, sensor.depth[row, column], 0)
    error = sensor.error * raw / sensor.typical_depth
    depth, normal = _on_planes(sensor, raw, column, row, rays, np.maximum(settings.max_jump, 3 * error))
    cosine = -(normal * rays).sum(-1) / np.linalg.norm(rays, axis=-1)
    keep = (depth > 0) & (depth <= far) & (cosine >= settings.min_cosine)
    depth = np.where(keep, depth, 0).astype(np.float32)
    normal = np.where((cosine > MIN_COSINE)[..., None], normal, np.array([0.0, 0.0, -1.0]))
    weight = np.where(keep, sensor.confidence[row, column] * cosine, 0)
    weight *= np.minimum(1, _SURE / np.maximum(error, 1e-9)) ** 2 * np.where(
        at_jump(depth, settings.max_jump), _AT_JUMP, 1
    )
    return DepthMap(
        viewpoint,
        depth,
        np.zeros(depth.shape, bool),
        weight.astype(np.float32),
        np.rint(127 * normal).astype(np.int8),
        np.full(depth.shape, Evidence.SENSOR, np.uint8),
    )


@lru_cache(maxsize=2)
def _rays(camera: Camera) -> NDArray[np.float32]:
    """[h, w, 2] x and y of the directions with z = 1 through the pixels of a depth image with its lens."""
    directions = camera.unproject(pixel_centers(camera.size_hw))
    return (directions[..., :2] / directions[..., 2:]).to(torch.float32).numpy()


def _on_planes(
    sensor: SensorView,
    raw: NDArray[np.floating],  # [h, w] the sensor's depth at the pixels of the map, 0: none
    column: NDArray[np.int64],
    row: NDArray[np.int64],
    rays: NDArray[np.float64],  # [h, w, 3] of the map's pixels, z = 1
    same: NDArray[np.float64],  # [h, w] relative difference of depth up to which a neighbour lies on the same surface
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Depth [h, w] and unit normal [h, w, 3] (camera frame) of the plane fitted round each pixel.

    With u, v the steps from the pixel's ray to its neighbour's, 1 / depth = p u + q v + c: the depth is 1 / c, and the plane
    n . X = 1 has n = (p, q, c - p x - q y).

    sensor: the view; raw: its depths at the pixels of the map. column, row: [h, w] those pixels in the sensor's picture.
    """
    known = raw > 0
    at, middle, raw = np.stack([column[known], row[known]], -1), rays[known][:, :2], raw[known].astype(np.float64)
    size_hw, slopes = sensor.camera.size_hw, _rays(sensor.camera)
    matrix, vector = np.zeros((len(raw), 3, 3)), np.zeros((len(raw), 3))
    for offset in _WINDOW * max(1, round(max(size_hw) / _STEPS)):
        x, y = (at + offset).T
        inside = (x >= 0) & (x < size_hw[1]) & (y >= 0) & (y < size_hw[0])
        x, y = np.where(inside, x, 0), np.where(inside, y, 0)
        depth = sensor.depth[y, x]
        is_same = inside & (depth > 0) & (np.abs(depth - raw) <= same[known] * raw)
        terms = np.concatenate([slopes[y, x] - middle, np.ones((len(raw), 1))], -1) * is_same[:, None]
        matrix += terms[:, :, None] * terms[:, None, :]
        vector += terms / np.where(is_same, depth, 1)[:, None]
    steady = _STEADY * (matrix[:, 0, 0] + matrix[:, 1, 1])
    matrix[:, [0, 1], [0, 1]] += steady[:, None] + 1e-12
    p, q, c = np.linalg.solve(matrix, vector[..., None])[..., 0].T
    is_plane = (matrix[:, 2, 2] >= _LEAST_NEIGHBOURS) & (np.abs(1 - raw * c) <= same[known])
    depths, normals = np.zeros(known.shape), np.zeros((*known.shape, 3))
    depths[known] = np.where(is_plane, 1 / np.where(is_plane, c, 1), raw)
    along = -np.stack([p, q, c - p * middle[:, 0] - q * middle[:, 1]], -1)
    towards = -rays[known]
    turned = np.where(is_plane[:, None], along, towards)
    normals[known] = turned / np.linalg.norm(turned, axis=-1, keepdims=True)
    return depths, normals
