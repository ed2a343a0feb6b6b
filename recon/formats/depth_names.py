"""Depth images by their names: of one that lies beside its picture, and of the folders that hold nothing else."""

import re
from collections.abc import Sequence
from pathlib import Path

from recon.workspace.reading import is_file

DEPTH_FOLDER, CONFIDENCE_FOLDER = "depth", "confidence"
DEPTH_SUFFIXES = (".png", ".npy", ".exr", ".tiff", ".tif", ".depth")
_MILLIMETRE, _REPLICA = 1e-3, 1 / 6553.5
# The stem of a picture, that of its depth, metres per count: 7-Scenes and BundleFusion (NAME.color), others (NAME-rgb), Replica.
_NAMED = (
    (re.compile(r"(.*[._-])(?:color|colour|rgb)", re.IGNORECASE), r"\1depth", _MILLIMETRE),
    (re.compile(r"frame([0-9]+)"), r"depth\1", _REPLICA),
)


def depth_beside(picture: Path) -> tuple[Path, float] | None:
    """The depth image that lies beside a picture under a name of its own, and its metres per count; None without one."""
    for of_picture, of_depth, unit_m in _NAMED:
        match = of_picture.fullmatch(picture.stem)
        for suffix in DEPTH_SUFFIXES if match is not None else ():
            assert match is not None
            path = picture.with_name(match.expand(of_depth) + suffix)
            if is_file(path):
                return path, unit_m
    return None


def depths_among(pictures: Sequence[Path]) -> set[Path]:
    """Those of the pictures that are the depth of another one of them."""
    found = (depth_beside(picture) for picture in pictures)
    return {beside[0] for beside in found if beside is not None}.intersection(pictures)


def is_depth_folder(folder: Path) -> bool:
    """Whether a folder below one of photos is that of their depth, or of its confidence."""
    return folder.name in (DEPTH_FOLDER, CONFIDENCE_FOLDER)
