"""The graph of frames: parts, cuts, loops and chains, against graphs whose answers are plain."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse

from recon.poses.doctor.links import cuts_of_model, cuts_of_weights, find_links
from tests.poses.doctor.findings import walk_model


def band(n: int, reach: int, weight: int = 40, *, ring: bool = False) -> np.ndarray:
    """Each frame linked to those at most `reach` away, along a line or round a ring."""
    gap = np.abs(np.arange(n)[:, None] - np.arange(n)[None])
    gap = np.minimum(gap, n - gap) if ring else gap
    return np.where((gap > 0) & (gap <= reach), weight, 0)


def links(weights: np.ndarray):
    return find_links(weights, cuts_of_weights(weights))


@pytest.mark.parametrize(("n", "reach", "hops"), [(31, 5, 6), (30, 5, 6), (7, 6, 1), (41, 1, 40)])
def test_a_line_is_open_and_as_long_as_its_steps(n: int, reach: int, hops: int) -> None:
    found = links(band(n, reach))
    assert not found.is_closed and found.returns == ()
    assert found.hops == hops and found.parts == (tuple(range(n)),)


def test_a_ring_is_closed() -> None:
    found = links(band(30, 4, ring=True))
    assert found.is_closed and found.hops == 1
    assert set(found.returns) == {(i, j) for i in range(30) for j in range(i + 3, 30) if 30 - (j - i) <= 4}


def test_one_pair_of_shelves_that_look_alike_closes_no_loop() -> None:
    weights = band(30, 4)
    weights[2, 25] = weights[25, 2] = 60
    assert links(weights).returns == ((2, 25),) and not links(weights).is_closed


def test_a_place_seen_all_the_time_is_no_loop() -> None:
    assert links(band(20, 19)).returns == ()


def test_weak_links_do_not_join_parts() -> None:
    weights = np.zeros((9, 9), int)
    weights[:4, :4], weights[4:, 4:], weights[3, 4] = 50, 50, 14
    weights = np.maximum(weights, weights.T)
    np.fill_diagonal(weights, 0)
    assert links(weights).parts == ((4, 5, 6, 7, 8), (0, 1, 2, 3))


def test_cuts_of_weights_sum_what_crosses() -> None:
    weights = np.array([[0, 3, 5, 0], [3, 0, 7, 11], [5, 7, 0, 13], [0, 11, 13, 0]])
    np.testing.assert_array_equal(cuts_of_weights(weights), [8, 5 + 7 + 11, 24])


def test_cuts_of_a_model_count_points_seen_on_both_sides() -> None:
    model = walk_model(11)
    sees = model.sees.toarray() > 0
    expected = [int((sees[:t].any(0) & sees[t:].any(0)).sum()) for t in range(1, 11)]
    np.testing.assert_array_equal(cuts_of_model(model), expected)


def test_a_model_without_points_has_no_hold() -> None:
    empty = replace(
        walk_model(4), sees=scipy.sparse.csr_matrix((4, 0)), positions=np.zeros((0, 3)), angles_deg=np.zeros(0)
    )
    np.testing.assert_array_equal(cuts_of_model(empty), [0, 0, 0])
