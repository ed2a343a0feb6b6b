"""Masks of kept frames: from files beside the source, the alpha of photos and a person's own function, to frames/masks/.

A mask is white (not 0) where the picture counts. A pixel of working size counts only where all that it covers counts, in
every mask there is for it. Conventions: docs/conventions.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recon.capture.mask_files import FOLDER, ReadFn
from recon.capture.mask_function import MaskFn, called
from recon.formats.frames_json import FrameRecord
from recon.formats.image_files import image_size_hw
from recon.formats.images import read_image, write_image
from recon.formats.masks import LEAST_VISIBLE, read_mask, shrink_mask, tell_share
from recon.workspace.console import progress, warn
from recon.workspace.errors import UserError

_OPAQUE = 250  # alpha from here on counts: below, the edge of a cut-out mixes in what was cut away
_SAME_ASPECT = 0.02


def opaque(alpha: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a picture with alpha [h, w] counts."""
    return alpha >= _OPAQUE


def save_mask(folder: Path, name: str, counts: NDArray[np.bool_]) -> str:
    """Write frames/masks/<name>.png; the path in `folder`."""
    (folder / FOLDER).mkdir(exist_ok=True)
    write_image(_file(folder, name), np.where(counts, 255, 0).astype(np.uint8))
    return f"{FOLDER}/{name}.png"


def write_masks(
    frames: Sequence[FrameRecord], folder: Path, *, read_fn: ReadFn | None, mask_fn: MaskFn | None
) -> list[FrameRecord]:
    """Add the given masks to those already in `folder`/masks; the records with their `mask`.

    Where any kept frame has a mask all get one, as structure from motion leaves out pictures without: white ones. Frames that their
    masks hide are dropped, but for views of a panorama, which belong together.
    """
    kept = [frame for frame in frames if frame.kept]
    visible = {}
    with progress("masks", len(kept)) as bar:
        for frame in kept if read_fn or mask_fn else _with_mask(kept, folder):
            counts = _counts(frame, folder, read_fn, mask_fn)
            if counts is not None:
                save_mask(folder, frame.name, counts)
                visible[frame.name] = float(counts.mean())
            bar.advance()
    if not visible:
        return list(frames)
    tell_share(list(visible.values()), "capture")
    without = [frame for frame in kept if frame.name not in visible]
    if without:
        warn(f"{len(without)} of {len(kept)} kept frames have no mask: they count as a whole ({without[0].name}, ...)")
    for frame in without:
        assert frame.image is not None
        save_mask(folder, frame.name, np.ones(image_size_hw(folder / frame.image), bool))
    hidden = {frame.name for frame in kept if visible.get(frame.name, 1.0) < LEAST_VISIBLE and frame.sensor is None}
    return [
        _dropped(frame, folder)
        if frame.name in hidden
        else replace(frame, mask=f"{FOLDER}/{frame.name}.png" if frame.kept else frame.mask)
        for frame in frames
    ]


def _dropped(frame: FrameRecord, folder: Path) -> FrameRecord:
    """The record of a frame that its mask hides; what was written of it goes."""
    assert frame.image is not None
    (folder / frame.image).unlink()
    _file(folder, frame.name).unlink()
    return replace(frame, image=None, kept=False, reason="hidden by its mask")


def _with_mask(frames: Iterable[FrameRecord], folder: Path) -> list[FrameRecord]:
    return [frame for frame in frames if _file(folder, frame.name).exists()]


def _file(folder: Path, name: str) -> Path:
    return folder / FOLDER / f"{name}.png"


def _counts(
    frame: FrameRecord, folder: Path, read_fn: ReadFn | None, mask_fn: MaskFn | None
) -> NDArray[np.bool_] | None:
    """Where a kept frame counts by all its masks [h, w]; None where it has none."""
    assert frame.image is not None
    size_hw = image_size_hw(folder / frame.image)
    parts = []
    if _file(folder, frame.name).exists():
        parts.append(read_mask(_file(folder, frame.name)))
    given = read_fn(frame) if read_fn else None
    if given is not None:
        _check_aspect(frame, given.shape, size_hw)
        parts.append(shrink_mask(given, size_hw))
    if mask_fn is not None:
        parts.append(called(mask_fn, read_image(folder / frame.image)[..., :3], frame.name))
    return np.logical_and.reduce(parts) if parts else None


def _check_aspect(frame: FrameRecord, mask_hw: tuple[int, ...], size_hw: tuple[int, int]) -> None:
    (mask_h, mask_w), (h, w) = mask_hw, size_hw
    if abs(mask_w * h / (mask_h * w) - 1) > _SAME_ASPECT:
        raise UserError(
            f"the mask of {frame.source_name or frame.name} is {mask_w}x{mask_h}; expected the shape of the upright "
            f"picture, {w}x{h} here. Make masks from the picture as a viewer shows it."
        )
