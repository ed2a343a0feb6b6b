"""A folder of photos to working-size images: all are kept, except those that show what another already shows."""

import re
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.capture.records import Capture, FrameRecord, is_one_camera
from recon.capture.sharpness import measure_sharpness
from recon.console import progress, say
from recon.errors import UserError
from recon.formats.exif_gps import read_gps
from recon.formats.images import (
    ImageHeader,
    fit_within,
    list_images,
    read_header,
    read_image,
    resize_image,
    write_image,
)

_SCORE_SIZE = 640  # sharpness is measured at this longest side, as in videos
_THUMBNAIL_SIZE = 64
# Duplicates: thumbnails differ by less than this, on average and anywhere (grey levels). Saving again at a lower
# quality changes 0.4 and 4, a second shot from a tripod about as much; a step of the camera across texture 7 and 80.
_SAME_MEAN, _SAME_MAX = 1.0, 10.0
_TRANSPOSED_TAG = 6  # EXIF: turn by 90 degrees
_COPIED_MODES = {"JPEG": ("RGB", "L"), "PNG": ("RGB", "RGBA", "L")}


@dataclass(frozen=True)
class _Photo:
    """One file and how to read it."""

    path: Path
    header: ImageHeader
    orientation: int  # EXIF code to apply: the file's own unless the photo is turned to match the others

    @property
    def is_turned(self) -> bool:
        return self.orientation != self.header.orientation


def capture_photos(source: Path, folder: Path, *, max_size: int | None, jpeg_quality: int) -> Capture:
    """Write the photos of `source` into `folder` at working size and say what became of each."""
    paths = list_images(source)
    photos = _to_one_size(source, [(path, header) for path, header in zip(paths, _headers(paths), strict=True)])
    full_hw = _size_hw(photos[0])
    size_hw = fit_within(full_hw, max_size)
    names = ordered_names([path.stem for path in paths])
    thumbnails: list[NDArray[np.int16]] = []
    frames = []
    with progress("reading photos", len(photos)) as bar:
        for index, (photo, name) in enumerate(zip(photos, names, strict=True)):
            image = read_image(photo.path, orientation=photo.orientation)
            thumbnail = _thumbnail(image)
            is_duplicate = any(_looks_same(thumbnail, other) for other in thumbnails)
            written = None if is_duplicate else _write(photo, image, folder, name, size_hw, quality=jpeg_quality)
            if not is_duplicate:
                thumbnails.append(thumbnail)
            focal_px = photo.header.focal_px
            frames.append(
                FrameRecord(
                    name=name,
                    image=written,
                    source_index=index,
                    source_name=photo.path.name,
                    time_s=None,
                    sharpness=round(measure_sharpness(_gray(image, _SCORE_SIZE)), 4),
                    kept=not is_duplicate,
                    reason="duplicate" if is_duplicate else None,
                    exif_focal_px=focal_px and round(focal_px * max(size_hw) / max(full_hw), 3),
                    rotated_by_orientation=photo.orientation if photo.is_turned else None,
                    gps=read_gps(photo.path),
                )
            )
            bar.advance()
    headers = [photo.header for photo in photos]
    return Capture(
        source=source,
        kind="photos",
        size_hw=size_hw,
        shared_camera=is_one_camera([h.camera for h in headers], [h.focal_px for h in headers]),
        frames=tuple(frames),
    )


def ordered_names(stems: Sequence[str]) -> list[str]:
    """Names for photos whose plain sort order is the given (natural) order; the stems themselves where that works.

    Other tools separate names by spaces, so anything but letters, digits, `-`, `.` and `_` becomes `_`.

    >>> ordered_names(["img 2", "img 10"])
    ['img_02', 'img_10']
    """
    plain = [re.sub(r"[^A-Za-z0-9._-]", "_", stem) for stem in stems]
    digits = max((len(run) for stem in plain for run in re.findall(r"[0-9]+", stem)), default=1)
    padded = [re.sub(r"[0-9]+", lambda run: run.group().zfill(digits), stem) for stem in plain]
    for names in (plain, padded):
        # Compared with the dot of the suffix, as files are.
        if all(a + "." < b + "." and a < b for a, b in pairwise(names)):
            return names
    return [f"{index:05d}_{stem}" for index, stem in enumerate(plain)]


# ---- one size ------------------------------------------------------------------------------------------------------


def _headers(paths: Sequence[Path]) -> list[ImageHeader]:
    """Headers of all photos; one error that names every file that is not an image."""
    headers, problems = [], []
    for path in paths:
        try:
            headers.append(read_header(path))
        except UserError as error:
            problems.append(str(error))
    if len(problems) == 1:
        raise UserError(problems[0])
    if problems:
        raise UserError(f"{len(problems)} of {len(paths)} images cannot be read: {' | '.join(problems[:5])}")
    return headers


def _to_one_size(source: Path, photos: Sequence[tuple[Path, ImageHeader]]) -> list[_Photo]:
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
        photo = _Photo(path, header, header.orientation)
        if header.size_hw != size_hw:
            photo = _Photo(path, header, majority_tag)
            if _size_hw(photo) != size_hw:  # no tag says how the camera was held
                photo = _Photo(path, header, _TRANSPOSED_TAG if header.orientation < 5 else 1)
        result.append(photo)
    n_turned = sum(photo.is_turned for photo in result)
    if n_turned:
        h, w = size_hw
        say(f"capture: {n_turned} of {len(result)} photos are turned by 90 degrees to share the {w}x{h} camera")
    return result


def _size_hw(photo: _Photo) -> tuple[int, int]:
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


# ---- pixels --------------------------------------------------------------------------------------------------------


def _write(
    photo: _Photo, image: NDArray[np.uint8], folder: Path, name: str, size_hw: tuple[int, int], *, quality: int
) -> str:
    """Copy the file where nothing changes, else write the pixels (png where there is alpha); the file name."""
    header = photo.header
    is_same = image.shape[:2] == size_hw and photo.orientation == header.orientation == 1
    if is_same and header.mode in _COPIED_MODES.get(header.format, ()):
        file_name = f"{name}.{'png' if header.format == 'PNG' else 'jpg'}"
        shutil.copyfile(photo.path, folder / file_name)
        return file_name
    file_name = f"{name}.{'png' if image.shape[2] == 4 else 'jpg'}"
    resized = image if image.shape[:2] == size_hw else resize_image(image, size_hw)
    write_image(folder / file_name, resized, quality=quality)
    return file_name


def _gray(image: NDArray[np.uint8], max_size: int) -> NDArray[np.uint8]:
    """Grey picture of the longest side given, transparent parts black. [h, w]"""
    h, w = fit_within(image.shape[:2], max_size)
    small = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA)
    gray = np.asarray(cv2.cvtColor(np.ascontiguousarray(small[..., :3]), cv2.COLOR_RGB2GRAY), np.uint8)
    return gray if image.shape[2] == 3 else (gray.astype(np.uint16) * small[..., 3] // 255).astype(np.uint8)


def _thumbnail(image: NDArray[np.uint8]) -> NDArray[np.int16]:
    return _gray(image, _THUMBNAIL_SIZE).astype(np.int16)


def _looks_same(a: NDArray[np.int16], b: NDArray[np.int16]) -> bool:
    difference = np.abs(a - b)
    return bool(difference.mean() < _SAME_MEAN and difference.max() < _SAME_MAX)
