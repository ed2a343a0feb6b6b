"""Lists that lie on disk, so that the memory of matching does not grow with the number of pictures."""

import pickle
import shutil
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar, overload

T = TypeVar("T")

CACHE_BYTES = 48 << 20  # of the items read last that stay in memory, a shelf


class Shelf(Sequence[T]):
    """Items in the order in which they were put, one file each in `folder`, read when they are asked for.

    What is read twice may be one object: it must not be written to, unless `cache_bytes` is 0 (None: CACHE_BYTES).
    """

    def __init__(self, folder: Path, *, cache_bytes: int | None = None) -> None:
        self._folder, self._cache_bytes = folder, CACHE_BYTES if cache_bytes is None else cache_bytes
        self._sizes: list[int] = []
        self._read: OrderedDict[int, T] = OrderedDict()
        folder.mkdir(parents=True)

    @staticmethod
    def of(folder: Path, items: Iterable[T]) -> "Shelf[T]":
        """All of `items`, each put away before the next is made."""
        shelf = Shelf[T](folder)
        for item in items:
            shelf.put(item)
        return shelf

    def put(self, item: T) -> None:
        """Behind the last item."""
        path = self._path(len(self._sizes))
        with path.open("wb") as file:
            pickle.dump(item, file, protocol=5)
        self._sizes.append(path.stat().st_size)

    def __len__(self) -> int:
        return len(self._sizes)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        index = range(len(self))[index]
        if index not in self._read:
            with self._path(index).open("rb") as file:
                self._read[index] = pickle.load(file)
        self._read.move_to_end(index)
        item = self._read[index]
        while self._read and sum(self._sizes[i] for i in self._read) > self._cache_bytes:
            self._read.popitem(last=False)
        return item

    def clear(self) -> None:
        """Forget all items and free their space on disk."""
        shutil.rmtree(self._folder)
        self._sizes, self._read = [], OrderedDict()

    def _path(self, index: int) -> Path:
        return self._folder / f"{index}.pickle"
