"""Which pairs of frames are matched, and matching them: the cost of structure from motion is decided here."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path

import numpy as np
import pycolmap
from numpy.typing import NDArray

from recon import kernels
from recon.formats.frame_set import FrameSet
from recon.kernels.descriptors import SIZE, mutual_nearest
from recon.poses.sfm.database import verified
from recon.poses.sfm.retrieval import global_descriptors, similar_pairs
from recon.poses.sfm.rig import rig_pairs
from recon.poses.sfm.settings import MatchSettings
from recon.workspace.console import progress

Pair = tuple[int, int]  # places in the order of capture, i < j
_CHUNK = 64  # pairs a call, for the progress bar, and so that the descriptors of few pictures are held
_UNIT = 512  # length of a descriptor
# Of a RANSAC, at least; COLMAP makes more until it is sure. Its own 100 take 1.7 times as long for as many verified matches.
_TRIALS = 30


def way_of(frames: FrameSet, settings: MatchSettings) -> str:
    """ "sequential", "exhaustive" or "retrieval": as set, else by the kind and number of frames."""
    if settings.pairs != "auto":
        return settings.pairs
    if frames.kind == "video":
        return "sequential"
    n = len(frames.frames) if frames.rig is None else len(frames.moments())
    return "exhaustive" if n <= settings.exhaustive_up_to else "retrieval"


def choose_pairs(database: Path, frames: FrameSet, settings: MatchSettings, *, seed: int) -> list[Pair]:
    """The pairs to match.

    sequential: along time (`overlap` frames ahead) and where the camera returns to a place (the `loop_neighbours` most
    similar frames further away); exhaustive: all; retrieval: each with its `retrieval_neighbours` most similar ones. Of
    a rig, moments count, and similar directions are matched.
    """
    way = way_of(frames, settings)
    if frames.rig is not None:
        neighbours = settings.loop_neighbours if way == "sequential" else settings.retrieval_neighbours
        return rig_pairs(database, frames, kind=way, overlap=settings.overlap, neighbours=neighbours, seed=seed)
    n = len(frames.frames)
    if way == "exhaustive":
        return list(combinations(range(n), 2))
    descriptors = global_descriptors(database, frames.images, seed=seed)
    if way == "retrieval":
        return similar_pairs(descriptors, neighbours=settings.retrieval_neighbours, min_gap=1)
    loops = similar_pairs(descriptors, neighbours=settings.loop_neighbours, min_gap=settings.overlap + 1)
    return sorted({*sequential_pairs(n, settings.overlap), *loops})


def sequential_pairs(n: int, overlap: int) -> list[Pair]:
    """Each frame with the `overlap` next ones."""
    return [(i, j) for i in range(n) for j in range(i + 1, min(n, i + overlap + 1))]


def match(
    database: Path,
    frames: FrameSet,
    pairs: Sequence[Pair],
    *,
    folder: Path,
    threads: int | None,
    max_ratio: float = 0.8,
) -> None:
    """Match descriptors and verify each pair geometrically; pairs that the database has already cost nothing.

    Where the native kernels are not built, COLMAP's own index finds nearly the same matches in three to six times the time.

    Args:
        database: with the features of the frames.
        pairs: to match.
        folder: takes a scratch file; threads: None: all cores.
        max_ratio: of the best distance to the second best.
    """
    matching = pycolmap.FeatureMatchingOptions()
    matching.use_gpu = False
    matching.num_threads = threads or -1
    matching.sift.max_ratio = max_ratio
    verification = pycolmap.TwoViewGeometryOptions()
    verification.ransac.random_seed = 0
    verification.ransac.min_num_trials = _TRIALS
    images = frames.images
    listing = folder / "pairs.txt"
    with progress("matching", len(pairs)) as bar:
        for start in range(0, len(pairs), _CHUNK):
            chunk = pairs[start : start + _CHUNK]
            if kernels.is_there("native"):
                _match_by_looks(database, [(images[i], images[j]) for i, j in chunk], matching)
            listing.write_text("\n".join(f"{images[i]} {images[j]}" for i, j in chunk))
            pairing = pycolmap.ImportedPairingOptions()
            pairing.match_list_path = str(listing)
            pycolmap.match_image_pairs(
                database, matching, pairing, verification_options=verification, device=pycolmap.Device.cpu
            )
            bar.advance(len(chunk))
    listing.unlink(missing_ok=True)


def _match_by_looks(database: Path, pairs: Sequence[tuple[str, str]], options: pycolmap.FeatureMatchingOptions) -> None:
    """Write the matches of pairs of images, unless they are there; COLMAP then only verifies them."""
    with pycolmap.Database.open(database) as opened:
        ids = {image.name: image.image_id for image in opened.read_all_images()}
        new = [(ids[a], ids[b]) for a, b in pairs if not opened.exists_matches(ids[a], ids[b])]
        looks = {image: _descriptors(opened, image) for image in {image for pair in new for image in pair}}

        def matched(pair: Pair) -> NDArray[np.uint32]:
            limits = {"max_ratio": options.sift.max_ratio, "max_distance": options.sift.max_distance * _UNIT}
            return mutual_nearest(looks[pair[0]], looks[pair[1]], **limits)

        n_threads = options.num_threads if options.num_threads > 0 else os.cpu_count()
        with ThreadPoolExecutor(n_threads) as pool:
            for (a, b), found in zip(new, pool.map(matched, new), strict=True):
                opened.write_matches(a, b, found)


def _descriptors(opened: pycolmap.Database, image_id: int) -> NDArray[np.uint8]:
    return np.asarray(opened.read_descriptors(image_id).data, np.uint8).reshape(-1, SIZE)


def weakest_link(database: Path, *, share: float) -> int:
    """The largest number of verified matches such that pairs with at least as many hold `share` of the images together.

    0 where no number does. It is the smallest edge that a maximum spanning tree needs to reach that share.
    """
    with pycolmap.Database.open(database) as opened:
        images = [image.image_id for image in opened.read_all_images()]
        edges = [(len(geometry.inlier_matches), *pair) for pair, geometry in verified(opened)]
    group = {image: {image} for image in images}
    for weight, a, b in sorted(edges, reverse=True):
        if weight > 0 and group[a] is not group[b]:
            joined = group[a] | group[b]
            group.update(dict.fromkeys(joined, joined))
            if len(joined) >= share * len(images):
                return weight
    return 0
