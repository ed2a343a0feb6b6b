"""What lies in a folder of photos: which of it is read, and what is left out, counted and named."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from recon.capture.mask_files import is_mask_folder, masks_among
from recon.formats.image_files import HEIF_INSTALL, HEIF_SUFFIXES, IMAGE_SUFFIXES, ImageHeader
from recon.formats.images import list_images, natural_key
from recon.formats.video_stream import VIDEO_SUFFIXES
from recon.workspace.console import warn
from recon.workspace.reading import is_file, is_folder

RAW_SUFFIXES = (".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw", ".raw", ".gpr")
_OTHER_SUFFIXES = (
    ".avif",
    ".jxl",
    ".bmp",
    ".gif",
    ".ppm",
    ".pgm",
    ".tga",
    ".exr",
    ".hdr",
    ".psd",
    ".jp2",
    ".insp",
    ".jxr",
    ".pnm",
    ".jps",
)
_OTHER_FILMS = (".wmv", ".flv", ".insv", ".360", ".mxf", ".ogv", ".vob")
_UNFINISHED = (".icloud", ".crdownload", ".part", ".partial", ".download")
_HOW = {
    **dict.fromkeys(HEIF_SUFFIXES, f"{HEIF_INSTALL} reads them, or convert them: heif-convert"),
    **dict.fromkeys(RAW_SUFFIXES, "raw: develop them to jpg"),
    **dict.fromkeys(_OTHER_SUFFIXES, "convert them to jpg or png"),
    **dict.fromkeys(VIDEO_SUFFIXES, "films: give one as capture.source"),
    **dict.fromkeys(_OTHER_FILMS, "films: convert one to mp4 and give it as capture.source"),
    **dict.fromkeys(_UNFINISHED, "not downloaded: fetch them whole"),
}


def list_photos(source: Path, *, subfolders: bool) -> list[Path]:
    """The photos of a folder, with `subfolders` also those of the folders in it, in natural order of their paths.

    Hidden folders and the folder of masks hold no photos, and what is named as the mask of a photo beside it is none.
    """
    folders = [source, *(photo_folders(source) if subfolders else ())]
    found = [path for folder in folders for path in _photos_in(folder)]
    return sorted(found, key=lambda path: natural_key(path.relative_to(source).as_posix()))


def _photos_in(folder: Path) -> list[Path]:
    pictures = list_images(folder)
    masks = masks_among(pictures)
    return [path for path in pictures if path not in masks]


def photo_folders(source: Path) -> list[Path]:
    """The folders at any depth below `source` that hold photos, also where links lead; each once."""
    return _below(source, {source.resolve()})


def _below(source: Path, seen: set[Path]) -> list[Path]:
    folders = []
    for folder in sorted((p for p in source.iterdir() if is_folder(p)), key=lambda p: natural_key(p.name)):
        if folder.name.startswith(".") or is_mask_folder(folder) or folder.resolve() in seen:
            continue
        seen.add(folder.resolve())
        try:
            folders += [folder] if _photos_in(folder) else []
            folders += _below(folder, seen)
        except OSError:
            continue
    return folders


def tell_left_out(source: Path, photos: Sequence[Path], *, subfolders: bool) -> None:
    """Warn once of pictures in the folder that are not read, by kind, and of folders with more photos."""
    left = left_out(source, subfolders=subfolders)
    n_left = sum(left.values())
    parts = [f"{count} {suffix} ({_HOW[suffix]})" for suffix, count in left.most_common()]
    if parts:
        warn(
            f"{source}: {len(photos)} of {len(photos) + n_left} pictures and films are read; left out: {'; '.join(parts)}"
        )
    no_files = _named_but_no_files(source, subfolders=subfolders)
    if no_files:
        warn(
            f"{source}: {len(no_files)} names of pictures lead to no file (links into nowhere, pipes, folders) and are left out: "
            f"{', '.join(no_files[:3])}{', ...' if len(no_files) > 3 else ''}"
        )
    below = [] if subfolders else folder_counts(source)
    if below:
        n_below = sum(count for _, count in below)
        warn(
            f"{source}: {n_below} more photos lie in sub-folders and are left out ({words_of(below)}): "
            "capture.subfolders=true reads them too"
        )


def _named_but_no_files(source: Path, *, subfolders: bool) -> list[str]:
    """Names of pictures behind which no regular file is."""
    folders = [source, *(photo_folders(source) if subfolders else ())]
    named = (p for folder in folders for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    return sorted(p.name for p in named if not p.name.startswith(".") and not is_file(p))


def tell_more_inside(headers: Mapping[Path, ImageHeader]) -> None:
    """Warn once of files that hold more pictures than the one that is read."""
    several = {path: header.n_pictures for path, header in headers.items() if header.n_pictures > 1}
    if several:
        path, count = next(iter(several.items()))
        warn(
            f"{len(several)} of {len(headers)} files hold several pictures ({path.name}: {count}): the first of each is read. "
            "Save the others as files of their own to use them too"
        )


def left_out(source: Path, *, subfolders: bool) -> Counter[str]:
    """How many files of each kind of picture or film are not read."""
    folders = [source, *(photo_folders(source) if subfolders else ())]
    files = (p for folder in folders for p in folder.iterdir() if is_file(p))
    suffixes = (_kind_of(p) for p in files)
    return Counter(suffix for suffix in suffixes if suffix in _HOW and suffix not in IMAGE_SUFFIXES)


def _kind_of(file: Path) -> str:
    """The suffix that says what a file is; empty for hidden ones, but for pictures that are still in a cloud: .IMG_12.JPG.icloud"""
    suffix = file.suffix.lower()
    is_unfinished = suffix in _UNFINISHED and Path(file.stem).suffix.lower() in (*_HOW, *IMAGE_SUFFIXES)
    return suffix if is_unfinished or (suffix not in _UNFINISHED and not file.name.startswith(".")) else ""


def folder_counts(source: Path) -> list[tuple[str, int]]:
    """Each folder below that holds photos, and how many."""
    return [(folder.relative_to(source).as_posix(), len(_photos_in(folder))) for folder in photo_folders(source)]


def words_of(folders: Sequence[tuple[str, int]]) -> str:
    """How many photos each folder holds, in words: "camA/ 15, camB/ 15"."""
    more = f" and {len(folders) - 8} more folders" if len(folders) > 8 else ""
    return ", ".join(f"{name}/ {count}" for name, count in folders[:8]) + more
