"""Global descriptors: alike finds alike; pairs keep their distance."""

import numpy as np

from recon.poses.sfm.pairs import sequential_pairs
from recon.poses.sfm.retrieval import k_means, similar_pairs, vlad


def test_frames_of_one_place_are_most_alike() -> None:
    rng = np.random.default_rng(0)
    places = rng.normal(size=(3, 200, 16)).astype(np.float32)
    order = [0, 1, 2, 0, 1, 2, 0]
    frames = [places[k] + 0.1 * rng.normal(size=(200, 16)).astype(np.float32) for k in order]
    words = k_means(np.concatenate(frames), 8, rng)
    descriptors = np.stack([vlad(frame, words) for frame in frames])
    np.testing.assert_allclose(np.linalg.norm(descriptors, axis=1), 1, rtol=1e-5)
    pairs = similar_pairs(descriptors, neighbours=1, min_gap=1)
    assert pairs and all(order[i] == order[j] for i, j in pairs)
    assert similar_pairs(descriptors, neighbours=2, min_gap=4) and all(
        j - i >= 4 for i, j in similar_pairs(descriptors, neighbours=2, min_gap=4)
    )


def test_a_frame_without_features_pairs_with_none() -> None:
    words = np.eye(4, 5, dtype=np.float32)
    assert (vlad(np.zeros((0, 5), np.float32), words) == 0).all()
    descriptors = np.stack([vlad(np.zeros((0, 5), np.float32), words)] * 3)
    assert similar_pairs(descriptors, neighbours=2, min_gap=1) == []


def test_k_means_finds_separate_clusters() -> None:
    rng = np.random.default_rng(1)
    truth = np.array([[0.0, 0], [10, 0], [0, 10]], np.float32)
    points = np.repeat(truth, 50, axis=0) + 0.1 * rng.normal(size=(150, 2)).astype(np.float32)
    centres = k_means(points, 3, np.random.default_rng(0))
    assert np.isfinite(centres).all() and centres.shape == (3, 2)


def test_k_means_keeps_a_centre_that_loses_all_its_points() -> None:
    points = np.repeat(np.eye(3, 5, dtype=np.float32), 20, axis=0)  # three places: of four centres two are one at first
    centres = k_means(points, 4, np.random.default_rng(0))
    assert centres.shape == (4, 5) and np.isfinite(centres).all()
    assert {tuple(centre) for centre in centres.tolist()} <= {tuple(place) for place in np.eye(3, 5).tolist()}


def test_sequential_pairs() -> None:
    assert sequential_pairs(4, 2) == [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]
    assert sequential_pairs(1, 5) == []
