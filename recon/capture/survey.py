"""What lies in a folder of photos: which of it is read, and what is left out, counted and named."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from recon.capture.mask_files import is_mask_folder, masks_among
from recon.formats.depth_files import depth_of_photo
from recon.formats.depth_names import DEPTH_FOLDER, DEPTH_SUFFIXES, depths_among, is_depth_folder
from recon.formats.image_files import HEIF_INSTALL, HEIF_SUFFIXES, IMAGE_SUFFIXES, MIRRORED, ImageHeader
from recon.formats.images import list_images, natural_key
from recon.formats.video_stream import VIDEO_SUFFIXES
from recon.workspace.console import say, warn
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
# First bytes of pictures whose name does not say what they are, as clouds and browsers save them.
_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*")
_COPIES = (".thm",)  # small copies that cameras keep beside films; exiftool's backups end in _original
_NAMELESS = "of no suffix that pictures have"
_HOW = {
    _NAMELESS: "by their first bytes they are pictures: rename them to .jpg or what they are",
    **dict.fromkeys(HEIF_SUFFIXES, f"{HEIF_INSTALL} reads them, or convert them: heif-convert"),
    **dict.fromkeys(RAW_SUFFIXES, "raw: develop them to jpg"),
    **dict.fromkeys(_OTHER_SUFFIXES, "convert them to jpg or png"),
    **dict.fromkeys(VIDEO_SUFFIXES, "films: give one as capture.source"),
    **dict.fromkeys(_OTHER_FILMS, "films: convert one to mp4 and give it as capture.source"),
    **dict.fromkeys(_UNFINISHED, "not downloaded: fetch them whole"),
}


def list_photos(source: Path, *, subfolders: bool) -> list[Path]:
    """The photos of a folder, with `subfolders` also those of the folders in it, in natural order of their paths.

    Hidden folders and those of masks and of depth hold no photos, and what is named as the mask or the depth of a photo beside it
    is none.
    """
    folders = [source, *(photo_folders(source) if subfolders else ())]
    found = [path for folder in folders for path in _photos_in(folder)]
    return sorted(found, key=lambda path: natural_key(path.relative_to(source).as_posix()))


def _photos_in(folder: Path) -> list[Path]:
    pictures = list_images(folder)
    others = {*masks_among(pictures), *depths_among(pictures)}
    return [path for path in pictures if path not in others]


def photo_folders(source: Path) -> list[Path]:
    """The folders at any depth below `source` that hold photos, also where links lead; each once."""
    return [folder for folder in _folders_below(source) if _photos_in(folder)]


def _folders_below(source: Path) -> list[Path]:
    """All folders at any depth below `source` that may be read, but hidden ones and those of masks and of depth."""
    return _below(source, {source.resolve()})


def _below(source: Path, seen: set[Path]) -> list[Path]:
    folders = []
    for folder in sorted((p for p in source.iterdir() if is_folder(p)), key=lambda p: natural_key(p.name)):
        if folder.name.startswith(".") or is_mask_folder(folder) or is_depth_folder(folder) or folder.resolve() in seen:
            continue
        seen.add(folder.resolve())
        try:
            folders += [folder, *_below(folder, seen)]
        except OSError:
            continue
    return folders


def tell_left_out(source: Path, photos: Sequence[Path], *, subfolders: bool) -> None:
    """Warn once of pictures in the folder that are not read, by kind, and of folders with more photos."""
    left = left_out([source, *(_folders_below(source) if subfolders else ())])
    if left:
        n_all = len(photos) + sum(left.values())
        warn(f"{source}: {len(photos)} of {n_all} pictures and films are read; left out: {words_of_kinds(left)}")
    no_files = _named_but_no_files(source, subfolders=subfolders)
    if no_files:
        warn(
            f"{source}: {len(no_files)} names of pictures lead to no file (links into nowhere, pipes, folders) and are left out: "
            f"{', '.join(no_files[:3])}{', ...' if len(no_files) > 3 else ''}"
        )
    if subfolders:
        return
    unread = left_out(_folders_below(source))
    if unread:
        warn(f"{source}: files in its sub-folders that are not read either way: {words_of_kinds(unread)}")
    below = folder_counts(source)
    if below:
        n_below = sum(count for _, count in below)
        warn(
            f"{source}: {n_below} more photos lie in sub-folders and are left out ({words_of(below)}): "
            "capture.subfolders=true reads them too"
        )


def tell_depth(source: Path, photos: Sequence[Path]) -> None:
    """Say of how many photos depth lies beside them; warn of a folder of depth that belongs to none."""
    n_with = sum(depth_of_photo(photo) is not None for photo in photos)
    if n_with:
        say(f"capture: depth lies beside {n_with} of {len(photos)} photos")
        return
    for folder in (source / DEPTH_FOLDER, source.parent / DEPTH_FOLDER):
        files = sorted(folder.iterdir()) if is_folder(folder) and folder != source else []
        names = [file.name for file in files if file.suffix.lower() in DEPTH_SUFFIXES]
        if names:
            warn(
                f"{folder}: holds depth, but none of its {len(names)} files ({names[0]}, ...) belongs to a photo by its name "
                f"({photos[0].name}, ...), and no list says which does: it is not used. Name depth as its photo, or list the "
                "pairs as a TUM sequence does (associations.txt)"
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


def tell_mirrored(headers: Mapping[Path, ImageHeader]) -> None:
    """Warn once of photos that are to be shown mirrored, as front cameras write them."""
    mirrored = [path.name for path, header in headers.items() if header.orientation in MIRRORED]
    if mirrored:
        warn(
            f"{len(mirrored)} of {len(headers)} photos are mirrored by their EXIF orientation, as front cameras do, and are read "
            f"as shown ({mirrored[0]}): where writing then reads backwards, the world is mirrored too. Leave them out"
        )


def left_out(folders: Sequence[Path]) -> Counter[str]:
    """How many files of each kind of picture or film in these folders are not read."""
    kinds = (_kind_of(p) for folder in folders for p in folder.iterdir() if is_file(p))
    return Counter(kind for kind in kinds if kind in _HOW and kind not in IMAGE_SUFFIXES)


def words_of_kinds(left: Counter[str]) -> str:
    """What was left out, in words: "14 .heic (pip install pi-heif reads them); 1 .dng (raw: develop them to jpg)"."""
    return "; ".join(f"{count} {kind} ({_HOW[kind]})" for kind, count in left.most_common())


def _kind_of(file: Path) -> str:
    """The suffix that says what a file is, or that it is a picture without one; empty for hidden ones and for all else.

    Pictures that are still in a cloud count, though hidden: .IMG_12.JPG.icloud
    """
    suffix = file.suffix.lower()
    if suffix in _UNFINISHED:
        return suffix if Path(file.stem).suffix.lower() in (*_HOW, *IMAGE_SUFFIXES) else ""
    if file.name.startswith("."):
        return ""
    return suffix if suffix in _HOW or suffix in IMAGE_SUFFIXES else _NAMELESS if _is_picture(file) else ""


def _is_picture(file: Path) -> bool:
    """Whether a file of an unknown suffix starts as pictures do."""
    if file.suffix.lower() in _COPIES or file.name.endswith("_original"):
        return False
    try:
        with file.open("rb") as opened:
            start = opened.read(12)
    except OSError:
        return False
    return start.startswith(_STARTS) or (start[:4] == b"RIFF" and start[8:] == b"WEBP")


def folder_counts(source: Path) -> list[tuple[str, int]]:
    """Each folder below that holds photos, and how many."""
    return [(folder.relative_to(source).as_posix(), len(_photos_in(folder))) for folder in photo_folders(source)]


def words_of(folders: Sequence[tuple[str, int]]) -> str:
    """How many photos each folder holds, in words: "camA/ 15, camB/ 15"."""
    more = f" and {len(folders) - 8} more folders" if len(folders) > 8 else ""
    return ", ".join(f"{name}/ {count}" for name, count in folders[:8]) + more
