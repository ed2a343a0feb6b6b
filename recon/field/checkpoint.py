"""Checkpoints: complete, atomic, and readable without unpickling anything but tensors and plain values."""

import io
import pickle
from pathlib import Path
from typing import Any

import torch

from recon.errors import UserError
from recon.workspace import replace_file

VERSION = 2  # 2: the samples of a training are counted in its own state


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a dictionary of tensors and plain values, atomically.

    Through memory, as torch's own writer hides from us that a disk is full.
    """
    buffer = io.BytesIO()
    torch.save({"version": VERSION, **state}, buffer)
    with replace_file(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU; `UserError` if it is absent, damaged or of another version."""
    if not path.exists():
        raise UserError(f"{path} is missing. Train first: python scripts/train.py workspace={path.parent.parent}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        version = state["version"]
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError, OSError) as error:
        raise UserError(
            f"{path} is not a checkpoint of recon ({str(error).splitlines()[0] if str(error) else type(error).__name__}). "
            f"Delete {path.parent} and train again."
        ) from error
    if version != VERSION:
        raise UserError(
            f"{path}: expected a checkpoint of version {VERSION}, found {version}. "
            f"Use the recon that wrote it, or delete {path.parent} and train again."
        )
    return state
