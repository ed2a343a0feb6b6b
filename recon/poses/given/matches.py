"""Features and matches of views whose cameras are given."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recon.formats.frame_set import FrameImage, FrameSet
from recon.geometry import View
from recon.poses.given.pictures import lay_out
from recon.poses.sfm.database import read_matches
from recon.poses.sfm.features import extract, feature_settings
from recon.poses.sfm.known_cameras import write_views
from recon.poses.sfm.pairs import Pair, match
from recon.poses.sfm.settings import MatchSettings


@dataclass(frozen=True)
class GivenMatches:
    """Matched features of `views`; every place below is a place in `views`."""

    database: Path
    views: tuple[View, ...]
    pictures: Path  # folder of the pictures as COLMAP read them
    pairs: tuple[Pair, ...]  # tried

    def verified(self) -> dict[Pair, NDArray[np.int64]]:
        """Matches [m, 2] (features of i, of j) that one two-view geometry explains, by pair; the poses play no part."""
        pairs = sorted(read_matches(self.database).pairs, key=lambda pair: pair.images)
        return {(pair.images[0] - 1, pair.images[1] - 1): pair.inliers for pair in pairs if len(pair.inliers)}

    def keypoints(self) -> list[NDArray[np.float64]]:
        """Feature positions [n, 2] of each view, pixels of its camera."""
        pixels = read_matches(self.database).pixels
        return [pixels[i + 1] for i in range(len(self.views))]


def match_given(
    views: Sequence[View],
    pairs: Sequence[Pair],
    *,
    scratch: Path,
    features: MatchSettings,
    threads: int | None,
) -> GivenMatches:
    """Find features in the views' pictures and match the pairs; scratch files go to the folder `scratch`."""
    database, pictures, masks = scratch / "database.db", scratch / "pictures", scratch / "masks"
    names = lay_out(views, pictures, masks)
    write_views(database, views, names)
    frames = FrameSet("photos", tuple(map(_frame, views, names, [masks] * len(names))), False)
    extract(database, pictures, frames, feature_settings(frames, features), threads=threads)
    match(database, frames, pairs, folder=scratch, threads=threads)
    return GivenMatches(database, tuple(views), pictures, tuple(pairs))


def _frame(view: View, name: str, masks: Path) -> FrameImage:
    """As it was laid out: the stored pixels, which may carry an EXIF orientation that the pose knows nothing of."""
    mask = masks / f"{name}.png"
    used = str(mask) if mask.exists() else None
    return FrameImage(view.name, name, view.time_s, None, view.camera.size_hw, used, orientation=1)
