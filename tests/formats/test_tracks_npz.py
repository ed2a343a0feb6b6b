"""Tracks come back to the last bit; damage is one line; poses made before there were tracks are told so."""

from pathlib import Path

import numpy as np
import pytest

from recon.formats import cameras_json
from recon.formats.cameras_json import read_reconstruction
from recon.formats.tracks_npz import read_tracks, write_tracks
from recon.geometry import Points, Reconstruction, Similarity, Tracks
from recon.workspace import Workspace
from recon.workspace.errors import UserError
from tests.formats.captures import PINHOLE, capture


def tracks(n_views: int = 4, n_points: int = 7, n_seen: int = 23) -> Tracks:
    rng = np.random.default_rng(5)
    points = Points(rng.normal(size=(n_points, 3)), rng.integers(0, 256, (n_points, 3)).astype(np.uint8))
    views = np.sort(rng.integers(0, n_views, n_seen)).astype(np.int32)
    return Tracks(points, views, rng.integers(0, n_points, n_seen), rng.uniform(0, 30, (n_seen, 2)))


@pytest.mark.parametrize("made", [tracks(), Tracks()])
def test_what_is_written_is_read(made: Tracks, tmp_path: Path) -> None:
    write_tracks(tmp_path / "tracks.npz", made)
    read = read_tracks(tmp_path / "tracks.npz", n_views=4)
    for name in ("views", "indices", "pixels"):
        np.testing.assert_array_equal(getattr(read, name), getattr(made, name))
    np.testing.assert_array_equal(read.points.positions, made.points.positions)
    np.testing.assert_array_equal(read.points.colors, made.points.colors)
    once = (tmp_path / "tracks.npz").read_bytes()
    write_tracks(tmp_path / "tracks.npz", made)
    assert (tmp_path / "tracks.npz").read_bytes() == once


def test_damage_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "tracks.npz"
    write_tracks(file, tracks())
    with pytest.raises(UserError, match="names view 3 of 3"):
        read_tracks(file, n_views=3)
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(UserError, match="damaged"):
        read_tracks(file, n_views=4)


def test_an_observation_of_no_point_is_refused() -> None:
    with pytest.raises(ValueError, match="one of the 0 points"):
        Tracks(Points.none(), np.zeros(1, np.int32), np.zeros(1, np.int64), np.zeros((1, 2)))


def test_lengths_count_observations_and_views_count_once() -> None:
    points = Points(np.zeros((2, 3)), np.zeros((2, 3), np.uint8))
    made = Tracks(points, np.array([0, 0, 1], np.int32), np.array([0, 0, 0]), np.zeros((3, 2)))
    assert made.lengths.tolist() == [3, 0] and made.n_views.tolist() == [2, 0]
    assert made.seen_by(0).tolist() == [0] and made.seen_by(7).tolist() == []


def posed(folder: Path) -> Reconstruction:
    names = ["000", "001", "002", "003"]
    made = capture([folder / f"{name}.png" for name in names], names, PINHOLE)
    return Reconstruction(made.views, tracks=tracks())


def test_they_go_with_the_reconstruction(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    turned = posed(tmp_path / "frames").transformed(Similarity(2.0, np.eye(3), np.array([1.0, 0.0, -3.0])))
    cameras_json.write(workspace.cameras_json, turned, root=tmp_path)
    read = read_reconstruction(workspace, needs_tracks=True)
    np.testing.assert_allclose(read.tracks.points.positions, 2 * tracks().points.positions + [1, 0, -3])
    np.testing.assert_array_equal(read.tracks.pixels, tracks().pixels)


def test_poses_of_an_older_recon_are_refused_where_tracks_are_needed(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    cameras_json.write(workspace.cameras_json, posed(tmp_path / "frames"), root=tmp_path)
    workspace.tracks_npz.unlink()
    assert len(read_reconstruction(workspace).tracks) == 0
    with pytest.raises(UserError, match=r"older recon.*scripts/poses\.py"):
        read_reconstruction(workspace, needs_tracks=True)
