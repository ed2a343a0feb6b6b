"""A data set that was read, made sound for the stages that follow; everything that is changed or noticed is told.

Identical frames are one frame, frames without a pose or anything to see are none, lenses do not fold over, cameras stand at more
than one place, the world's numbers are small enough to keep their digits, and it is known how the pixels of every picture are to
be read.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from recon.formats.deep_pixels import common_levels
from recon.formats.masks import tell_share
from recon.formats.photos import read_pixels, read_view_mask
from recon.geometry import Camera, Reconstruction, Similarity, View
from recon.geometry.lens_folds import folded_share
from recon.geometry.lenses import LENSES
from recon.geometry.split import firsts_from_there
from recon.poses.given.placeholders import listed, without_hidden, without_placeholders
from recon.workspace.console import say, warn
from recon.workspace.errors import UserError

_FAR = 100.0  # times the reach of the cameras: beyond, the world gets an origin of its own
_LOCAL_UP_TO = 1e4  # units: below, single precision keeps a thousandth
_FAR_CENTER = 0.3  # of a side, from the middle: lenses are within 0.05
_ONE_PLACE = 1e-9  # of the largest coordinate
_MASKS_LOOKED_AT = _LENSES_LOOKED_AT = 40
_FOLDED = 0.02  # of the circle in the picture: more is a wrong number; outside fisheyes are dark


def made_sound(given: Reconstruction, source: Path) -> tuple[Reconstruction, float | None]:
    """The data set without repeated and empty frames, near its origin, with the reading of its pictures settled; and which share
    of the pixels counts, None without masks.

    Raises `UserError` where all cameras stand at one place, too few frames stay, or a lens folds over within the picture.
    """
    views = without_repeats(without_placeholders(given.views, source), source)
    _check_places(views, source)
    _tell_far_centers(views, source)
    _check_lenses(views, source)
    _say_copies(views, source)
    views = without_hidden(views, source)
    levels = common_levels([view.image for view in views])
    if levels is not None:
        views = tuple(replace(view, reading=replace(view.reading, levels=levels)) for view in views)
    _say_orientations(views, source)
    return local(replace(given, views=views), source), mask_share(views, source)


def without_repeats(views: Sequence[View], source: Path) -> tuple[View, ...]:
    """Each picture once, by what its file holds: listed twice, or the same bytes under two names.

    Of copies the first stays, but one that the data set holds out stays held out. A copy with another pose is told; only
    pictures of one colour may be the same from two places.
    """
    first: dict[str, View] = {}
    repeated, moved = [], 0
    for view, content in zip(views, _contents(views), strict=True):
        kept = first.get(content)
        if kept is None:
            first[content] = view
            continue
        is_moved = not np.allclose(kept.world_from_camera, view.world_from_camera, atol=1e-6)
        if is_moved and _is_blank(view):
            first[f"{content} {view.name}"] = view
            continue
        repeated.append(view.name)
        moved += is_moved
        if view.split == "test" and kept.split != "test":
            first[content] = replace(kept, split="test")
    if repeated:
        also = f"; {moved} of them with another pose: the first counts" if moved else ""
        warn(
            f"{source}: {len(repeated)} of {len(views)} pictures are there twice and count once{also} "
            f"({listed(repeated)})."
        )
    return tuple(first.values())


def local(given: Reconstruction, source: Path) -> Reconstruction:
    """The same capture with a whole-numbered origin near the cameras, where its own is so far that digits would be lost."""
    centers = given.centers
    middle = np.median(centers, axis=0)
    reach = float(np.abs(centers - middle).max())
    if np.abs(middle).max() < max(_LOCAL_UP_TO, _FAR * reach):
        return given
    step = 10.0 ** np.floor(np.log10(max(reach, 1.0)))
    origin = np.round(middle / step) * step
    say(
        f"{source}: coordinates are large, as of a map: the world's origin is moved to "
        f"({', '.join(f'{value:.0f}' for value in origin)}), which the package records"
    )
    return given.transformed(Similarity(1.0, np.eye(3), -origin))


def mask_share(views: Sequence[View], source: Path) -> float | None:
    """Say which share of the pixels counts in the pictures with masks; None without any."""
    masked = [view for view in views if view.mask is not None]
    if not masked:
        return None
    if len(masked) < len(views):
        warn(f"{source}: {len(views) - len(masked)} of {len(views)} pictures have no mask: all of them counts.")
    places = np.unique(np.linspace(0, len(masked) - 1, _MASKS_LOOKED_AT).round().astype(int))
    masks = (read_view_mask(masked[place]) for place in places)
    return tell_share([float(mask.mean()) for mask in masks if mask is not None], str(source))


def _contents(views: Sequence[View]) -> list[str]:
    """A key for each view that is equal where the pictures' bytes are; files are read only where sizes are equal."""
    paths = [view.image.resolve() for view in views]
    sizes = {path: path.stat().st_size for path in paths}
    alike = Counter(sizes.values())
    digests = {path: str(path) if alike[sizes[path]] == 1 else _digest(path) for path in sizes}
    return [digests[path] for path in paths]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def _is_blank(view: View) -> bool:
    pixels = read_pixels(view)
    return bool((pixels == pixels[0, 0]).all())


def _check_places(views: Sequence[View], source: Path) -> None:
    centers = np.stack([view.world_from_camera[:3, 3] for view in views])
    if len(views) > 1 and np.ptp(centers, axis=0).max() <= _ONE_PLACE * max(1.0, float(np.abs(centers).max())):
        raise UserError(
            f"{source}: all {len(views)} cameras stand at one place, so the pictures give no depth: turning on the spot shows no "
            "scene. Check that positions were exported, or capture from several places."
        )
    seen = Counter(np.round(centers, 9).tobytes() for centers in centers)
    most = max(seen.values())
    if most >= 3 and most > 0.5 * len(views):
        warn(
            f"{source}: {most} of {len(views)} cameras stand at one and the same place: they give no depth by themselves."
        )


def _tell_far_centers(views: Sequence[View], source: Path) -> None:
    """Warn of principal points that no lens has: shares beside focal lengths in pixels, or those of another picture."""

    def is_far(camera: Camera) -> bool:
        h, w = camera.size_hw
        return max(abs(camera.cx / w - 0.5), abs(camera.cy / h - 0.5)) > _FAR_CENTER

    far = [view for view in views if is_far(view.camera)]
    if far:
        (h, w), camera = far[0].camera.size_hw, far[0].camera
        warn(
            f"{source}: the principal point ({camera.cx:g}, {camera.cy:g}) of {far[0].name} lies far from the middle of {w}x{h} "
            f"pixels, as it does in {len(far)} of {len(views)} pictures: right for pictures cut out of larger ones only. Expected "
            f"about ({w / 2:g}, {h / 2:g}): check cx and cy."
        )


def _check_lenses(views: Sequence[View], source: Path) -> None:
    """Say how much of a picture lies beyond a fold of its lens; `UserError` where that is more than dark corners."""
    by_camera = list({view.camera: view for view in views}.values())
    places = np.unique(np.linspace(0, len(by_camera) - 1, _LENSES_LOOKED_AT).round().astype(int))
    shares = [folded_share(by_camera[place].camera) for place in places]
    if max(shares) == 0:
        return
    view = by_camera[places[int(np.argmax(shares))]]
    told = (
        f"{source}: the distortion {[float(f'{k:.4g}') for k in view.camera.distortion]} of {view.name} folds over within the "
        f"picture: {max(shares):.1%} of its pixels have no line of sight"
    )
    if folded_share(view.camera, of_circle=True) > _FOLDED:
        names = " ".join(LENSES[view.camera.model].coefficients)
        raise UserError(
            f"{told}. Expected coefficients in the order {names}, of a lens for pictures of this size; or undistort the pictures."
        )
    warn(f"{told}. What is seen there is not to be trusted: undistort the pictures, or mask their corners.")


def _say_copies(views: Sequence[View], source: Path) -> None:
    """How many pictures are taken for copies of others by their poses."""
    in_order = sorted(views, key=lambda view: view.name)
    copies = int((firsts_from_there(in_order) != np.arange(len(views))).sum())
    if copies and all(view.split is None for view in views):
        say(
            f"{source}: {copies} of {len(views)} pictures are from the place and direction of another one, as copies are: they are "
            "held out only together with it"
        )


def _say_orientations(views: Sequence[View], source: Path) -> None:
    """How many pictures carry an EXIF orientation that their poses do not know of."""
    ignored = sum(view.reading.orientation == 1 for view in views)
    if ignored:
        say(
            f"{source}: {ignored} pictures carry an EXIF orientation; their poses are for the stored pixels, which are read"
        )
