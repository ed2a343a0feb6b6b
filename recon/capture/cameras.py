"""Which photos share a camera: those of one device, one zoom and one sensor size; each group is brought to one size.

Photos of two phones, of a wide and a tele lens, whole and cropped ones are ordinary: each kind is a camera of its own, whose focal
length and distortion its photos share.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from recon.formats.image_files import TRANSPOSED, ImageHeader
from recon.formats.images import fit_within
from recon.workspace.console import say

_TRANSPOSED_TAG = 6  # EXIF: turn by 90 degrees
_SAME_FOCAL = 0.015  # 35 mm equivalents are whole numbers: 26 or 27 is no other lens
_MOST_NAMED = 4


@dataclass(frozen=True)
class PhotoFile:
    """One file and how to read it."""

    path: Path
    header: ImageHeader
    orientation: int  # EXIF code to apply: the file's own unless the photo is turned to match the others of its camera
    camera: int  # number of its camera, from 0: the one of most photos

    @property
    def is_turned(self) -> bool:
        """Whether the picture is read another way round than its file says."""
        return self.orientation != self.header.orientation

    @property
    def size_hw(self) -> tuple[int, int]:
        """Size after the orientation that will be applied, which may not be the file's own."""
        h, w = self.header.stored_hw
        return (w, h) if self.orientation in TRANSPOSED else (h, w)


@dataclass(frozen=True)
class PhotoCamera:
    """What the photos of one camera have in common."""

    name: str | None  # EXIF maker and model
    full_hw: tuple[int, int]  # of its photos, turned alike
    focal_px: float | None  # EXIF, of that size, the median

    def working_hw(self, max_size: int | None) -> tuple[int, int]:
        """The size that its photos are written at."""
        return fit_within(self.full_hw, max_size)

    def working_focal_px(self, max_size: int | None) -> float | None:
        """The focal length at that size."""
        return self.focal_px and self.focal_px * max(self.working_hw(max_size)) / max(self.full_hw)


def group_by_camera(headers: Sequence[tuple[Path, ImageHeader]]) -> tuple[list[PhotoFile], list[PhotoCamera]]:
    """The photos with the camera of each, and the cameras, that of most photos first; more than one are told."""
    groups = _groups([header for _, header in headers])
    photos: dict[int, PhotoFile] = {}
    cameras = []
    for number, members in enumerate(groups):
        turned = _turned_alike([PhotoFile(*headers[i], headers[i][1].orientation, number) for i in members])
        photos |= zip(members, turned, strict=True)
        focals = [photo.header.focal_px for photo in turned if photo.header.focal_px is not None]
        name = next((photo.header.camera for photo in turned if photo.header.camera), None)
        cameras.append(PhotoCamera(name, turned[0].size_hw, float(np.median(focals)) if focals else None))
    _tell([photos[i] for i in sorted(photos)], cameras)
    return [photos[i] for i in sorted(photos)], cameras


def _groups(headers: Sequence[ImageHeader]) -> list[list[int]]:
    """Places of the photos of each camera, most photos first. Photos without EXIF belong to the camera of their size."""
    by_body: dict[tuple, list[int]] = {}
    for i, header in enumerate(headers):
        by_body.setdefault((header.camera, *sorted(header.size_hw)), []).append(i)
    for key in [key for key in by_body if key[0] is None]:
        named = [other for other in by_body if other[0] is not None and other[1:] == key[1:]]
        if len(named) == 1:
            by_body[named[0]] = sorted(by_body[named[0]] + by_body.pop(key))
    groups = [group for members in by_body.values() for group in _by_focal(members, headers)]
    return sorted(groups, key=lambda group: (-len(group), group[0]))


def _by_focal(members: Sequence[int], headers: Sequence[ImageHeader]) -> list[list[int]]:
    """The photos of one body parted by focal length; those that do not say belong to the largest part."""
    said = {i: focal for i in members if (focal := headers[i].focal_px or headers[i].zoom) is not None}
    parts: list[list[int]] = []
    shortest = 0.0
    for i in sorted(said, key=lambda i: said[i]):
        if not parts or said[i] > (1 + _SAME_FOCAL) * shortest:
            parts.append([])
            shortest = said[i]
        parts[-1].append(i)
    if not parts:
        return [list(members)]
    largest = max(parts, key=len)
    largest += [i for i in members if i not in said]
    return [sorted(part) for part in parts]


def _turned_alike(photos: Sequence[PhotoFile]) -> list[PhotoFile]:
    """The photos of one camera in one size. Those held upright among landscape ones (or the reverse) match the majority.

    A phone turned by 90 degrees is the same camera: its sensor, and so its focal length and principal point, have not
    changed, only the EXIF tag has. Read with the majority's tag, all photos show the sensor in the same way.
    """
    counts = Counter(photo.header.size_hw for photo in photos)
    size_hw = max(counts, key=lambda size: (counts[size], size))
    tags = Counter(photo.header.orientation for photo in photos if photo.header.size_hw == size_hw)
    majority_tag = max(tags, key=lambda tag: (tags[tag], -tag))
    result = []
    for photo in photos:
        if photo.header.size_hw != size_hw:
            turned = replace(photo, orientation=majority_tag)
            if turned.size_hw != size_hw:  # no tag says how the camera was held
                tag = _TRANSPOSED_TAG if photo.header.orientation not in TRANSPOSED else 1
                turned = replace(photo, orientation=tag)
            photo = turned
        result.append(photo)
    return result


def _tell(photos: Sequence[PhotoFile], cameras: Sequence[PhotoCamera]) -> None:
    for number, camera in enumerate(cameras):
        own = [photo for photo in photos if photo.camera == number]
        n_turned, (h, w) = sum(photo.is_turned for photo in own), camera.full_hw
        if n_turned:
            say(f"capture: {n_turned} of {len(own)} photos are turned by 90 degrees to share the {w}x{h} camera")
    if len(cameras) < 2:
        return
    counts = Counter(photo.camera for photo in photos)
    named = [f"{counts[i]} photos of {_words(camera)}" for i, camera in enumerate(cameras)]
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    say(f"capture: {len(cameras)} cameras: {', '.join(named[:_MOST_NAMED])}{more}; each gets a lens of its own")


def _words(camera: PhotoCamera) -> str:
    h, w = camera.full_hw
    focal = "" if camera.focal_px is None else f", focal length {camera.focal_px:.0f} px"
    return f"{camera.name or 'an unnamed camera'} ({w}x{h}{focal})"
