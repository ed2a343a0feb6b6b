"""Mutual nearest descriptors against their definition in numpy, bit for bit."""

import numpy as np
import pytest
from numpy.typing import NDArray

from recon import kernels
from recon.kernels.descriptors import SIZE, mutual_nearest

pytestmark = pytest.mark.skipif(not kernels.is_there("native"), reason="the native kernels are not built")


def looks(rng: np.random.Generator, n: int) -> NDArray[np.uint8]:
    """As features have them: of length 512, few values large."""
    shares = rng.gamma(0.6, size=(n, SIZE))
    return np.clip(512 * np.sqrt(shares / shares.sum(1, keepdims=True)), 0, 255).astype(np.uint8)


def defined(
    first: NDArray[np.uint8], second: NDArray[np.uint8], max_ratio: float, max_distance: float
) -> list[tuple[int, int]]:
    wide = first.astype(np.int64), second.astype(np.int64)
    distances = ((wide[0][:, None] - wide[1][None]) ** 2).sum(-1)

    def of_rows(table: NDArray[np.int64]) -> list[int]:
        found = []
        for row in table:
            order = np.argsort(row, kind="stable")
            next_one = row[order[1]] if len(row) > 1 else np.inf
            is_near = row[order[0]] <= max_distance**2 and row[order[0]] < max_ratio**2 * next_one
            found.append(int(order[0]) if is_near else -1)
        return found

    ours, theirs = of_rows(distances), of_rows(distances.T)
    return [(i, j) for i, j in enumerate(ours) if j >= 0 and theirs[j] == i]


@pytest.mark.parametrize(("n", "m"), [(1, 1), (5, 3), (64, 16), (65, 17), (130, 77), (200, 333)])
def test_the_matches_are_those_of_the_definition(n: int, m: int) -> None:
    rng = np.random.default_rng(n)
    first, second = looks(rng, n), looks(rng, m)
    shared = min(n, m) // 2  # seen by both, with noise
    noisy = first[:shared] + rng.integers(-9, 10, (shared, SIZE))
    second[m - shared :] = np.clip(noisy, 0, 255).astype(np.uint8)
    second[0] = 255  # the longest there are: sums must not overflow
    found = mutual_nearest(first, second, max_ratio=0.8, max_distance=0.7 * 512)
    assert [tuple(pair) for pair in found.tolist()] == defined(first, second, 0.8, 0.7 * 512)
    assert n < 10 or len(found) > shared / 2


def test_what_has_a_double_is_not_matched() -> None:
    first = looks(np.random.default_rng(0), 40)
    assert len(mutual_nearest(first, first, max_ratio=0.8, max_distance=512)) == 40
    doubled = np.concatenate([first, first[:10]])
    found = mutual_nearest(first, doubled, max_ratio=0.8, max_distance=512)
    assert found[:, 0].tolist() == list(range(10, 40))


def test_no_features_match_nothing() -> None:
    nothing = np.zeros((0, SIZE), np.uint8)
    some = looks(np.random.default_rng(0), 4)
    for pair in ((nothing, some), (some, nothing), (nothing, nothing)):
        assert mutual_nearest(*pair, max_ratio=0.8, max_distance=512).shape == (0, 2)
