"""Frames that a data set lists and knows nothing of: poses that nobody found, pictures that show nothing. They are left out.

Programs write the identity where tracking had not begun or was lost, and it looks like any other pose. What gives it away: no
camera comes back to exactly the origin, and none jumps there and back between two frames of a walk.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recon.formats.image_files import has_alpha, opened
from recon.formats.images import is_transparent
from recon.formats.photos import read_pixels
from recon.formats.png_alpha import is_clear
from recon.geometry import View
from recon.geometry.transforms import Array
from recon.workspace.console import warn
from recon.workspace.errors import UserError

_FEWEST = 3  # pictures that are worth going on with
_DISTINCT = 0.9  # of the other poses: less where a rig stands still, and every pose comes again
_JUMP = 5.0  # typical steps from one picture to the next: further from both neighbours is no step


def without_placeholders(views: Sequence[View], source: Path) -> tuple[View, ...]:
    """The views but for those whose pose was never found; one warning names them.

    views: in order of name. Raises `UserError` where all are so, or too few others stay.
    """
    lost = never_found(np.stack([view.world_from_camera for view in views]))
    if not lost.any():
        return tuple(views)
    names = listed([view.name for view, out in zip(views, lost, strict=True) if out])
    told = f"{source}: {int(lost.sum())} of {len(views)} pictures have the identity for a pose"
    if len(views) - lost.sum() < _FEWEST:
        raise UserError(
            f"{told}, as where no pose was found ({names}). Export the poses again, or find them: dataset=capture "
            "capture.source=... with the folder of the pictures."
        )
    warn(f"{told}, far from their neighbours, as where tracking was lost, and are skipped ({names}).")
    return tuple(view for view, out in zip(views, lost, strict=True) if not out)


def never_found(poses: Array) -> NDArray[np.bool_]:
    """Which poses [n, 4, 4], in order of capture, stand for none: [n].

    The identity, in whatever axes, is the pose of a first frame too, and of all before the camera moves: it is taken for
    that where it comes in one run that is no jump away from its neighbours.
    """
    is_blank = _identities(poses)
    if is_blank.all():
        return is_blank & (len(poses) > 1)
    if not is_blank.any():
        return is_blank
    starts = np.flatnonzero(is_blank & ~np.roll(is_blank, 1) | is_blank & (np.arange(len(poses)) == 0))
    others = poses[~is_blank].reshape(-1, 16)
    if len(starts) > 1:
        return is_blank & (len(np.unique(others, axis=0)) > _DISTINCT * len(others))
    run = np.flatnonzero(is_blank)
    centers = poses[~is_blank, :3, 3]
    beside = [centers[place] for place in (run[0] - 1, run[0]) if 0 <= place < len(centers)]
    step = np.median(np.linalg.norm(np.diff(centers, axis=0), axis=1)) if len(centers) > 1 else np.inf
    return is_blank & bool(min(np.linalg.norm(beside, axis=1)) > _JUMP * step > 0)


def _identities(poses: Array) -> NDArray[np.bool_]:
    """Which poses are the most frequent one of those at exactly the origin whose axes are the world's, or turned by quarters."""
    is_plain = np.asarray(~poses[:, :3, 3].any(1) & np.isin(poses[:, :3, :3], (-1.0, 0.0, 1.0)).all((1, 2)))
    if not is_plain.any():
        return is_plain
    _, which, counts = np.unique(poses[is_plain, :3, :3], axis=0, return_inverse=True, return_counts=True)
    is_plain[is_plain] = which.ravel() == int(np.argmax(counts))
    return is_plain


def without_hidden(views: Sequence[View], source: Path) -> tuple[View, ...]:
    """The views but for those whose pictures are transparent all over; one warning names them.

    They teach nothing, and as silhouettes they would say that nothing stands anywhere. Raises `UserError` where too few stay.
    """
    hidden = [_shows_nothing(view) for view in views]
    if not any(hidden):
        return tuple(views)
    names = listed([view.name for view, out in zip(views, hidden, strict=True) if out])
    told = f"{source}: {sum(hidden)} of {len(views)} pictures are transparent all over"
    if len(views) - sum(hidden) < _FEWEST:
        raise UserError(f"{told} ({names}). Export them with what they show opaque, or without transparency.")
    warn(f"{told} and are skipped ({names}).")
    return tuple(view for view, out in zip(views, hidden, strict=True) if not out)


def _shows_nothing(view: View) -> bool:
    with opened(view.image) as image:
        if not has_alpha(image):
            return False
        is_nothing = is_clear(view.image) if image.format == "PNG" else None
    return is_transparent(read_pixels(view)) if is_nothing is None else is_nothing


def listed(names: Sequence[str]) -> str:
    """The first of the names, for a message."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
