"""Lines of sight empty the space they cross, and only that."""

from pathlib import Path

import numpy as np
import pytest
import torch

from recon.errors import UserError
from recon.geometry import Similarity
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


NAMES = ("a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg")


def write_model(folder: Path, tracks: list[tuple[int, ...]], names: tuple[str, ...] = NAMES) -> None:
    """Five pictures at x = 1 .. 5, and one point at (0, 0, 5 + i) for each track of picture numbers."""
    import pycolmap

    model = pycolmap.Reconstruction()
    model.add_camera_with_trivial_rig(
        pycolmap.Camera(model="PINHOLE", width=40, height=30, params=[30, 30, 20, 15], camera_id=1)
    )
    for i, name in enumerate(names, start=1):
        image = pycolmap.Image(name=name, camera_id=1, image_id=i)
        image.points2D = pycolmap.Point2DList([pycolmap.Point2D(np.array([20.0, 15.0]))] * len(tracks))
        model.add_image_with_trivial_frame(
            image, pycolmap.Rigid3d(pycolmap.Rotation3d(np.eye(3)), np.array([-1.0 * i, 0, 0]))
        )
    for i, pictures in enumerate(tracks):
        track = pycolmap.Track()
        for picture in pictures:
            track.add_element(picture, i)
        model.add_point3D(np.array([0.0, 0.0, 5.0 + i]), track, np.array([9, 8, 7], np.uint8))
    folder.mkdir(exist_ok=True)
    model.write(folder)


def paths(names: str, folder: str = "/data/images") -> set[Path]:
    return {Path(folder) / f"{name}.jpg" for name in names}


def test_lines_of_held_out_pictures_are_left_out(tmp_path: Path) -> None:
    write_model(tmp_path, [(1, 2, 3, 4)])
    assert len(lines_of_sight(tmp_path, paths("ab"), paths("cde"))) == 2
    only = lines_of_sight(tmp_path, paths("b"), paths("acde"))
    assert only.starts.tolist() == [pytest.approx([2.0, 0.0, 0.0])] and only.ends.tolist() == [[0.0, 0.0, 5.0]]
    assert only.colors.tolist() == [[9, 8, 7]]
    assert len(lines_of_sight(tmp_path, set(), paths("abcde"))) == 0


def test_one_name_in_two_folders_does_not_leak(tmp_path: Path) -> None:
    train, test = paths("abc", "/data/train"), paths("abc", "/data/test")
    write_model(tmp_path / "named", [(1, 2, 3, 4, 5)], ("train/a.jpg", "train/b.jpg", "test/a.jpg", "test/b.jpg", "c"))
    lines = lines_of_sight(tmp_path / "named", train, test)
    assert sorted(lines.starts[:, 0]) == pytest.approx([1.0, 2.0])
    write_model(tmp_path / "bare", [(1, 2, 3, 4, 5)])
    with pytest.raises(UserError, match=r"jpg fits .*tell pictures apart"):
        lines_of_sight(tmp_path / "bare", train, test)


def test_points_that_few_pictures_saw_are_not_believed(tmp_path: Path) -> None:
    write_model(tmp_path, [(1, 2), (1, 2, 3), (1, 2, 3, 4, 5)])
    lines = lines_of_sight(tmp_path, paths("abcde"), set())
    assert len(lines) == 5 and set(lines.ends[:, 2]) == {7.0}
