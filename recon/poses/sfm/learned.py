"""Learned features in a COLMAP database: points of every frame, matches of chosen pairs, each pair verified; no descriptors.

COLMAP maps what it finds there as it does SIFT. Its own learned features are never asked for: a wheel without their
runtime ends the whole process.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pycolmap
import torch
from numpy.typing import NDArray
from torch import Tensor

from recon.formats.frame_set import FrameImage, FrameSet
from recon.poses.sfm.features import FeatureSettings, register
from recon.poses.sfm.pairs import Pair
from recon.poses.sfm.quality import MAX_ERROR
from recon.poses.sfm.xfeat import LearnedFeatures
from recon.workspace.console import progress

Detector = Callable[[Path, FrameImage, FeatureSettings], LearnedFeatures]

# Of two descriptors of one thing. The 0.82 of XFeat's authors lets 580 matches of unrelated dark pictures through, 0.9 lets 140,
# and of 1350 true and false ones of neighbours 700; the share of true ones rises.
_LEAST_COSINE = 0.9
# Learned points are found less exactly than SIFT's: a motion explains matches up to this many times what a pose may be off.
_TOLERANCE = 2.0


def extract_and_match(
    database: Path,
    folder: Path,
    frames: FrameSet,
    pairs: Sequence[Pair],
    settings: FeatureSettings,
    *,
    detect_fn: Detector,
    threads: int | None,
) -> None:
    """Make `database`: the features of every frame in `folder`, and the matches of `pairs` that one motion explains.

    Args:
        pairs: places in the order of `frames`.
        settings: how many features at which size; detect_fn: finds them in one frame.
        threads: of the verification; None: all cores.
    """
    register(database, folder, frames)
    with pycolmap.Database.open(database) as opened:
        by_name = {image.name: image.image_id for image in opened.read_all_images()}
        ids = [by_name[image] for image in frames.images]
        descriptors = []
        with progress("learned features", len(ids)) as bar:
            for image_id, frame in zip(ids, frames.frames, strict=True):
                found = detect_fn(folder, frame, settings)
                opened.write_keypoints(image_id, found.points)
                descriptors.append(found.descriptors)
                bar.advance()
        with progress("matching", len(pairs)) as bar:
            for i, j in pairs:
                opened.write_matches(ids[i], ids[j], mutual_nearest(descriptors[i], descriptors[j]))
                bar.advance()
    _verify(database, frames, threads)


def mutual_nearest(
    first: Tensor,  # [n, d] unit vectors
    second: Tensor,  # [m, d] unit vectors
    least_cosine: float = _LEAST_COSINE,
) -> NDArray[np.uint32]:
    """Places [k, 2] in `first` and `second` of the descriptors that are each other's nearest, and alike enough."""
    if len(first) == 0 or len(second) == 0:
        return np.zeros((0, 2), np.uint32)
    cosines = first.float() @ second.float().T
    best, nearest = cosines.max(1)
    is_mutual = cosines.argmax(0)[nearest] == torch.arange(len(first))
    places = torch.nonzero(is_mutual & (best >= least_cosine))[:, 0]
    return torch.stack([places, nearest[places]], 1).numpy().astype(np.uint32)


def _verify(database: Path, frames: FrameSet, threads: int | None) -> None:
    """Keep of each pair's matches those that one motion of the camera explains."""
    options = pycolmap.TwoViewGeometryOptions()
    options.ransac.random_seed = 0
    options.ransac.max_error = _TOLERANCE * MAX_ERROR * max(max(frame.size_hw) for frame in frames.frames)
    verifier = pycolmap.GeometricVerifierOptions()
    verifier.num_threads = threads or -1
    with progress("verifying", None):
        pycolmap.geometric_verification(database, verifier, two_view_geometry_options=options)
