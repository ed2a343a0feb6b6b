"""Checkpoints: complete, atomic, and believed only when they are whole.

Read without unpickling anything but tensors and plain values. A digest over all of it says that no byte has changed, and numbers
that are not finite are neither written nor read: training on from them, or rendering them, would give nonsense in silence.
"""

import hashlib
import io
import math
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from recon.workspace import replace_file
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file

VERSION = 6
_DIGEST = "digest"
_OF_VALUES = (KeyError, TypeError, ValueError, IndexError, AttributeError, AssertionError, ArithmeticError)
_DAMAGE = (*_OF_VALUES, RuntimeError, OSError, EOFError)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a dictionary of tensors and plain values, atomically. `UserError` where a number in a tensor is not finite.

    Through memory, as torch's own writer hides from us that a disk is full.
    """
    place = _not_finite(state)
    if place is not None:
        raise UserError(
            f"{path}: training diverged ({place} holds NaN or infinity); the last whole checkpoint stays. Lower "
            "train.learning_rate, or check the pictures and poses."
        )
    buffer = io.BytesIO()
    torch.save({"version": VERSION, _DIGEST: _digest_of(state), **state}, buffer)
    with replace_file(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU; `UserError` if it is absent, damaged, not finite or of another version."""
    if not is_file(path):
        raise UserError(f"{path} is missing. Train first: python scripts/train.py workspace={path.parent.parent}")
    with believed(path):
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, MemoryError, OverflowError, UnicodeError) as error:
            raise ValueError(str(error)) from error
        if not isinstance(state, dict) or "version" not in state:
            raise ValueError("no version in it")
        version, digest = state.pop("version"), state.pop(_DIGEST, None)
        if version != VERSION:
            raise UserError(
                f"{path}: expected a checkpoint of version {VERSION}, found {str(version)[:40]}. "
                f"Use the recon that wrote it, or delete {path.parent} and train again."
            )
        if digest != _digest_of(state):
            raise ValueError("its bytes have changed since it was written")
        if (place := _not_finite(state)) is not None:
            raise ValueError(f"{place} holds NaN or infinity")
    return state


@contextmanager
def believed(path: Path) -> Iterator[None]:
    """What reading a checkpoint's values into a field or a training may raise, as a `UserError` that names the file."""
    try:
        yield
    except _DAMAGE as error:
        lines = str(error).splitlines()
        raise UserError(
            f"{path} is not a checkpoint of recon ({lines[0][:200] if lines else type(error).__name__}). "
            f"Delete {path.parent} and train again."
        ) from error


def like(given: Any, own: Tensor, name: str) -> Tensor:
    """`given` where it is a tensor of the shape and type of `own`; `ValueError` naming it where not."""
    if not isinstance(given, Tensor) or given.shape != own.shape or given.dtype != own.dtype:
        found = f"{given.dtype} {list(given.shape)}" if isinstance(given, Tensor) else type(given).__name__
        raise ValueError(f"{name}: expected {own.dtype} {list(own.shape)}, found {found}")
    return given


def whole(value: Any, name: str, *, up_to: float = math.inf) -> int:
    """`value` where it is a whole number from 0 to `up_to`; `ValueError` naming it where not."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= up_to:
        raise ValueError(f"{name}: expected a whole number from 0 to {up_to}, found {value!r:.40}")
    return value


def finite(value: Any, name: str, *, above: float = -math.inf) -> float:
    """`value` where it is a finite number over `above`; `ValueError` naming it where not."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not above < value < math.inf:
        raise ValueError(f"{name}: expected a finite number over {above}, found {value!r:.40}")
    return value


def _digest_of(value: Any) -> str:
    """Of tensors' bytes and plain values, in order."""
    digest = hashlib.sha256()
    for place, part in _parts(value, ""):
        digest.update(place.encode())
        if isinstance(part, Tensor):
            digest.update(f"{part.dtype} {list(part.shape)}".encode())
            digest.update(part.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()


def _not_finite(value: Any) -> str | None:
    """Where a tensor has a number that is not finite; None: nowhere."""
    for place, part in _parts(value, ""):
        if isinstance(part, Tensor) and part.is_floating_point() and not bool(torch.isfinite(part).all()):
            return place
    return None


def _parts(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Every tensor and plain value with where it is."""
    if isinstance(value, Mapping):
        for key in value:
            yield from _parts(value[key], f"{place}.{key}" if place else str(key))
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _parts(item, f"{place}[{i}]")
    else:
        yield place, value
