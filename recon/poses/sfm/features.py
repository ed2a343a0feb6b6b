"""SIFT features of every frame, written to a COLMAP database.

OpenCV's SIFT (Lowe 2004) with exact upscaling, its descriptors as RootSIFT (Arandjelović and Zisserman 2012): a quarter of the
processor time of COLMAP's own, and poses at least as accurate (docs/performance.md).
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pycolmap
from numpy.typing import NDArray

from recon.formats.frame_set import FrameImage, FrameSet
from recon.poses.sfm.families import FAMILIES
from recon.poses.sfm.rig import write_rig
from recon.poses.sfm.settings import MatchSettings
from recon.poses.sfm.silhouettes import searched_pixels
from recon.workspace.console import progress
from recon.workspace.errors import UserError

# Features a frame where the settings leave it open: few photos must say more each, many frames overlap much anyway.
_TOTAL_FEATURES, _LEAST, _MOST = 200_000, 2048, 4096
_CONTRAST = 0.02  # of the grey range, over three layers an octave: Lowe's and COLMAP's own
_FAINT = 4.0  # contrast is divided by this where a picture gives too few features: dark rooms, fog, smooth walls
_TOO_FEW = 500
_BYTES = 250  # of a feature in a database: place, shape, descriptor, and what SQLite needs beside them while it writes


@dataclass(frozen=True)
class FeatureSettings:
    """How many features, found at which size."""

    max_features: int  # a frame; the ones of highest contrast
    image_size: int | None  # pixels of the longer side of the copy that is searched; None: as the frame is
    contrast: float = _CONTRAST

    @property
    def relaxed(self) -> "FeatureSettings":
        """Twice as many, fainter ones too, at full size."""
        return FeatureSettings(2 * self.max_features, None, self.contrast / 2)


@dataclass(frozen=True)
class Features:
    """What is found in one picture."""

    keypoints: NDArray[np.float32]  # [n, 6] x, y (half-pixel convention) and the 2x2 shape a11 a12 a21 a22
    descriptors: NDArray[np.uint8]  # [n, 128] RootSIFT times 512


def feature_settings(frames: FrameSet, settings: MatchSettings) -> FeatureSettings:
    """What a person set, the number of features by that of the frames where it is left open."""
    count = int(np.clip(_TOTAL_FEATURES / len(frames.frames), _LEAST, _MOST))
    return FeatureSettings(settings.max_features or count, settings.image_size)


def extract(database: Path, folder: Path, frames: FrameSet, settings: FeatureSettings, *, threads: int | None) -> None:
    """Write the features of every frame in `folder` to `database`, which is made where it is missing; found ones stay."""
    ids = _registered(database)
    if not ids.keys() >= {frame.image for frame in frames.frames}:  # there is none, or a full disk ended it early
        database.unlink(missing_ok=True)
        _check_room(database.parent, len(frames.frames) * settings.max_features)
        register(database, folder, frames)
        ids = _registered(database)
    with pycolmap.Database.open(database) as opened:
        missing = [frame for frame in frames.frames if not opened.exists_keypoints(ids[frame.image])]
        _check_room(database.parent, len(missing) * settings.max_features)
        with progress("features", len(missing)) as bar, _one_cv_thread(), ThreadPoolExecutor(_workers(threads)) as pool:
            for frame, found in zip(
                missing, pool.map(lambda frame: detect(folder, frame, settings), missing), strict=True
            ):
                opened.write_keypoints(ids[frame.image], found.keypoints)
                sift = pycolmap.FeatureExtractorType.SIFT
                opened.write_descriptors(ids[frame.image], pycolmap.FeatureDescriptors(sift, found.descriptors))
                bar.advance()


def _check_room(folder: Path, n_features: int) -> None:
    """`UserError` where so many features do not fit on the disk: COLMAP ends the whole process where its database does not."""
    free, needed = shutil.disk_usage(folder).free, n_features * _BYTES
    if free < needed:
        raise UserError(
            f"{folder}: {free / 1e6:.1f} MB are free there, and features take up to {needed / 1e6:.1f} MB. Free the disk or choose "
            "another workspace=..., then run the same command again: finished stages are kept."
        )


def detect(folder: Path, frame: FrameImage, settings: FeatureSettings) -> Features:
    """The features of one frame, strongest first, in pixels of the frame; none where it is hidden, by a mask or by alpha."""
    pixels, mask = searched_pixels(folder, frame)
    gray = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    scale = 1.0 if settings.image_size is None else min(1.0, settings.image_size / max(gray.shape))
    if scale < 1:
        gray = np.asarray(cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        size = gray.shape[::-1]
        mask = None if mask is None else np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    points, descriptors = _sift(gray, mask, settings.max_features, settings.contrast)
    if len(points) < min(_TOO_FEW, settings.max_features):
        points, descriptors = _sift(gray, mask, settings.max_features, settings.contrast / _FAINT)
    order = np.argsort([-point.response for point in points], kind="stable")[: settings.max_features]
    return Features(_keypoints([points[i] for i in order], scale), _root_sift(descriptors[order]))


def _sift(
    gray: NDArray[np.uint8], mask: NDArray[np.uint8] | None, count: int, contrast: float
) -> tuple[Sequence[cv2.KeyPoint], NDArray[np.float32]]:
    sift = cv2.SIFT.create(nfeatures=count, contrastThreshold=contrast, enable_precise_upscale=True)
    points, descriptors = sift.detectAndCompute(gray, mask)
    return points, np.zeros((0, 128), np.float32) if descriptors is None else np.asarray(descriptors, np.float32)


def _keypoints(points: Sequence[cv2.KeyPoint], scale: float) -> NDArray[np.float32]:
    """OpenCV's centre of the top-left pixel is (0, 0), ours and COLMAP's (0.5, 0.5)."""
    places = np.array([point.pt for point in points], np.float32).reshape(-1, 2) + 0.5
    radius = np.array([point.size for point in points], np.float32) / 2
    angle = np.radians(np.array([point.angle for point in points], np.float32))
    c, s = radius * np.cos(angle), radius * np.sin(angle)
    return np.column_stack([places, c, -s, s, c]).astype(np.float32) / np.float32(scale)


def _root_sift(descriptors: NDArray[np.float32]) -> NDArray[np.uint8]:
    shares = descriptors / np.maximum(descriptors.sum(1, keepdims=True), 1e-9)
    return np.clip(np.round(512 * np.sqrt(shares)), 0, 255).astype(np.uint8)


def _registered(database: Path) -> dict[str, int]:
    """The images of a database by name; none where there is no database."""
    if not database.exists():
        return {}
    with pycolmap.Database.open(database) as opened:
        return {image.name: image.image_id for image in opened.read_all_images()}


def register(database: Path, folder: Path, frames: FrameSet) -> None:
    """Make a database of the frames in `folder`, without features: a camera for each group that shares one, and their rig."""
    pycolmap.Database.open(database).close()
    for group in frames.camera_groups():
        images = [frame.image for frame in group]
        pycolmap.import_images(database, folder, pycolmap.CameraMode.SINGLE, images, _reader(group[0]))
    if frames.rig is not None:
        write_rig(database, frames)


def _reader(frame: FrameImage) -> pycolmap.ImageReaderOptions:
    """How the group's camera starts: at its prior focal length, else COLMAP's 1.2 times the longer side."""
    reader = pycolmap.ImageReaderOptions()
    reader.camera_model = FAMILIES["perspective"].mapping
    if frame.focal_px is not None:
        h, w = frame.size_hw
        reader.camera_params = f"{frame.focal_px},{w / 2},{h / 2},0"
    return reader


def _workers(threads: int | None) -> int:
    return threads or os.cpu_count() or 1


@contextmanager
def _one_cv_thread() -> Iterator[None]:
    """Pictures side by side use the cores better than OpenCV's own threads within one."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
