"""Why a capture cannot be posed, in words a person can act on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycolmap

from recon.formats.frame_set import FrameSet
from recon.poses.sfm.database import verified
from recon.poses.sfm.pairs import Pair

_FEW_FEATURES = 300
# Share of the picture's diagonal: compression and sensor noise move features of a still camera by less.
_STILL = 0.0015
# The homography of a camera that only turns is conjugate to a rotation: its eigenvalues, at determinant 1, have modulus
# 1 whatever the focal length. Measured on turning 0.000 to 0.001, on walks and drives 0.015 and more.
_TURNING = 0.006
_Geometry = pycolmap.TwoViewGeometryConfiguration
NO_PARALLAX = {int(kind) for kind in (_Geometry.PLANAR, _Geometry.PANORAMIC, _Geometry.PLANAR_OR_PANORAMIC)}


_STILL_MESSAGE = (
    "the camera does not move between the frames, so no depth can be measured. Walk around the scene while filming, or "
    "take photos from different places."
)
_TURNING_MESSAGE = (
    "the camera only turned on the spot, so there is no parallax and no depth can be measured. Move sideways while "
    "filming, by a tenth of the distance to the scene between frames."
)


@dataclass(frozen=True)
class PairStatistics:
    """What matching found."""

    features: float  # median number in a frame
    pairs: int  # tried
    verified: int  # with a geometry that enough matches agree on
    flat: int  # of those, explained by a homography: no parallax seen
    turning: int  # of those, explained by a camera that only turned
    motion: float  # median over pairs of the median feature motion, as a share of the diagonal; NaN without pairs
    linked: tuple[bool, ...]  # per frame, whether it is in any verified pair


def pair_statistics(database: Path, frames: FrameSet, pairs: list[Pair]) -> PairStatistics:
    """Read the database after matching."""
    diagonals = {frame.image: float(np.hypot(*frame.size_hw)) for frame in frames.frames}
    with pycolmap.Database.open(database) as opened:
        images = {image.image_id: image.name for image in opened.read_all_images()}
        keypoints = {i: opened.read_keypoints(i) for i in images}
        found = list(verified(opened))
    motions, linked, flat, turning = [], set(), 0, 0
    for (a, b), geometry in found:
        matches = geometry.inlier_matches
        if len(matches) == 0:
            continue
        moved = keypoints[a][matches[:, 0], :2] - keypoints[b][matches[:, 1], :2]
        motions.append(float(np.median(np.linalg.norm(moved, axis=1))) / diagonals[images[a]])
        linked |= {images[a], images[b]}
        if int(geometry.config) in NO_PARALLAX:
            flat += 1
            turning += _only_turned(geometry.H)
    return PairStatistics(
        features=float(np.median([len(points) for points in keypoints.values()])),
        pairs=len(pairs),
        verified=len(motions),
        flat=flat,
        turning=turning,
        motion=float(np.median(motions)) if motions else float("nan"),
        linked=tuple(image in linked for image in frames.images),
    )


def _only_turned(homography: np.ndarray | None) -> bool:
    """Whether a homography [3, 3] between two pictures of one camera is that of a pure rotation."""
    if homography is None or not np.isfinite(homography).all() or abs(np.linalg.det(homography)) < 1e-12:
        return False
    moduli = np.abs(np.linalg.eigvals(homography / np.cbrt(np.linalg.det(homography))))
    return bool(np.abs(moduli - 1).max() < _TURNING)


def check_motion(statistics: PairStatistics) -> str | None:
    """Why the camera's motion can give no depth, known before mapping; None when it may."""
    if is_still(statistics):
        return _STILL_MESSAGE
    if statistics.verified >= 3 and statistics.turning >= 0.8 * statistics.verified:
        return _TURNING_MESSAGE
    return None


def is_still(statistics: PairStatistics) -> bool:
    """Whether nothing moves between the frames: a camera on a tripod, or copies of one picture."""
    return statistics.verified >= 0.5 * statistics.pairs and statistics.motion < _STILL


def explain(statistics: PairStatistics, frames: FrameSet) -> str:
    """The most likely cause of a failed or partial model, and what to do."""
    if statistics.features < _FEW_FEATURES:
        return (
            f"the frames show little texture ({statistics.features:.0f} features each; 1000 or more is usual): they "
            "are dark, blurred, noise, or of bare surfaces. Film in more light, slower, with more objects in view."
        )
    motion = check_motion(statistics)
    if motion is not None:
        return motion
    if (n_takes := len({frame.take for frame in frames.frames})) > 1:
        return (
            f"the film is cut into {n_takes} takes, and the largest model is not of all of them: takes that do not show the same "
            "place cannot become one scene. Give one of them (cut the film there), or film on without a break."
        )
    if statistics.verified < max(2, 0.05 * statistics.pairs):
        return (
            f"only {statistics.verified} of {statistics.pairs} pairs of frames show the same things: is this one "
            "scene, filmed sharply? Film slower, with more overlap, and raise capture.target_count."
        )
    if statistics.flat > 0.7 * statistics.verified:
        return (
            "the frames show no parallax (the camera turned on the spot, drove straight at a distant scene, or saw one "
            "flat wall). Move sideways while filming, by a tenth of the distance to the scene between frames."
        )
    if statistics.verified > 0.7 * statistics.pairs and all(statistics.linked):
        return (
            "the frames overlap well, but no one camera path explains them: too much in them moves (cars, people, "
            "leaves, reflections), or the camera moved straight ahead past distant things with hardly any parallax. "
            "Film a still scene, from the side rather than straight ahead."
        )
    return (
        f"{statistics.verified} of {statistics.pairs} pairs of frames overlap, but not in one chain"
        f"{_gap(statistics, frames)}. Film slower, with more overlap, return to where you started, and raise "
        "capture.target_count."
    )


def _gap(statistics: PairStatistics, frames: FrameSet) -> str:
    """The longest run of frames without any link, by name and time."""
    best: tuple[int, int] = (0, 0)
    start = None
    for i, is_linked in enumerate((*statistics.linked, True)):
        if not is_linked and start is None:
            start = i
        elif is_linked and start is not None:
            best = max(best, (start, i), key=lambda run: run[1] - run[0])
            start = None
    if best == (0, 0):
        return ""
    first, last = frames.frames[best[0]], frames.frames[best[1] - 1]
    when = "" if first.time_s is None or last.time_s is None else f" ({first.time_s:.1f} s to {last.time_s:.1f} s)"
    return f" (nothing links frames {first.name} to {last.name}{when})"
