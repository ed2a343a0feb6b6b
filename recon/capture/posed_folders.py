"""Folders whose pictures come with poses: reading the pictures alone would throw the poses away, so they are named."""

from pathlib import Path

from recon.workspace.reading import is_file, is_folder

# What lies in such a folder, and the `dataset` that reads it.
_FILES = {
    "transforms.json": "transforms",
    "transforms_train.json": "blender",
    "groundtruth.txt": "tum",
    "metadata": "record3d",
    "metadata.json": "record3d",
}
_FOLDERS = {"keyframes/corrected_cameras": "polycam", "keyframes/cameras": "polycam"}
_RECORD3D = ("rgbd", "rgb")  # metadata is a common name: it is Record3D's beside one of these


def poses_in(folder: Path) -> tuple[str, str] | None:
    """What holds the poses in a folder of a data set, and the name of the `dataset` that reads it; None without any."""
    for name, dataset in _FILES.items():
        if is_file(folder / name) and (dataset != "record3d" or any(is_folder(folder / n) for n in _RECORD3D)):
            return name, dataset
    for name, dataset in _FOLDERS.items():
        if is_folder(folder / name):
            return name, dataset
    if next(folder.glob("frame-*.pose.txt"), None) or next(folder.glob("seq-*/frame-*.pose.txt"), None):
        return "*.pose.txt", "seven_scenes"
    return None


def poses_beside(photos: Path) -> str | None:
    """For a folder of photos: the settings that read poses of theirs, in it or in the folders above it."""
    for folder in (photos, photos.parent, photos.parent.parent):
        found = poses_in(folder) if is_folder(folder) else None
        if found is not None:
            name, dataset = found
            return f"dataset={dataset} dataset.path={folder} ({name})"
    return None
