"""What features and matching found, read from the COLMAP database while it exists."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recon.formats.frame_set import FrameSet
from recon.poses.sfm.database import read_matches
from recon.poses.sfm.diagnosis import NO_PARALLAX

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Matching:
    """Frames go by their place in the order of capture: n frames, m pairs that were matched."""

    features: Ints  # [n] found in each frame
    pairs: Ints  # [m, 2] places, first < second
    matches: Ints  # [m] features that look alike
    inliers: Ints  # [m] those of them that one motion of the camera explains
    motion: Floats  # [m] median motion of the inliers, as a share of the picture's diagonal; NaN without any
    is_flat: NDArray[np.bool_]  # [m] explained by a homography: no parallax seen
    neighbours: tuple[tuple[Floats, Floats], ...]  # [n - 1] pixels [k, 2] of the inliers between a frame and the next

    @property
    def n_frames(self) -> int:
        return len(self.features)

    def weights(self) -> Ints:
        """Inliers between any two frames [n, n], symmetric."""
        matrix = np.zeros((self.n_frames, self.n_frames), np.int64)
        matrix[self.pairs[:, 0], self.pairs[:, 1]] = self.inliers
        return matrix + matrix.T


def no_matching(n_frames: int) -> Matching:
    """What there is when a stage failed before it looked at the pictures: nothing."""
    none = np.zeros(0, np.int64)
    pixels = (np.zeros((0, 2)), np.zeros((0, 2)))
    return Matching(
        features=np.zeros(n_frames, np.int64),
        pairs=np.zeros((0, 2), np.int64),
        matches=none,
        inliers=none,
        motion=np.zeros(0),
        is_flat=np.zeros(0, bool),
        neighbours=(pixels,) * (n_frames - 1),
    )


def read_matching(database: Path, frames: FrameSet) -> Matching:
    """Read the database of `frames`; what extraction or matching had not reached yet counts as nothing found."""
    n = len(frames.frames)
    if not database.exists():
        return no_matching(n)
    place = {image: i for i, image in enumerate(frames.images)}
    diagonals = [float(np.hypot(*frame.size_hw)) for frame in frames.frames]
    found = read_matches(database)
    places = {image: place[name] for image, name in found.names.items()}
    pixels = {places[image]: of_image for image, of_image in found.pixels.items()}
    rows: list[tuple[int, int, int, int, bool, float]] = []
    neighbours = [(np.zeros((0, 2)), np.zeros((0, 2)))] * (n - 1)
    for pair in found.pairs:
        inliers, (i, j) = pair.inliers, (places[image] for image in pair.images)
        ends = pixels[i][inliers[:, 0]], pixels[j][inliers[:, 1]]
        if i > j:
            (i, j), ends = (j, i), ends[::-1]
        moved = np.linalg.norm(ends[0] - ends[1], axis=1) / diagonals[i]
        motion = float(np.median(moved)) if len(moved) else np.nan
        rows.append((i, j, pair.matches, len(inliers), pair.configuration in NO_PARALLAX, motion))
        if j == i + 1:
            neighbours[i] = ends
    table = np.array(sorted(rows)).reshape(-1, 6)
    counts = table[:, :4].astype(np.int64)
    return Matching(
        features=np.array([len(pixels.get(i, ())) for i in range(n)], np.int64),
        pairs=counts[:, :2],
        matches=counts[:, 2],
        inliers=counts[:, 3],
        is_flat=table[:, 4] > 0,
        motion=table[:, 5],
        neighbours=tuple(neighbours),
    )
