"""Everything the doctor looks at, together."""

from dataclasses import dataclass

import numpy as np

from recon.poses.doctor.brightness import Brightness
from recon.poses.doctor.links import Links
from recon.poses.doctor.matching import Floats, Ints, Matching
from recon.poses.doctor.model import Model


@dataclass(frozen=True)
class Findings:
    """Everything the doctor knows of n frames in the order of capture."""

    is_video: bool
    sharpness: Floats  # [n] as capture measured it, NaN where it did not
    shown: Floats  # [n] share of its pixels that its mask lets count
    matching: Matching
    brightness: Brightness
    model: Model
    links: Links
    turns_deg: Floats  # [n - 1] between the viewing axes of neighbours
    takes: Ints  # [n] of a film that is cut: frames of one take were filmed in one go

    @property
    def best_matches(self) -> tuple[Ints, Floats]:
        """Each frame's inliers [n] with the frame it has most matches with, and their share of those matches [n]."""
        n, m = self.matching.n_frames, self.matching
        inliers, share = np.zeros(n, np.int64), np.full(n, np.nan)
        for k in np.argsort(m.matches, kind="stable"):  # the best pair of a frame is written last
            for i in m.pairs[k] if m.matches[k] else ():
                inliers[i], share[i] = m.inliers[k], m.inliers[k] / m.matches[k]
        return inliers, share
