"""SIFT features of every frame, written to a COLMAP database."""

from collections.abc import Sequence
from pathlib import Path

import pycolmap

from recon.console import progress
from recon.poses.frames import FrameImage, FrameSet

# SIMPLE_RADIAL maps most stably while little is known; the winner is refined to what the pictures support (mapping).
MAPPING_CAMERA = "SIMPLE_RADIAL"
_CHUNK = 8  # images a call: fine enough for a progress bar, coarse enough to keep all threads busy


def extract(
    database: Path,
    folder: Path,
    frames: FrameSet,
    *,
    max_features: int,
    image_size: int | None,
    threads: int | None,
) -> None:
    """Find up to `max_features` features a frame, in a copy of at most `image_size` pixels on its longer side."""
    options = pycolmap.FeatureExtractionOptions()
    options.type = pycolmap.FeatureExtractorType.SIFT  # learned extractors end the process where ONNX is missing
    options.use_gpu = False
    options.num_threads = threads or -1
    options.max_image_size = image_size or max(max(frame.size_hw) for frame in frames.frames)
    options.sift.max_num_features = max_features
    with progress("features", len(frames.frames)) as bar:
        for group in frames.camera_groups():
            reader = _reader(group[0], folder)
            for start in range(0, len(group), _CHUNK):
                chunk = group[start : start + _CHUNK]
                _extract_chunk(database, folder, chunk, reader, options)
                if start == 0 and len(group) > _CHUNK:
                    reader.existing_camera_id = stored_image(database, chunk[0].image).camera_id
                bar.advance(len(chunk))


def _extract_chunk(
    database: Path,
    folder: Path,
    chunk: Sequence[FrameImage],
    reader: pycolmap.ImageReaderOptions,
    options: pycolmap.FeatureExtractionOptions,
) -> None:
    pycolmap.extract_features(
        database,
        folder,
        image_names=[frame.image for frame in chunk],
        camera_mode=pycolmap.CameraMode.SINGLE,
        reader_options=reader,
        extraction_options=options,
        device=pycolmap.Device.cpu,
    )


def _reader(frame: FrameImage, folder: Path) -> pycolmap.ImageReaderOptions:
    """How the group's camera starts: at its prior focal length, else COLMAP's 1.2 times the longer side."""
    reader = pycolmap.ImageReaderOptions()
    reader.camera_model = MAPPING_CAMERA
    if frame.mask is not None:
        reader.mask_path = folder / Path(frame.mask).parent  # where COLMAP looks for <name>.png; all frames have one
    if frame.focal_px is not None:
        h, w = frame.size_hw
        reader.camera_params = f"{frame.focal_px},{w / 2},{h / 2},0"
    return reader


def stored_image(database: Path, image: str) -> pycolmap.Image:
    """The database's record of an image that `extract` wrote."""
    with pycolmap.Database.open(database) as opened:
        stored = opened.read_image_with_name(image)
    assert stored is not None, image
    return stored
