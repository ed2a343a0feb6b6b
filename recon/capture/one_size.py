"""Photos of one camera brought to one size: those held upright among landscape ones are turned."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recon.console import say
from recon.errors import UserError
from recon.formats.image_files import ImageHeader

_TRANSPOSED_TAG = 6  # EXIF: turn by 90 degrees


@dataclass(frozen=True)
class Photo:
    """One file and how to read it."""

    path: Path
    header: ImageHeader
    orientation: int  # EXIF code to apply: the file's own unless the photo is turned to match the others

    @property
    def is_turned(self) -> bool:
        return self.orientation != self.header.orientation


def to_one_size(source: Path, photos: Sequence[tuple[Path, ImageHeader]]) -> list[Photo]:
    """Photos of one size. Those filmed upright among landscape ones (or the reverse) are turned to match the majority.

    A phone turned by 90 degrees is the same camera: its sensor, and so its focal length and principal point, have not
    changed, only the EXIF tag has. Read with the majority's tag, all photos show the sensor in the same way.
    """
    counts = Counter(header.size_hw for _, header in photos)
    size_hw = max(counts, key=lambda size: (counts[size], size))
    transposed_hw = (size_hw[1], size_hw[0])
    odd = [(path, header) for path, header in photos if header.size_hw not in (size_hw, transposed_hw)]
    if odd:
        raise UserError(_why_not_one_size(source, counts, size_hw, odd))
    tags = Counter(header.orientation for _, header in photos if header.size_hw == size_hw)
    majority_tag = max(tags, key=lambda tag: (tags[tag], -tag))
    result = []
    for path, header in photos:
        photo = Photo(path, header, header.orientation)
        if header.size_hw != size_hw:
            photo = Photo(path, header, majority_tag)
            if size_hw_of(photo) != size_hw:  # no tag says how the camera was held
                photo = Photo(path, header, _TRANSPOSED_TAG if header.orientation < 5 else 1)
        result.append(photo)
    n_turned = sum(photo.is_turned for photo in result)
    if n_turned:
        h, w = size_hw
        say(f"capture: {n_turned} of {len(result)} photos are turned by 90 degrees to share the {w}x{h} camera")
    return result


def size_hw_of(photo: Photo) -> tuple[int, int]:
    """Size after the orientation that will be applied, which may not be the file's own."""
    h, w = photo.header.size_hw
    return (h, w) if (photo.orientation >= 5) == (photo.header.orientation >= 5) else (w, h)


def _why_not_one_size(
    source: Path, counts: Counter[tuple[int, int]], size_hw: tuple[int, int], odd: Sequence[tuple[Path, ImageHeader]]
) -> str:
    listed = ", ".join(f"{count} of {w}x{h}" for (h, w), count in counts.most_common(4))
    names = ", ".join(path.name for path, _ in odd[:5]) + (f" and {len(odd) - 5} more" if len(odd) > 5 else "")
    return (
        f"capture.source={source}: photos have different sizes ({listed}); expected one, "
        f"{size_hw[1]}x{size_hw[0]}, as from one camera. Remove or re-export: {names}"
    )
