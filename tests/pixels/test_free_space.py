"""Lines of sight empty the space they cross, and only that."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from recon.geometry import Camera, Points, Reconstruction, Similarity, Tracks, View
from recon.kernels import OccupancyLayout
from recon.pixels import LinesOfSight, Scene, free_cells, lines_of_sight

SCENE = Scene(Similarity(0.5, np.eye(3), np.array([0.1, 0.0, 0.0])), 2, 0.01, 0.1, 0.002, False)


def lines_onto_a_wall(n: int) -> LinesOfSight:
    """From cameras about (-1, 0, 0) onto the wall x = 1 (scene units), |y|, |z| < 0.5; given in world units."""
    rng = np.random.default_rng(4)
    starts = np.array([-1.0, 0, 0]) + rng.uniform(-0.3, 0.3, (n, 3))
    ends = np.concatenate([np.ones((n, 1)), rng.uniform(-0.5, 0.5, (n, 2))], 1)
    world_from_scene = SCENE.scene_from_world.inverse()
    colors = np.tile(np.array([[255, 0, 51]], np.uint8), (n, 1))
    return LinesOfSight(world_from_scene.points(starts), world_from_scene.points(ends), colors)


def test_space_before_the_wall_is_free_and_the_wall_is_not() -> None:
    layout = OccupancyLayout(2, 64)
    free = free_cells(SCENE, lines_onto_a_wall(40_000), layout).flatten()
    places = torch.tensor([[0.0, 0.0, 0.0], [0.5, 0.2, -0.1], [0.99, 0.0, 0.0], [1.2, 0.0, 0.0], [0.0, 0.0, 0.9]])
    assert free[layout.cell_indices(places)].tolist() == [True, True, False, False, False]


def test_a_few_lines_prove_nothing() -> None:
    layout = OccupancyLayout(1, 64)
    assert not free_cells(SCENE, lines_onto_a_wall(2), layout).any()
    assert not free_cells(SCENE, lines_onto_a_wall(0), layout).any()


def test_points_beside_their_cameras_and_points_at_infinity_prove_nothing() -> None:
    layout = OccupancyLayout(2, 64)
    lines = lines_onto_a_wall(4096)
    assert not free_cells(SCENE, replace(lines, ends=lines.starts + 1e-6), layout).any()
    far = free_cells(SCENE, replace(lines, ends=lines.starts + 1e12 * (lines.ends - lines.starts)), layout)
    assert far.any()  # what lies before them is free as ever


def seen(tracks: list[tuple[int, ...]], splits: str) -> Reconstruction:
    """Five views at x = 0 .. 4, and one point at (0, 0, 5 + i) for each track of places of views; T: taught, h: held out."""
    camera = Camera("PINHOLE", (30, 40), 30.0, 30.0, 20.0, 15.0)
    views = []
    for i, letter in enumerate(splits):
        pose = np.eye(4)
        pose[0, 3] = i
        views.append(View(f"{i}", Path(f"{i}.png"), camera, pose, split="train" if letter == "T" else "test"))
    positions = np.array([[0.0, 0.0, 5.0 + i] for i in range(len(tracks))]).reshape(-1, 3)
    points = Points(positions, np.tile(np.array([[9, 8, 7]], np.uint8), (len(tracks), 1)))
    pairs = sorted((view, i) for i, track in enumerate(tracks) for view in track)
    of_view, of_point = (np.array(column) for column in zip(*pairs, strict=True))
    return Reconstruction(tuple(views), tracks=Tracks(points, of_view, of_point, np.full((len(pairs), 2), 15.0)))


def test_lines_of_held_out_views_are_left_out() -> None:
    track = [(0, 1, 2, 3)]
    assert len(lines_of_sight(seen(track, "TThhh"))) == 2
    only = lines_of_sight(seen(track, "hThhh"))
    assert only.starts.tolist() == [[1.0, 0.0, 0.0]] and only.ends.tolist() == [[0.0, 0.0, 5.0]]
    assert only.colors.tolist() == [[9, 8, 7]]
    assert len(lines_of_sight(seen(track, "hhhhT"))) == 0


def test_points_that_few_views_saw_are_not_believed() -> None:
    lines = lines_of_sight(seen([(0, 1), (0, 1, 2), (0, 1, 2, 3, 4)], "TTTTT"))
    assert len(lines) == 5 and set(lines.ends[:, 2]) == {7.0}
    assert len(lines_of_sight(seen([(0, 0, 1, 1, 2)], "TTTTT"))) == 0, "twice in one picture is not two pictures"


def test_lines_without_tracks_are_none() -> None:
    assert len(lines_of_sight(Reconstruction(seen([(0, 1)], "TTTTT").views))) == 0
