"""Which pairs of frames are matched, and matching them: the cost of structure from motion is decided here."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pycolmap

from recon.console import progress
from recon.poses.frames import FrameSet
from recon.poses.retrieval import global_descriptors, similar_pairs
from recon.poses.rig import rig_pairs

Pair = tuple[int, int]  # places in the order of capture, i < j
_CHUNK = 64  # pairs a call, for the progress bar


def choose_pairs(
    database: Path,
    frames: FrameSet,
    *,
    pairs: str,
    overlap: int,
    loop_neighbours: int,
    exhaustive_up_to: int,
    retrieval_neighbours: int,
    seed: int,
) -> tuple[str, list[Pair]]:
    """The way pairs were chosen and the pairs.

    `auto`: a video is matched along time (`overlap` frames ahead) and where it returns to a place (`loop_neighbours`
    most similar frames further away); photos are matched all with all up to `exhaustive_up_to` of them, beyond that
    each with its `retrieval_neighbours` most similar ones. Of a rig, moments count, and similar directions are matched.
    """
    n = len(frames.frames) if frames.rig is None else len(frames.moments())
    kind = pairs
    if pairs == "auto":
        by_kind = "exhaustive" if n <= exhaustive_up_to else "retrieval"
        kind = "sequential" if frames.kind == "video" else by_kind
    if frames.rig is not None:
        neighbours = loop_neighbours if kind == "sequential" else retrieval_neighbours
        return kind, rig_pairs(database, frames, kind=kind, overlap=overlap, neighbours=neighbours, seed=seed)
    if kind == "exhaustive":
        return kind, list(combinations(range(n), 2))
    descriptors = global_descriptors(database, frames.images, seed=seed)
    if kind == "retrieval":
        return kind, similar_pairs(descriptors, neighbours=retrieval_neighbours, min_gap=1)
    loops = similar_pairs(descriptors, neighbours=loop_neighbours, min_gap=overlap + 1)
    return kind, sorted({*sequential_pairs(n, overlap), *loops})


def sequential_pairs(n: int, overlap: int) -> list[Pair]:
    """Each frame with the `overlap` next ones."""
    return [(i, j) for i in range(n) for j in range(i + 1, min(n, i + overlap + 1))]


def match(database: Path, frames: FrameSet, pairs: Sequence[Pair], *, folder: Path, threads: int | None) -> None:
    """Match descriptors and verify each pair geometrically; results go to the database, scratch files to `folder`."""
    matching = pycolmap.FeatureMatchingOptions()
    matching.use_gpu = False
    matching.num_threads = threads or -1
    verification = pycolmap.TwoViewGeometryOptions()
    verification.ransac.random_seed = 0
    images = frames.images
    listing = folder / "pairs.txt"
    with progress("matching", len(pairs)) as bar:
        for start in range(0, len(pairs), _CHUNK):
            chunk = pairs[start : start + _CHUNK]
            listing.write_text("\n".join(f"{images[i]} {images[j]}" for i, j in chunk))
            pairing = pycolmap.ImportedPairingOptions()
            pairing.match_list_path = str(listing)
            pycolmap.match_image_pairs(
                database, matching, pairing, verification_options=verification, device=pycolmap.Device.cpu
            )
            bar.advance(len(chunk))
    listing.unlink(missing_ok=True)
