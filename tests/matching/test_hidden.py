"""What others matched before a plane hides it."""

from pathlib import Path

import cv2
import numpy as np

from recon.geometry import Camera, View, look_at
from recon.matching.confirm import Confirmed
from recon.matching.hidden import SQUARE, hidden, matched_points
from recon.matching.pictures import Picture

CAMERA = Camera("PINHOLE", (60, 81), 60.0, 60.0, 40.5, 30.0)  # an odd width
UP = np.array([0.0, 0.0, 1.0])
TOP = 0.8  # height of a table over the floor at 0; it covers x and y within half a unit of the origin


def picture(position: tuple[float, float, float]) -> Picture:
    """A grey picture that looks at the table."""
    pose = look_at(np.array(position), np.array([0.0, 0.0, TOP]), UP)
    h, w = CAMERA.size_hw
    view = View("view", Path("view.png"), CAMERA, pose)
    return Picture(view, CAMERA, np.full((h, w, 3), 128, np.uint8), np.ones((h, w), bool))


def seen(of: Picture) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depth [h, w] of the floor, of what is seen of floor and table, and whether that is the table."""
    h, w = CAMERA.size_hw
    y, x = np.mgrid[:h, :w] + 0.5
    rays = np.stack([(x - CAMERA.cx) / CAMERA.fx, (y - CAMERA.cy) / CAMERA.fy, np.ones_like(x)], -1)
    pose = of.world_from_camera
    rays = rays @ pose[:3, :3].T
    down = np.minimum(rays[..., 2], -1e-9)
    floor, top = -pose[2, 3] / down, (TOP - pose[2, 3]) / down
    on_table = (np.abs(pose[:2, 3] + top[..., None] * rays[..., :2]) < 0.5).all(-1) & (rays[..., 2] < 0)
    floor = np.where(rays[..., 2] < -0.05, floor, 0)
    return floor.astype(np.float32), np.where(on_table, top, floor).astype(np.float32), on_table


def confirmed(depth: np.ndarray) -> Confirmed:
    """All of the depths, sure."""
    return Confirmed(depth, np.zeros((*depth.shape, 3), np.float16), (depth > 0).astype(np.float32))


def upright(depth: np.ndarray) -> np.ndarray:
    """The normals of level planes."""
    return np.broadcast_to(UP.astype(np.float32), (*depth.shape, 3))


def others(n: int) -> list[np.ndarray]:
    """What n pictures from above matched."""
    pictures = [picture((0.3 * i, 0.2 * i - 0.5, 3.0)) for i in range(n)]
    return [matched_points(p, confirmed(seen(p)[1])) for p in pictures]


def test_a_floor_behind_a_table_top_that_others_matched_is_hidden() -> None:
    low = picture((2.5, 0.0, 1.4))
    floor, _, on_table = seen(low)
    found = hidden(low, floor, upright(floor), others(3))
    assert found[on_table & (floor > 0)].mean() > 0.95
    assert not found[floor == 0].any()


def test_the_floor_beside_the_table_stays() -> None:
    low = picture((2.5, 0.0, 1.4))
    floor, both, on_table = seen(low)
    near_table = np.zeros_like(on_table)
    y, x = np.nonzero(on_table)
    near_table[max(y.min() - 3, 0) : y.max() + 4, max(x.min() - 3, 0) : x.max() + 4] = True
    assert not hidden(low, floor, upright(floor), others(3))[~near_table].any()
    square = np.ones((2 * SQUARE + 1,) * 2, np.uint8)
    outline = cv2.dilate(on_table.astype(np.uint8), square) != cv2.erode(on_table.astype(np.uint8), square)
    assert not hidden(low, both, upright(both), others(3))[~outline].any()


def test_points_behind_the_camera_hide_nothing() -> None:
    low = picture((2.5, 0.0, 1.4))
    floor = seen(low)[0]
    behind = low.world_from_camera[:3, 3] - np.linspace(0.1, 5, 500)[:, None] * low.world_from_camera[:3, 2]
    assert not hidden(low, floor, upright(floor), [behind.astype(np.float32)]).any()


def test_the_noise_of_a_road_does_not_hide_the_road() -> None:
    camera, height = CAMERA.resized((600, 810)), 1.4
    pose = look_at(np.array([0.0, 0.0, height]), np.array([0.0, 10.0, height]), UP)
    view = View("road", Path("road.png"), camera, pose)
    along = Picture(view, camera, np.zeros((*camera.size_hw, 3), np.uint8), np.ones(camera.size_hw, bool))
    below = np.arange(600) + 0.5 - camera.cy
    road = np.where((below > 60)[:, None], height * camera.fy / np.maximum(below, 1)[:, None], 0)
    road = np.broadcast_to(road, camera.size_hw).astype(np.float32)
    bumps = np.random.default_rng(0).uniform([-2, 8, 0.14], [2, 10, 0.15], (4000, 3)).astype(np.float32)
    kerb = bumps + np.float32([0, 0, 0.2])
    assert not hidden(along, road, upright(road), [bumps]).any()
    assert hidden(along, road, upright(road), [kerb]).any()
