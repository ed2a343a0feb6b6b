"""Lists whose arrays lie on disk, so that the memory of matching does not grow with the number of pictures."""

import shutil
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np

T = TypeVar("T")

CACHE_BYTES = 48 << 20  # of the items read last that stay in memory, a shelf


class Shelf(Sequence[T]):
    """Arrays, or dataclasses with arrays among their fields, in the order in which they were put; read when asked for.

    The arrays of each item are one file in `folder`; its other values stay in memory. What is read twice may be one object: it
    must not be written to, unless `cache_bytes` is 0 (None: CACHE_BYTES).
    """

    def __init__(self, folder: Path, *, cache_bytes: int | None = None) -> None:
        self._folder, self._cache_bytes = folder, CACHE_BYTES if cache_bytes is None else cache_bytes
        self._parts: list[_Parts] = []
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
        """Put an item behind the last one."""
        parts, arrays = _taken_apart(item)
        with self._path(len(self._parts)).open("wb") as file:
            for array in arrays:
                np.save(file, array, allow_pickle=False)
        self._parts.append(parts)

    def __len__(self) -> int:
        return len(self._parts)

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
                self._read[index] = self._parts[index].joined(file)
        self._read.move_to_end(index)
        item = self._read[index]
        while self._read and sum(self._parts[i].n_bytes for i in self._read) > self._cache_bytes:
            self._read.popitem(last=False)
        return item

    def clear(self) -> None:
        """Forget all items and free their space on disk."""
        shutil.rmtree(self._folder)
        self._parts, self._read = [], OrderedDict()

    def _path(self, index: int) -> Path:
        return self._folder / f"{index}.npy"


class _Parts:
    """An item without its arrays."""

    def __init__(self, kind: type, others: dict[str, Any], names: list[str], n_bytes: int) -> None:
        self.kind, self.others, self.names, self.n_bytes = kind, others, names, n_bytes

    def joined(self, file: Any) -> Any:
        """The item, its arrays read from the file."""
        arrays = [np.load(file, allow_pickle=False) for _ in self.names]
        if self.kind is np.ndarray:
            return arrays[0]
        return self.kind(**self.others, **dict(zip(self.names, arrays, strict=True)))


def _taken_apart(item: Any) -> tuple[_Parts, list[np.ndarray]]:
    if isinstance(item, np.ndarray):
        return _Parts(np.ndarray, {}, [""], item.nbytes), [item]
    values = {field.name: getattr(item, field.name) for field in fields(item)}
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    others = {name: value for name, value in values.items() if name not in arrays}
    n_bytes = sum(array.nbytes for array in arrays.values())
    return _Parts(type(item), others, list(arrays), n_bytes), list(arrays.values())
