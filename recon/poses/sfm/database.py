"""COLMAP's database of features and matches, read as our nouns."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycolmap
from numpy.typing import NDArray

Pair = tuple[int, int]  # ids of two images


@dataclass(frozen=True)
class VerifiedPair:
    """Two images and what matching found between them."""

    images: Pair
    matches: int  # by looks alone
    inliers: NDArray[np.int64]  # [m, 2] features of the first and of the second that one two-view geometry explains
    configuration: int  # COLMAP's number for the kind of that geometry


@dataclass(frozen=True)
class Matches:
    """What a database holds."""

    names: dict[int, str]  # of images, by id
    pixels: dict[int, NDArray[np.float64]]  # [n, 2] features of each image
    pairs: tuple[VerifiedPair, ...]


def read_matches(database: Path) -> Matches:
    """Everything that was found in pictures and between them."""
    with pycolmap.Database.open(database) as opened:
        names = {image.image_id: image.name for image in opened.read_all_images()}
        pixels = {image: opened.read_keypoints(image)[:, :2].astype(np.float64) for image in names}
        raw = {pair_id: len(matches) for pair_id, matches in zip(*opened.read_all_matches(), strict=True)}
        geometries = list(zip(*opened.read_two_view_geometries(), strict=True))
    pairs = tuple(
        VerifiedPair(
            pycolmap.pair_id_to_image_pair(pair_id),
            raw.get(pair_id, 0),
            np.asarray(geometry.inlier_matches, np.int64).reshape(-1, 2),
            int(geometry.config),
        )
        for pair_id, geometry in geometries
    )
    return Matches(names, pixels, pairs)


def verified(opened: pycolmap.Database) -> Iterator[tuple[Pair, pycolmap.TwoViewGeometry]]:
    """The pairs of images of an open database that were verified, and their two-view geometries."""
    for pair_id, geometry in zip(*opened.read_two_view_geometries(), strict=True):
        yield pycolmap.pair_id_to_image_pair(pair_id), geometry
