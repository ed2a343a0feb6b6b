"""The sky, found without weights: it is above the horizon, has the looks of it, and nothing is ever matched on it.

A picture's smooth, sky-coloured regions above the horizon are candidates. One is sky where matching confirms next to nothing
on it, where matter that other views confirm does not project onto it, and where other views, looking the same way from
elsewhere, see the same or something that stands before it. What goes on upwards beyond a picture is sky open above; what is
closed all round, or cut by a border at the side, as a patch of paint on a wall is, must have the colour of sky that is open in
some picture. Indoors nothing passes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.matching.confirm import Confirmed
from recon.matching.open_air import is_in_the_open
from recon.matching.pictures import Picture
from recon.matching.shelf import Shelf
from recon.matching.sky_colors import looks_like_sky
from recon.matching.sky_evidence import PROBE, Mask, directions, looks_alike, matter_on

MIN_SHOWING = 0.1  # of the pictures that show a blue or overexposed sky: then it is not grey
MIN_AREA = 0.002  # of the picture
MAX_CONFIRMED = 0.25  # of a region, by matches that reach over from what stands before the sky
MAX_HITS = 0.05  # of a region: other views' matter that falls onto it
MAX_COLOR_OFF = 25  # grey levels between a closed region and the nearest open one; the sky's own colour varies by 15
MIN_SAME = 0.75  # of the looks of other views in its directions that see sky or matter
N_NEIGHBOURS = 8
RIM = 3  # pixels: a blurred rim is no candidate
MIN_RISE = 0.5  # cosine between up and the way out of the picture


@dataclass(frozen=True)
class _Regions:
    """The candidates of one picture: 0 none, else the number of the region."""

    labels: NDArray[np.int32]  # [h, w]
    numbers: list[int]


@dataclass(frozen=True)
class _Part:
    """A connected region that may be sky."""

    color: NDArray[np.float64]  # [3], the median
    is_open: bool  # goes on upwards beyond the picture


def find_sky(
    pictures: Sequence[Picture],
    confirmed: Sequence[Confirmed],
    neighbours: NDArray[np.int32],
    scratch: Path,
    *,
    is_up_aligned: bool,
) -> Iterator[Mask]:
    """Masks [h, w], True where the sky is. Grey is asked for in the open air, where next to no picture shows another sky."""
    masks, parts = _found(
        pictures, confirmed, neighbours, scratch / "bright", is_up_aligned=is_up_aligned, has_grey=False
    )
    is_shown = np.mean([any(part.is_open for part in some) for some in parts]) >= MIN_SHOWING
    if is_up_aligned and not is_shown and is_in_the_open(pictures, confirmed):
        masks.clear()
        masks, parts = _found(pictures, confirmed, neighbours, scratch / "grey", is_up_aligned=True, has_grey=True)
    open_colors = np.array([part.color for some in parts for part in some if part.is_open]).reshape(-1, 3)
    for picture, known, mask, some in zip(pictures, confirmed, masks, parts, strict=True):
        kept = mask & ~_closed_of_other_color(mask, some, open_colors)
        yield _grown(kept, picture, known)
    masks.clear()


def _found(
    pictures: Sequence[Picture],
    confirmed: Sequence[Confirmed],
    neighbours: NDArray[np.int32],
    scratch: Path,
    *,
    is_up_aligned: bool,
    has_grey: bool,
) -> tuple[Shelf[Mask], list[list[_Part]]]:
    """What is accepted as sky in each picture, and its parts.

    pictures, confirmed, neighbours: as in `find_sky`; scratch: folder for what does not fit into memory. is_up_aligned: z is up.
    has_grey: grey counts too.
    """
    regions = Shelf.of(
        scratch / "regions",
        (
            _regions(picture, known, is_up_aligned=is_up_aligned, has_grey=has_grey)
            for picture, known in zip(pictures, confirmed, strict=True)
        ),
    )
    accepted = (_accepted(i, pictures, confirmed, regions, neighbours) for i in range(len(pictures)))
    masks = Shelf.of(scratch / "accepted", accepted)
    regions.clear()
    return masks, [_parts(picture, mask, is_up_aligned) for picture, mask in zip(pictures, masks, strict=True)]


def _accepted(
    index: int,
    pictures: Sequence[Picture],
    confirmed: Sequence[Confirmed],
    regions: Sequence[_Regions],
    neighbours: NDArray[np.int32],
) -> Mask:
    """The candidates of one picture that neither other views' matter nor their looks speak against."""
    labels = regions[index].labels
    is_sky = np.zeros(labels.shape, bool)
    if not regions[index].numbers:
        return is_sky
    near = [int(j) for j in neighbours[index, :N_NEIGHBOURS] if j >= 0]
    others = [(pictures[j], regions[j].labels > 0, confirmed[j]) for j in near]
    hits = matter_on(pictures[index], labels > 0, [(picture, known) for picture, _, known in others])
    same, seen = looks_alike(pictures[index], labels > 0, others)
    for number in regions[index].numbers:
        here = labels == number
        n_seen = int(seen[here].sum())
        agrees = n_seen == 0 or same[here].sum() >= MIN_SAME * n_seen
        if hits[here].sum() * PROBE**2 <= MAX_HITS * here.sum() and agrees:
            is_sky |= here
    return is_sky


def _parts(picture: Picture, mask: Mask, is_up_aligned: bool) -> list[_Part]:
    """The connected regions of a mask, in the order of `cv2.connectedComponents`."""
    n, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    if n == 1:
        return []
    height = directions(picture)[..., 2] if is_up_aligned else -np.mgrid[: mask.shape[0], : mask.shape[1]][0]
    regions = (labels == k for k in range(1, n))
    return [_Part(np.median(picture.color[region], axis=0), _is_open(region, height)) for region in regions]


def _closed_of_other_color(mask: Mask, parts: Sequence[_Part], open_colors: NDArray[np.float64]) -> Mask:
    """The closed regions of a mask whose colour no open region of any picture has; none where none is open anywhere."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    is_other = [False]
    for part in parts:
        is_known = (
            part.is_open or not len(open_colors) or np.abs(open_colors - part.color).max(1).min() <= MAX_COLOR_OFF
        )
        is_other.append(not is_known)
    return np.array(is_other)[labels]


def _is_open(region: Mask, height: NDArray[np.float64]) -> bool:
    """Whether a region [h, w] goes on upwards beyond the picture: its highest place is cut off by a border across which it rises.

    Paint that the left or right border cuts does not.
    """
    h, w = region.shape
    y, x = divmod(int(np.argmax(np.where(region, height, -np.inf))), w)
    window = height[max(y - RIM, 0) : y + RIM + 1, max(x - RIM, 0) : x + RIM + 1]
    rise = np.array(
        [window[:, -1].mean() - window[:, 0].mean(), window[-1].mean() - window[0].mean()]
    )  # to the right, down
    cut_off = {(-1, 0): x, (1, 0): w - 1 - x, (0, -1): y, (0, 1): h - 1 - y}
    steep = MIN_RISE * np.linalg.norm(rise)
    return any(distance <= RIM and rise @ outwards > steep for outwards, distance in cut_off.items())


def _regions(picture: Picture, known: Confirmed, *, is_up_aligned: bool, has_grey: bool) -> _Regions:
    candidate = looks_like_sky(picture, is_up_aligned=is_up_aligned, has_grey=has_grey)
    opened = cv2.morphologyEx(candidate.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    n_confirmed = np.bincount(labels[known.is_confirmed], minlength=len(stats))
    numbers = [
        k
        for k in range(1, len(stats))
        if stats[k, cv2.CC_STAT_AREA] >= MIN_AREA * labels.size
        and n_confirmed[k] <= MAX_CONFIRMED * stats[k, cv2.CC_STAT_AREA]
    ]
    return _Regions(np.where(np.isin(labels, numbers), labels, 0), numbers)


def _grown(is_sky: Mask, picture: Picture, known: Confirmed) -> Mask:
    """Over the blurred rim of the sky: neighbours of its colour that are not confirmed."""
    if not is_sky.any():
        return is_sky
    kernel = np.ones((7, 7), np.uint8)
    inside = is_sky[..., None]
    weight = cv2.blur(is_sky.astype(np.float32), (9, 9))
    mean = cv2.blur(np.where(inside, picture.color, 0).astype(np.float32), (9, 9)) / np.maximum(weight, 1e-6)[..., None]
    alike = np.abs(picture.color - mean).max(-1) < 14
    rim = (cv2.dilate(is_sky.astype(np.uint8), kernel) > 0) & alike & (weight > 0) & ~known.is_confirmed
    return is_sky | (rim & picture.is_valid)
