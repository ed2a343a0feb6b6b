"""How cameras were held: upright as their pictures say, or turned by quarters.

The up of `align` rests on pictures that are upright, and many are not: EXIF orientations outlive the pixels
that they were for, films lose their rotation, photos of one camera are read alike however it was held. Over a walk the
directions that were up in the pictures agree on one only where the pictures were read as they were held.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from recon.formats.frames_json import read_capture
from recon.formats.image_files import read_header
from recon.geometry.reconstruction import Reconstruction, View
from recon.geometry.transforms import Array
from recon.workspace import Workspace
from recon.workspace.reading import is_file

_QUARTERS = {1: 0, 6: 1, 3: 2, 8: 3}  # EXIF codes: turns by 90 degrees clockwise; no camera writes the mirrored ones
_TURN = np.array([[0.0, 1.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
# Length of the mean of the unit vectors that were up in the pictures: 0.9 for pictures held upright that look down or up by
# 25 degrees, at most 0.64 where they turned over by half a turn.
_AGREE, _DISAGREE = 0.85, 0.6
_ALONG, _ACROSS = 0.8, 0.4  # of one picture's up along that of all: it is turned, or as it was taken to be


class Turns(NamedTuple):
    """By how many quarters, clockwise, a picture as it is read must be turned to be seen in another way."""

    said: int  # as its EXIF orientation says
    stored: int  # as its pixels are stored


class Held(NamedTuple):
    """The cameras as they were held."""

    world_from_upright: Array  # [n, 4, 4] each camera turned about its axis until the top of its picture is up
    doubt: str | None  # what was wrong with the pictures' own word, for people


def turns_of(reconstruction: Reconstruction, workspace: Workspace) -> dict[str, Turns]:
    """Turns by name of view: from frames.json for captured photos, from the pictures' own EXIF for given data sets."""
    frames = workspace.frames.resolve()
    captured = [view.name for view in reconstruction.views if view.image.resolve().is_relative_to(frames)]
    if captured and is_file(workspace.frames_json):
        records = read_capture(workspace).frames
        found = {f.name: _turns(f.exif_orientation, f.rotated_by_orientation) for f in records}
        return {name: found[name] for name in captured if name in found}
    return {view.name: _turns_of_file(view) for view in reconstruction.views if is_file(view.image)}


def _turns_of_file(view: View) -> Turns:
    return _turns(read_header(view.image).orientation, view.reading.orientation)


def _turns(own: int | None, applied: int | None) -> Turns:
    """Of a picture with EXIF orientation `own` that is read as `applied` (None: as `own`); none for a film, which has no `own`."""
    has, read = _QUARTERS.get(own or 0), _QUARTERS.get(applied or own or 0)
    return Turns(0, 0) if has is None or read is None else Turns((has - read) % 4, -read % 4)


def as_held(reconstruction: Reconstruction, known: Mapping[str, Turns]) -> Held:
    """The cameras of the views turned upright: as `known` says by name of view, unless they then contradict each other.

    Taken in turn: what EXIF says, the pixels as stored, all lying on one side. Cameras that all look one way cannot be told from
    such as lie on their side: their word is believed.
    """
    poses = np.stack([view.world_from_camera for view in reconstruction.views])
    said = np.array([known.get(view.name, Turns(0, 0)).said for view in reconstruction.views])
    stored = np.array([known.get(view.name, Turns(0, 0)).stored for view in reconstruction.views])
    guesses = {"": said, "stored": stored, "side": said + 1, "stored side": stored + 1}
    how = max(guesses, key=lambda name: _agreement(poses, guesses[name]))
    if _agreement(poses, said) > _DISAGREE or _agreement(poses, guesses[how]) < _AGREE:
        how = ""
    taken = guesses[how] if "side" not in how else _looking_down(poses, guesses[how])
    up = _ups(poses, taken).mean(0)
    taken = np.where(_is_turned(poses, taken, up), _nearest(poses, up), taken) % 4
    n_wrong, n = int((taken != said % 4).sum()), len(poses)
    return Held(_turned(poses, taken), _doubt(n_wrong, n) if how else None)


def _doubt(n_wrong: int, n: int) -> str:
    return (
        f"{n_wrong} of {n} pictures are not upright as they are shown (a lost or false EXIF orientation, or a camera on its side); "
        "the world is turned upright by how the camera moved. Look at it: poses and shapes do not depend on this"
    )


def _turned(poses: Array, quarters: Array) -> Array:
    """Poses [n, 4, 4] turned about their axes by so many quarters [n] clockwise, as their pictures are."""
    powers = np.stack([np.linalg.matrix_power(_TURN, k) for k in range(4)])
    return poses @ powers[quarters % 4]


def _ups(poses: Array, quarters: Array) -> Array:
    """What is up [n, 3] in each picture turned so."""
    return -_turned(poses, quarters)[:, :3, 1]


def _agreement(poses: Array, quarters: Array) -> float:
    """Length of the mean of the unit vectors that are up in the pictures: 1 where all agree."""
    return float(np.linalg.norm(_ups(poses, quarters).mean(0)))


def _looking_down(poses: Array, quarters: Array) -> Array:
    """The turns, or all of them by half a turn more: people film what is below their eyes rather than above."""
    forward = poses[:, :3, 2].mean(0)
    return quarters if forward @ _ups(poses, quarters).mean(0) <= 0 else quarters + 2


def _nearest(poses: Array, up: Array) -> Array:
    """The turn [n] of each picture that brings its top nearest to `up` [3]."""
    along = np.stack([_ups(poses, np.full(len(poses), k)) @ up for k in range(4)], -1)
    return along.argmax(1)


def _is_turned(poses: Array, quarters: Array, up: Array) -> Array:
    """Which pictures [n] clearly stand otherwise than their turn says."""
    length = max(float(np.linalg.norm(up)), 1e-12)
    along = np.stack([_ups(poses, np.full(len(poses), k)) @ up for k in range(4)], -1) / length
    return (along.max(1) > _ALONG) & (along[np.arange(len(poses)), quarters % 4] < _ACROSS)
