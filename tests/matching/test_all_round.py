"""What pictures all round say of a depth."""

from pathlib import Path

import numpy as np

from recon.geometry import Camera, View, look_at
from recon.geometry.pinhole import rays_of_pixels
from recon.matching.all_round import MAX_ASKED, doubted, pictures_all_round, shares_through
from recon.matching.confirm import Confirmed
from recon.matching.pictures import Picture
from recon.matching.sources import SparseScene

CAMERA = Camera("PINHOLE", (60, 80), 90.0, 90.0, 40.0, 30.0)
RADIUS, DISTANCE, WALL = 0.3, 3.0, 6.0  # of a ball round the origin; of the cameras from it; of the wall round all
UP = np.array([0.0, 0.0, 1.0])


def picture(angle: float, height: float = 1.0) -> Picture:
    """A picture of the ball from `angle` (radians) round it."""
    flat = np.sqrt(DISTANCE**2 - height**2)
    pose = look_at(np.array([flat * np.cos(angle), flat * np.sin(angle), height]), np.zeros(3), UP)
    view = View(f"{angle:.3f}", Path("view.png"), CAMERA, pose)
    h, w = CAMERA.size_hw
    return Picture(view, CAMERA, np.full((h, w, 3), 128, np.uint8), np.ones((h, w), bool))


def depths(of: Picture) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depth [h, w] of the ball before a round wall; of a disc in its outline instead, as matching finds it; the ball's pixels."""
    rays = rays_of_pixels(CAMERA)
    length = (rays**2).sum(-1)
    along = DISTANCE * rays[..., 2]  # to the ball's middle, which lies on the axis

    def root(radius: float) -> np.ndarray:
        return along**2 - length * (DISTANCE**2 - radius**2)

    wall = (along + np.sqrt(root(WALL))) / length
    on_ball = root(RADIUS) > 0
    ball = (along - np.sqrt(np.maximum(root(RADIUS), 0))) / length
    true, disc = (np.where(on_ball, front, wall).astype(np.float32) for front in (ball, np.full_like(ball, DISTANCE)))
    return true, disc, on_ball


RING = [picture(angle) for angle in np.linspace(0, 2 * np.pi, 24, endpoint=False)]
EVERYONE = [np.delete(np.arange(len(RING)), i) for i in range(len(RING))]


def test_true_depths_are_looked_through_by_nobody(tmp_path: Path) -> None:
    true = [depths(p)[0] for p in RING]
    for share in shares_through(RING, true, true, EVERYONE, tmp_path):
        assert (share > 0.1).mean() < 0.02


def test_most_of_the_discs_that_a_plain_ball_matches_as_is_looked_through(tmp_path: Path) -> None:
    discs, balls = [depths(p)[1] for p in RING], [depths(p)[2] for p in RING]
    shares = zip(shares_through(RING, discs, discs, EVERYONE, tmp_path), balls, strict=True)
    on_discs = np.concatenate([share[ball] for share, ball in shares])
    assert (on_discs > 0.3).mean() > 0.6


def test_one_wrong_depth_is_found_and_does_not_spoil_those_of_others(tmp_path: Path) -> None:
    true = [depths(p)[0] for p in RING]
    given = [0.8 * true[0], *true[1:]]
    first, second, *_ = shares_through(RING, given, given, EVERYONE, tmp_path)
    assert np.median(first[depths(RING[0])[2]]) > 0.7
    assert (second > 0.2).mean() < 0.02


def test_the_more_look_through_the_less_sure_and_unknown_stays_unknown() -> None:
    depth = np.float32([[1, 1, 1, 0]])
    known = Confirmed(depth, np.zeros((1, 4, 3), np.float16), np.float32([[0.9, 0.9, 0.9, 0]]))
    found = doubted(known, np.float32([[0, 0.3, 0.9, 0.9]]))
    sure = found.confidence[0]
    assert np.isclose(sure[0], 0.9) and sure[0] > sure[1] > 0.6 and 0.4 > sure[2] > 0 and sure[3] == 0
    assert np.array_equal(found.depth, depth)


def test_views_from_the_other_side_are_asked_and_those_that_look_elsewhere_are_not() -> None:
    rng = np.random.default_rng(0)
    near_ball = 0.3 * rng.standard_normal((100, 3))
    views = [p.view for p in RING]
    away = View("away", Path("away.png"), CAMERA, look_at(np.array([3.0, 0, 0]), np.array([9.0, 0, 0]), UP))
    behind = np.array([9.0, 0, 0]) + 0.3 * rng.standard_normal((100, 3))
    scene = SparseScene(np.concatenate([near_ball, behind]), (*[np.arange(100)] * len(views), np.arange(100, 200)))
    asked = pictures_all_round([*views, away], scene)
    assert set(asked[0]) >= set(range(1, len(views))) and len(views) not in asked[0] and 0 not in asked[0]
    assert len(asked[-1]) <= len(views) // 2


def test_no_more_than_a_number_are_asked_spread_over_all() -> None:
    views = [picture(angle).view for angle in np.linspace(0, 2 * np.pi, 3 * MAX_ASKED)]
    asked = pictures_all_round(views, SparseScene(np.zeros((0, 3)), (np.zeros(0, np.int64),) * len(views)))
    assert all(len(others) == MAX_ASKED == len(set(others)) for others in asked)
    assert asked[0][0] <= 3 and asked[0][-1] >= len(views) - 3


def test_on_a_drive_nobody_is_asked() -> None:
    """All look ahead at the same points: none of them stands on another side."""
    points = np.array([0.0, 40.0, 0.0]) + 3 * np.random.default_rng(0).standard_normal((100, 3))
    ahead = np.array([0.0, 9.0, 0.0])
    places = [np.array([0.0, 0.5 * i, 1.6]) for i in range(12)]
    views = [View(f"{i}", Path(f"{i}.png"), CAMERA, look_at(at, at + ahead, UP)) for i, at in enumerate(places)]
    assert all(len(others) == 0 for others in pictures_all_round(views, SparseScene(points, (np.arange(100),) * 12)))


def test_where_nobody_is_asked_nothing_is_doubted(tmp_path: Path) -> None:
    discs = [depths(p)[1] for p in RING[:3]]
    nobody = [np.zeros(0, np.int64)] * 3
    assert all((share == 0).all() for share in shares_through(RING[:3], discs, discs, nobody, tmp_path))
