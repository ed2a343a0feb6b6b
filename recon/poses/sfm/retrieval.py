"""Which frames look alike: one global descriptor per frame from the capture's own SIFT features.

No downloaded vocabulary: k-means over the capture's descriptors gives the words, and VLAD (Jégou et al. 2010, with the
intra-normalisation of Arandjelović and Zisserman 2013) sums each frame's residuals to them. Unit vectors; their inner
product is the similarity.
"""

import warnings
from pathlib import Path

import numpy as np
import pycolmap
from numpy.typing import NDArray

Floats = NDArray[np.float32]

N_WORDS = 64
_FEATURES_PER_FRAME = 1000  # the coarsest, which survive a change of viewpoint best
_TRAINING_FEATURES = 40_000


def global_descriptors(database: Path, images: list[str], *, seed: int) -> Floats:
    """VLAD of each image [n, N_WORDS * 128], unit length (zero for an image without features)."""
    with pycolmap.Database.open(database) as opened:
        ids = {image.name: image.image_id for image in opened.read_all_images()}
        features = [_coarsest(opened, ids[image]) for image in images]
    rng = np.random.default_rng(seed)
    pool = np.concatenate(features)
    if len(pool) < N_WORDS:
        return np.zeros((len(images), N_WORDS * 128), np.float32)
    pool = pool[rng.choice(len(pool), min(len(pool), _TRAINING_FEATURES), replace=False)]
    words = k_means(pool, N_WORDS, rng)
    return np.stack([vlad(descriptors, words) for descriptors in features])


def similar_pairs(descriptors: Floats, *, neighbours: int, min_gap: int) -> list[tuple[int, int]]:
    """Each image with its `neighbours` most similar ones at least `min_gap` places away, as sorted (i, j), i < j."""
    n = len(descriptors)
    similarity = descriptors @ descriptors.T
    gap = np.abs(np.arange(n)[:, None] - np.arange(n)[None, :])
    similarity[gap < max(min_gap, 1)] = -np.inf
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :neighbours]
    return sorted({(min(i, int(j)), max(i, int(j))) for i in range(n) for j in order[i] if similarity[i, j] > 0})


def k_means(points: Floats, n_words: int, rng: np.random.Generator, *, iterations: int = 12) -> Floats:
    """Cluster centres [n_words, d] by Lloyd's iterations; a centre that loses all its points stays where it was."""
    from scipy.cluster.vq import kmeans2  # with it comes all of scipy.spatial, and few captures are matched by looks

    centres = points[rng.choice(len(points), n_words, replace=False)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="One of the clusters is empty")
        return kmeans2(points, centres, iter=iterations, minit="matrix", missing="warn")[0]


def vlad(descriptors: Floats, words: Floats) -> Floats:
    """Sum of residuals to each nearest word, each word's sum made unit, then the whole: [n_words * d]."""
    sums = np.zeros_like(words)
    if len(descriptors):
        nearest = _nearest(descriptors, words)
        np.add.at(sums, nearest, descriptors - words[nearest])
    sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    flat = sums.ravel()
    return flat / max(float(np.linalg.norm(flat)), 1e-12)


def _nearest(points: Floats, centres: Floats) -> NDArray[np.int64]:
    return np.argmin((centres**2).sum(1) - 2 * points @ centres.T, axis=1)


def _coarsest(database: pycolmap.Database, image_id: int) -> Floats:
    descriptors = database.read_descriptors(image_id).data
    if len(descriptors) == 0:
        return np.zeros((0, 128), np.float32)
    keypoints = database.read_keypoints(image_id)  # [n, 6]: x, y, and the 2x2 shape a11 a12 a21 a22
    scales = np.linalg.norm(keypoints[:, [2, 4]], axis=1)
    largest = np.argsort(-scales, kind="stable")[:_FEATURES_PER_FRAME]
    return descriptors[largest].astype(np.float32) / 512.0
