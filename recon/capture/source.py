"""What a person gave as `capture.source`: a video, a folder of photos, or a mistake to explain."""

import os
import re
from collections import Counter
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from recon.capture.posed_folders import poses_in
from recon.capture.survey import RAW_SUFFIXES, folder_counts, left_out, list_photos, words_of, words_of_kinds
from recon.formats.image_files import HEIF_INSTALL, HEIF_SUFFIXES, IMAGE_SUFFIXES
from recon.formats.named_files import ARCHIVES
from recon.formats.video_stream import VIDEO_SUFFIXES
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file, is_folder

_TELEMETRY = (".srt", ".gpx", ".kml", ".gpmf")  # what drones and action cameras write beside a film


def source_kind(source: Path, *, subfolders: bool) -> Literal["video", "photos"]:
    """ "video" or "photos"; `UserError` with the next step for anything else."""
    if not isinstance(subfolders, bool):
        raise UserError(f"capture.subfolders={subfolders}: expected true or false.")
    if not is_file(source) and not is_folder(source):
        raise UserError(f"capture.source={source}: {_why_absent(source)}")
    if not os.access(source, os.R_OK | (os.X_OK if is_folder(source) else 0)):
        raise UserError(f"capture.source={source}: no permission to read it. Change its permissions (chmod +r).")
    if is_folder(source):
        if list_photos(source, subfolders=subfolders):
            return "photos"
        raise UserError(_why_no_photos(source))
    if source.suffix.lower() in IMAGE_SUFFIXES:
        raise UserError(
            f"capture.source={source}: is one image; expected a video or a folder of photos, with at least about "
            f"20 views from different places. Give the folder: capture.source={source.parent}"
        )
    if source.suffix.lower() in ARCHIVES:
        raise UserError(
            f"capture.source={source}: is an archive. Unpack it and give the folder of photos, or the video."
        )
    if source.suffix.lower() not in VIDEO_SUFFIXES:
        raise UserError(
            f"capture.source={source}: expected a video ({', '.join(VIDEO_SUFFIXES)}) or a folder of photos "
            f"({', '.join(IMAGE_SUFFIXES)}), found a file named {source.suffix or 'without a suffix'}. "
            "Convert it: ffmpeg -i IN out.mp4"
        )
    return "video"


def telemetry_of(film: Path) -> list[Path]:
    """Files beside a film, of its name, that tell where it was flown or walked; they are not read."""
    beside = sorted(film.parent.iterdir()) if is_file(film) else []
    return [path for path in beside if path.stem == film.stem and path.suffix.lower() in _TELEMETRY]


def _why_absent(source: Path) -> str:
    if str(source).startswith("file:/"):
        plain = unquote("/" + str(source).removeprefix("file:").lstrip("/"))
        return f"is written as an address. Give the plain path: capture.source={plain}"
    if re.match(r"[a-z]+:/", str(source)):
        return "is an address, and only files on this machine are read. Download it first."
    if re.search(r"%0?\d*d|[*?]", source.name) and is_folder(source.parent):
        return f"is a pattern of names. Give the folder: capture.source={source.parent}"
    return f"there is no such file or folder (looked in {Path.cwd()}). Check the path."


def _why_no_photos(folder: Path) -> str:
    """The most useful thing to say about a folder without images."""
    entries = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    below = folder_counts(folder)
    posed = poses_in(folder)
    if posed is not None:
        name, dataset = posed
        anew = f". To find others: capture.source={folder / below[0][0]}" if len(below) == 1 else ""
        return (
            f"capture.source={folder}: holds no photos but {name}. To use its poses: dataset={dataset} dataset.path={folder}"
            f"{anew}"
        )
    if not entries:
        return f"capture.source={folder}: the folder is empty. Put photos there ({', '.join(IMAGE_SUFFIXES)})."
    videos = [p for p in entries if p.suffix.lower() in VIDEO_SUFFIXES]
    if len(videos) > 1:
        return (
            f"capture.source={folder}: holds {len(videos)} films and no photos, and one film is read. Give it: capture.source="
            f"{videos[0]} (chapters of one recording: join them first, ffmpeg -f concat)"
        )
    if videos:
        return f"capture.source={folder}: holds a video and no photos. Give the file: capture.source={videos[0]}"
    if len(below) == 1:
        return f"capture.source={folder}: its photos lie lower. Give that folder: capture.source={folder / below[0][0]}"
    if below:
        return (
            f"capture.source={folder}: holds no photos itself, but {sum(n for _, n in below)} in sub-folders ({words_of(below)}). "
            "capture.subfolders=true reads all of them as one scene; or give one folder."
        )
    found = Counter(p.suffix.lower() or "no suffix" for p in entries if is_file(p))
    listed = ", ".join(f"{count} {suffix}" for suffix, count in found.most_common(4)) or "only folders"
    if any(suffix in RAW_SUFFIXES for suffix in found):
        return f"capture.source={folder}: holds no images but raw ones ({listed}). Develop them to jpg (darktable, RawTherapee)."
    is_heic = any(suffix in found for suffix in HEIF_SUFFIXES)
    convert = (
        f" Convert them first (heif-convert, or the phone's 'most compatible' format), or {HEIF_INSTALL}."
        if is_heic
        else ""
    )
    if any(suffix in ARCHIVES for suffix in found):
        convert += " Unpack the archive."
    left = left_out([folder])
    unread = f" Not read: {words_of_kinds(left)}." if left and not convert else ""
    return f"capture.source={folder}: holds no images ({', '.join(IMAGE_SUFFIXES)} count); found {listed}.{convert}{unread}"
