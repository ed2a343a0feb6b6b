"""A folder of photos to working-size images: all are kept, except those that show what another already shows."""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recon.capture.cameras import PhotoFile, group_by_camera
from recon.capture.duplicates import Seen, looks_same, shrunk_gray
from recon.capture.mask_files import masks_of_photos
from recon.capture.masks import opaque, save_mask, write_masks
from recon.capture.notes import exposure_of
from recon.capture.posed_folders import poses_beside
from recon.capture.records import Output
from recon.capture.sharpness import measure_sharpness
from recon.capture.survey import list_photos, tell_depth, tell_left_out, tell_mirrored, tell_more_inside
from recon.formats.deep_pixels import Levels, common_levels
from recon.formats.exif_gps import read_gps
from recon.formats.frames_json import Capture, FrameRecord
from recon.formats.image_files import ImageHeader, read_header
from recon.formats.images import is_transparent, read_image, resize_image, turned, write_image
from recon.formats.masks import read_mask, shrink_mask
from recon.workspace.console import progress, say, warn
from recon.workspace.errors import UserError

_SCORE_SIZE = 640  # sharpness is measured at this longest side, as in videos
# Pillow's mode and whether alpha is kept: files whose bytes are what would be written.
_COPIED_MODES = {
    "JPEG": (("RGB", False), ("L", False)),
    "PNG": (("RGB", False), ("L", False), ("RGBA", True)),
}
_INVERSE = {6: 8, 8: 6}  # EXIF orientations whose undoing is another one


def capture_photos(source: Path, folder: Path, output: Output, *, subfolders: bool, alpha: str) -> Capture:
    """Write the photos of `source`, and their masks, into `folder` at working size and say what became of each.

    Args:
        subfolders: also take photos of the folders below `source`.
        alpha: what transparent pixels mean: "mask", that they do not count; "empty", that nothing was there.
    """
    max_size = output.max_size
    paths = list_photos(source, subfolders=subfolders)
    tell_left_out(source, paths, subfolders=subfolders)
    tell_depth(source, paths)
    _tell_poses(source)
    headers, problems = _headers(paths)
    tell_more_inside(headers)
    tell_mirrored(headers)
    grouped, cameras = group_by_camera(list(headers.items()))
    photos, levels = {photo.path: photo for photo in grouped}, common_levels(list(headers))
    named = [path.relative_to(source) for path in paths]
    names = ordered_names([path.with_suffix("").as_posix() for path in named])
    seen: list[Seen] = []
    frames = []
    with progress("reading photos", len(paths)) as bar:
        for index in _largest_first(paths, headers):
            path, name = paths[index], names[index]
            record = _dropped(name, index, named[index], "damaged")
            camera = cameras[photos[path].camera] if path in photos else None
            size_hw = (0, 0) if camera is None else camera.working_hw(max_size)
            image = _read(photos[path], levels, size_hw, problems) if camera is not None else None
            if image is not None and is_transparent(image):
                record = replace(record, reason="transparent")
            elif image is not None and camera is not None:
                record = _taken(record, photos[path], camera.working_focal_px(max_size), image, seen)
                if record.kept:
                    if alpha == "mask" and image.shape[2] == 4:
                        image = _alpha_to_mask(image, folder, name, size_hw)
                    record = replace(
                        record, image=_write(photos[path], image, folder, name, size_hw, output.jpeg_quality)
                    )
            frames.append(record)
            bar.advance()
    frames.sort(key=lambda frame: frame.source_index)
    if problems:
        _say_damaged(source, problems, len(paths))
    files = masks_of_photos(source, paths)
    by_name = {path.relative_to(source).as_posix(): photo for path, photo in photos.items()}
    read_fn = partial(_given_mask, files, by_name) if files else None
    return Capture(
        source=source,
        kind="photos",
        size_hw=cameras[0].working_hw(max_size),
        shared_camera=len(cameras) == 1,
        frames=tuple(write_masks(frames, folder, read_fn=read_fn, mask_fn=output.mask_fn)),
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


def _tell_poses(source: Path) -> None:
    """Say where poses of the photos lie: they are found anew, and somebody may have meant those."""
    posed = poses_beside(source)
    if posed is not None:
        say(f"capture: poses are found anew; those that came with the photos are read by {posed}")


# ---- one photo -----------------------------------------------------------------------------------------------------


def _headers(paths: Sequence[Path]) -> tuple[dict[Path, ImageHeader], list[str]]:
    """Headers of the photos that have one, and what is wrong with the others; `UserError` when all are damaged."""
    headers, problems = {}, []
    for path in paths:
        try:
            headers[path] = read_header(path)
        except UserError as error:
            problems.append(str(error))
    if not headers:
        raise UserError(f"{len(problems)} of {len(paths)} images cannot be read: {' | '.join(problems[:5])}")
    return headers, problems


def _largest_first(paths: Sequence[Path], headers: Mapping[Path, ImageHeader]) -> list[int]:
    """Places of the photos [n] by falling size, else as they come: of a photo and its small copy the photo is kept."""
    sides = [max(headers[path].size_hw) if path in headers else 0 for path in paths]
    return sorted(range(len(paths)), key=lambda index: -sides[index])


def _read(
    photo: PhotoFile, levels: Levels | None, size_hw: tuple[int, int], problems: list[str]
) -> NDArray[np.uint8] | None:
    """Its pixels, of the size given at least; None, with the reason in `problems`, where they are damaged."""
    try:
        return read_image(photo.path, orientation=photo.orientation, levels=levels, at_least_hw=size_hw)
    except UserError as error:
        problems.append(str(error))
        return None


def _say_damaged(source: Path, problems: Sequence[str], n_photos: int) -> None:
    more = f" | and {len(problems) - 5} more" if len(problems) > 5 else ""
    warn(f"{source}: {len(problems)} of {n_photos} photos are left out: {' | '.join(problems[:5])}{more}")


def _dropped(name: str, index: int, path: Path, reason: str) -> FrameRecord:
    return FrameRecord(
        name=name,
        image=None,
        source_index=index,
        source_name=path.as_posix(),
        time_s=None,
        sharpness=0.0,
        kept=False,
        reason=reason,
        exposure=0.0,
    )


def _taken(
    record: FrameRecord,
    photo: PhotoFile,
    focal_px: float | None,
    image: NDArray[np.uint8],
    seen: list[Seen],
) -> FrameRecord:
    """The record of a photo that was read: kept unless it shows what one of `seen` shows; else it joins them."""
    own, gray = Seen.of(image, max(photo.size_hw)), shrunk_gray(image, _SCORE_SIZE)
    is_duplicate = any(looks_same(own, other) for other in seen)
    if not is_duplicate:
        seen.append(own)
    return replace(
        record,
        sharpness=round(measure_sharpness(gray), 4),
        exposure=round(exposure_of(gray), 4),
        kept=not is_duplicate,
        reason="duplicate" if is_duplicate else None,
        camera=photo.camera,
        exif_focal_px=focal_px and round(focal_px, 3),
        exif_orientation=photo.header.orientation,
        rotated_by_orientation=photo.orientation if photo.is_turned else None,
        gps=read_gps(photo.path),
    )


def _alpha_to_mask(image: NDArray[np.uint8], folder: Path, name: str, size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Write the alpha of a picture [h, w, 4] as its mask, where it hides anything; the colours [h, w, 3]."""
    counts = opaque(image[..., 3])
    if not counts.all():
        save_mask(folder, name, shrink_mask(counts, size_hw))
    return np.ascontiguousarray(image[..., :3])


def _given_mask(
    files: Mapping[str, Path], photos: Mapping[str, PhotoFile], frame: FrameRecord
) -> NDArray[np.bool_] | None:
    """The mask file of a photo, turned as the photo is."""
    assert frame.source_name is not None
    if frame.source_name not in files:
        return None
    seen, photo = read_mask(files[frame.source_name]), photos[frame.source_name]
    stored = turned(seen, _INVERSE.get(photo.header.orientation, photo.header.orientation))
    return turned(stored, photo.orientation)


# ---- pixels --------------------------------------------------------------------------------------------------------


def _write(
    photo: PhotoFile, image: NDArray[np.uint8], folder: Path, name: str, size_hw: tuple[int, int], quality: int
) -> str:
    """Copy the file where nothing changes, else write the pixels (png where there is alpha); the file name.

    photo: the file; image: its pixels, upright. folder, name: where to, without suffix. size_hw: working size. quality: of a jpg.
    """
    header = photo.header
    is_same = image.shape[:2] == size_hw and photo.orientation == header.orientation == 1
    has_alpha = image.shape[2] == 4
    if is_same and (header.mode, has_alpha) in _COPIED_MODES.get(header.format, ()):
        file_name = f"{name}.{'png' if header.format == 'PNG' else 'jpg'}"
        shutil.copyfile(photo.path, folder / file_name)
        return file_name
    file_name = f"{name}.{'png' if has_alpha else 'jpg'}"
    resized = image if image.shape[:2] == size_hw else resize_image(image, size_hw)
    write_image(folder / file_name, resized, quality=quality)
    return file_name
