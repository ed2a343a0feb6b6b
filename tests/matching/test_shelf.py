"""Lists on disk: what was put comes back, little of it stays in memory."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from recon.matching.shelf import Shelf


def test_items_come_back_in_order_and_by_number(tmp_path: Path) -> None:
    shelf = Shelf.of(tmp_path / "a", (np.full(3, i) for i in range(5)))
    assert len(shelf) == 5 and [int(item[0]) for item in shelf] == [0, 1, 2, 3, 4]
    assert shelf[-1][0] == 4 and [int(item[0]) for item in shelf[1:3]] == [1, 2]
    with pytest.raises(IndexError):
        shelf[5]


@dataclass(frozen=True)
class Seen:
    name: str
    depth: np.ndarray
    mask: np.ndarray


def test_a_dataclass_comes_back_with_its_arrays_and_the_rest(tmp_path: Path) -> None:
    seen = Seen("a", np.eye(3, dtype=np.float16), np.array([[True, False]]))
    back = Shelf.of(tmp_path / "a", [seen])[0]
    assert back.name == "a" and back.depth.dtype == np.float16 and back.mask.dtype == np.bool_
    assert (back.depth == seen.depth).all() and (back.mask == seen.mask).all()


def test_only_what_fits_stays_in_memory(tmp_path: Path) -> None:
    item_bytes = 80_000
    shelf = Shelf[np.ndarray](tmp_path / "a", cache_bytes=3 * item_bytes)
    for i in range(8):
        shelf.put(np.full(item_bytes // 8, float(i)))
    assert all(shelf[i][0] == i for i in range(8))
    assert shelf[7] is shelf[7] and shelf[6] is shelf[6], "what was read last is kept"
    assert len(shelf._read) == 3
    unkept = Shelf[np.ndarray](tmp_path / "b", cache_bytes=0)
    unkept.put(np.zeros(3))
    assert unkept[0] is not unkept[0]


def test_clear_frees_the_disk(tmp_path: Path) -> None:
    shelf = Shelf.of(tmp_path / "a", [np.zeros(1), np.zeros(2)])
    shelf.clear()
    assert not (tmp_path / "a").exists() and len(shelf) == 0
