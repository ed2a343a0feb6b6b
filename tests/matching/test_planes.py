"""Planes of a scene and the blank areas that take them: exact worlds of two walls and a floor."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from recon import kernels
from recon.geometry import invert_rigid, look_at
from recon.kernels.planes import LabelSettings, LabelView, ScenePlane, label_planes
from recon.matching.confirm import Confirmed
from recon.matching.frame import upright
from recon.matching.plane_scales import near_scale
from recon.matching.scene_planes import find_planes
from recon.matching.voxels import Voxels

UP = np.array([0.0, 0.0, 1.0])
PLANES = [(UP, 0.0), (np.array([0.0, -1.0, 0.0]), -2.0), (np.array([1.0, 0.0, 0.0]), -2.0)]  # floor, two walls


def matter(rng: np.random.Generator, normal: np.ndarray, offset: float, n: int, noise: float = 0.004) -> Voxels:
    """Points of a square of 4 m on a plane, near the corner (-2, 2, 0), with noise."""
    spots = rng.uniform((-2, -2, 0), (2, 2, 2.4), (n, 3))
    spots += (offset - spots @ normal)[:, None] * normal
    spots += noise * rng.standard_normal((n, 1)) * normal
    tilted = normal + 0.05 * rng.standard_normal((n, 3))
    return Voxels(spots, tilted / np.linalg.norm(tilted, axis=1, keepdims=True), np.ones(n))


def together(parts: list[Voxels]) -> Voxels:
    return Voxels(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("positions", "normals", "weights")))


N_PLANES = 5  # at most, that a view of the corner is asked about
CAMERAS = np.array([[1.2, -1.4, 1.5], [0.6, -1.7, 1.4], [1.5, -0.8, 1.6]])


def test_planes_are_found_where_they_are_and_shells_are_known() -> None:
    rng = np.random.default_rng(0)
    top = matter(rng, UP, 0.7, 500)
    top = Voxels(top.positions * (0.2, 0.2, 1), top.normals, top.weights)
    voxels = together([*(matter(rng, n, d, 900) for n, d in PLANES), top])
    planes = find_planes(voxels, CAMERAS, typical_depth=3.0, seed=1)
    for normal, offset in PLANES:
        found = [p for p in planes if p.normal @ normal > 0.9999 and abs(p.offset - offset) < 0.004]
        assert len(found) == 1 and found[0].is_shell
    table = next(p for p in planes if p.normal @ UP > 0.999 and abs(p.offset - 0.7) < 0.004)
    assert not table.is_shell
    inside = (np.zeros(2) - table.low) / table.cell
    assert table.distances[int(inside[1]), int(inside[0])] < 0.1, "known matter is near the table's middle"
    assert table.distances.max() == 1


def test_a_wall_with_a_window_in_a_recess_is_an_outermost_plane_still() -> None:
    rng = np.random.default_rng(0)
    normal, offset = PLANES[1]
    for depth, is_shell in ((0.12, True), (0.6, False)):  # a window; another room
        pane = matter(rng, normal, offset - depth, 600)
        voxels = together([*(matter(rng, n, d, 900) for n, d in PLANES), pane])
        planes = find_planes(voxels, CAMERAS, typical_depth=3.0, seed=1)
        (wall,) = (p for p in planes if p.normal @ normal > 0.9999 and abs(p.offset - offset) < 0.004)
        assert wall.is_shell == is_shell


def test_a_ceiling_that_only_its_edges_show_is_offered() -> None:
    rng = np.random.default_rng(0)
    edge = matter(rng, np.array([0.0, -1, 0]), -2.0, 250)
    edge.positions[:, 2] = 2.4 + 0.01 * rng.standard_normal(250)
    voxels = together([*(matter(rng, n, d, 700) for n, d in PLANES), edge])
    planes = find_planes(voxels, CAMERAS, typical_depth=3.0, seed=1)
    ceiling = [p for p in planes if p.normal @ UP < -0.999]
    assert len(ceiling) == 1 and ceiling[0].offset == pytest.approx(-2.4, abs=0.03)


def test_a_ceiling_is_offered_however_much_hangs_below_it() -> None:
    rng = np.random.default_rng(0)
    heaps = [(2.4, 150), (2.0, 320), (1.85, 360)]  # the ceiling's edge; tops of curtains and of pictures
    edges = []
    for height, n in heaps:
        edge = matter(rng, np.array([0.0, -1, 0]), -2.0, n)
        edge.positions[:, 2] = height + 0.01 * rng.standard_normal(n)
        edges.append(edge)
    # Walls that reach up to a metre: what hangs is the last thing below the ceiling.
    low = [matter(rng, n, d, 4000) for n, d in PLANES]
    for piece in low:
        piece.positions[:, 2] *= 0.4
    planes = find_planes(together([*low, *edges]), CAMERAS, typical_depth=2.0, seed=0)
    heights = [-p.offset for p in planes if p.normal @ UP < -0.999]
    assert min(abs(height - 2.4) for height in heights) < 0.03


@pytest.mark.parametrize("n", [0, 40])
def test_too_little_matter_has_no_planes(n: int) -> None:
    few = matter(np.random.default_rng(0), UP, 0.0, n)
    assert find_planes(few, CAMERAS, typical_depth=3.0, seed=1) == []


def test_the_frame_mends_the_normal_of_a_small_plane() -> None:
    rng = np.random.default_rng(2)
    turn = Rotation.from_euler("xyz", (8, -5, 30), degrees=True).as_matrix()
    pieces = []
    for normal, offset in PLANES:
        m = matter(rng, normal, offset, 800)
        pieces.append((turn @ normal, Voxels(m.positions @ turn.T, m.normals @ turn.T, m.weights)))
    crooked = Rotation.from_euler("xyz", (1.8, 0.0, 1.5), degrees=True).as_matrix() @ pieces[1][0]
    small = matter(rng, *PLANES[1], 60)
    pieces.append((crooked, Voxels(small.positions @ turn.T, small.normals, small.weights)))
    mended = upright(pieces, 0.03)
    assert mended[-1][0] @ pieces[1][0] > np.cos(np.deg2rad(0.1))


def test_what_is_well_known_is_not_turned_by_what_lies_about() -> None:
    """A house front of bricks, 7 mm rough, and before it a pavement and a street 12 cm lower in one thick plane."""
    rng, thickness = np.random.default_rng(3), 0.07
    front = np.stack([rng.uniform(-6, 6, 3000), 0.007 * rng.standard_normal(3000), rng.uniform(0, 3.5, 3000)], -1)
    ground = np.stack([rng.uniform(-6, 6, 2000), rng.uniform(-6, 0, 2000), np.zeros(2000)], -1)
    ground[:, 2] = np.where(ground[:, 1] < -2.2, -0.12, 0) + 0.007 * rng.standard_normal(2000)
    tilted = np.array([0.0, -0.02, 1]) / np.hypot(0.02, 1)
    heights = ground @ tilted
    lying = ground[np.abs(heights - np.median(heights)) < thickness]
    pieces = [
        (normal, Voxels(positions, np.broadcast_to(normal, positions.shape), np.ones(len(positions))))
        for normal, positions in ((np.array([0.0, -1, 0]), front), (tilted, lying))
    ]
    (turned, _), _ = upright(pieces, thickness)
    assert np.rad2deg(np.arccos(min(1.0, -turned[1]))) < 0.05


def test_what_stands_out_of_a_wall_does_not_draw_it() -> None:
    """Bricks below; above them even plaster that nothing matches on, and shutters 5 cm before it."""
    rng = np.random.default_rng(4)
    bricks = np.stack([rng.uniform(-6, 6, 3000), np.zeros(3000), rng.uniform(0, 3.5, 3000)], -1)
    shutters = np.stack([rng.uniform(-5, 5, 1300), np.full(1300, -0.05), rng.uniform(4.3, 6.2, 1300)], -1)
    positions = np.concatenate([bricks, shutters])
    positions[:, 1] += 0.005 * rng.standard_normal(4300)
    normal = np.array([0.0, -1.0, 0.0])
    wall = Voxels(positions, np.broadcast_to(normal, positions.shape), np.ones(4300))
    (plane,) = [
        p for p in find_planes(wall, CAMERAS - [0, 8, 0], typical_depth=6.0, seed=0) if p.normal @ normal > 0.99
    ]
    eaves = np.array([0.0, 0.0, 8.0])
    assert abs(plane.normal @ eaves - plane.offset) < 0.015


def views_of_the_corner() -> tuple[list[LabelView], list[np.ndarray]]:
    """Evenly painted floor and walls; depth is known on a few stripes only. And which plane every pixel sees."""
    views, exact = [], []
    h, w = 48, 63
    for center in CAMERAS:
        pose = look_at(center, np.array([-1.2, 1.2, 0.5]), UP)
        y, x = np.mgrid[:h, :w] + 0.5
        rays = np.stack([(x - w / 2) / 50, (y - h / 2) / 50, np.ones((h, w))], -1) @ pose[:3, :3].T
        depths = np.stack([(d - n @ center) / (rays @ n) for n, d in PLANES])
        depths = np.where(depths > 0, depths, np.inf)
        label, depth = depths.argmin(0), depths.min(0)
        known = ((x.astype(int) // 3) % 8 == 0) & (y > 30) | (np.abs(y - 6) < 2) & (x.astype(int) % 5 == 0)
        grey = np.array([120, 200, 190], np.uint8)[label]
        views.append(
            LabelView(
                (50.0, 50.0, w / 2, h / 2),
                invert_rigid(pose),
                0.3,
                20.0,
                grey,
                np.where(known, depth, 0).astype(np.float32),
                known.astype(np.float32),
                np.zeros((h, w), bool),
                np.zeros((h, w), np.int32),
                np.zeros((1, N_PLANES), np.float32),
            )
        )
        exact.append(label)
    return views, exact


def scene_plane(normal: np.ndarray, offset: float) -> ScenePlane:
    across = np.cross(normal, [0.3, 0.4, 0.5])
    across /= np.linalg.norm(across)
    return ScenePlane(
        normal=normal,
        offset=offset,
        across=across,
        along=np.cross(normal, across),
        low=np.full(2, -9.0),
        cell=18.0,
        is_shell=True,
        distances=np.zeros((1, 1), np.float32),
        thickness=0.03,
        reach=1.0,
    )


@pytest.mark.skipif(not kernels.is_there("native"), reason="labels need the native kernels")
def test_blank_pixels_take_the_plane_of_their_surroundings_and_not_one_that_is_seen_through() -> None:
    views, exact = views_of_the_corner()
    wrong = [scene_plane(UP, 0.4), scene_plane(np.array([0.0, -1.0, 0.0]), -1.1)]
    planes = [*(scene_plane(n, d) for n, d in PLANES), *wrong]
    planes = [p if i < 3 else ScenePlane(**{**vars(p), "is_shell": False}) for i, p in enumerate(planes)]
    sources = np.array([[1, 2], [0, 2], [0, 1]], np.int32)
    for (labels, margins), label in zip(label_planes(views, planes, sources, LabelSettings()), exact, strict=True):
        assert (labels == label).mean() > 0.96
        assert (labels < 3).mean() > 0.98 and (margins >= 0).all()


@pytest.mark.skipif(not kernels.is_there("native"), reason="labels need the native kernels")
def test_without_planes_nothing_is_labelled_and_closed_pixels_stay_free() -> None:
    views, _ = views_of_the_corner()
    sources = np.full((3, 2), -1, np.int32)
    for labels, _ in label_planes(views, [], sources, LabelSettings()):
        assert (labels == -1).all()
    closed = [LabelView(**{**vars(v), "is_closed": np.ones((48, 63), bool)}) for v in views]
    planes = [scene_plane(n, d) for n, d in PLANES]
    for view, (labels, _) in zip(closed, label_planes(closed, planes, sources, LabelSettings()), strict=True):
        assert (labels[view.depth == 0] == -1).all()


@pytest.mark.skipif(not kernels.is_there("native"), reason="labels need the native kernels")
def test_a_region_takes_the_plane_that_its_border_lies_on() -> None:
    h, w, offsets = 40, 40, (2.0, 3.0)
    nothing = np.zeros((h, w), np.float32)
    facing = [scene_plane(np.array([0.0, 0.0, -1.0]), -offset) for offset in offsets]
    facing = [ScenePlane(**{**vars(plane), "is_shell": False}) for plane in facing]
    region = np.zeros((h, w), np.int32)
    region[10:30, 10:30] = 1
    for border_on in (0, 1):
        off = np.zeros((2, 2), np.float32)
        off[1] = 1 - np.eye(2)[border_on]
        view = LabelView(
            (40.0, 40.0, 20.0, 20.0), np.eye(4), 0.3, 20.0, np.full((h, w), 99, np.uint8), nothing, nothing,
            np.zeros((h, w), bool), region, off,
        )  # fmt: skip
        ((labels, _),) = label_planes([view], facing, np.full((1, 1), -1, np.int32), LabelSettings())
        assert (labels[12:28, 12:28] == border_on).all()


def test_thin_planes_are_as_thick_as_what_lies_between_the_nearest_and_the_typical_depth() -> None:
    def known(near: float) -> Confirmed:
        depth = np.full((40, 80), 80.0, np.float32)
        depth[30:] = near
        return Confirmed(depth, np.zeros((40, 80, 3), np.float16), np.ones((40, 80), np.float32))

    assert near_scale([known(5.0)] * 2, 80.0) == pytest.approx(42.5)
    assert near_scale([known(20.0)], 80.0) is None  # one scale serves both
    assert near_scale([known(0.0).without(np.ones((40, 80), bool))], 80.0) is None  # nothing is known
