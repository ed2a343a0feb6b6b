"""Do given poses fit the pictures? Matches that were verified without them must lie on their epipolar lines.

Where they do not, the usual mistakes are tried in turn (`recon.poses.given.mistakes`): the one without which they fit is named.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from recon.geometry.transforms import Array
from recon.poses.given.matches import GivenMatches
from recon.poses.given.mistakes import MISTAKES, Mistake
from recon.poses.sfm.pairs import Pair

Flags = NDArray[np.bool_]

_MAX_PAIRS, _MAX_MATCHES = 300, 100  # looked at, at random: a median needs no more
FITS, _FITS_WELL = 0.015, 0.004  # of the diagonal: 15 and 4 px of a picture of 800x600
_FAR_DEG = 0.5  # rays that meet at less cannot tell front from back
_MIN_FITTING = 0.5
_EXACT = 0.0025  # of the diagonal, 2.5 px of a picture of 800x600: above, sightings miss what the field resolves
_MIN_PAIRS_SHARE = 0.1


@dataclass(frozen=True)
class Agreement:
    """How verified matches lie under the poses."""

    verified_pairs: int
    tried_pairs: int
    median_px: float | None  # distance to the epipolar line; None without matches
    is_exact: bool  # whether that is under 0.25 % of the diagonal
    fitting: float  # share within 1.5 % of the diagonal and in front of both cameras
    mistake: Mistake | None  # what explains a poor fit

    @property
    def is_refuted(self) -> bool:
        """Whether most matches contradict the poses."""
        return self.fitting < _MIN_FITTING

    def warning(self) -> str | None:
        """In plain words what looks wrong; None when nothing does."""
        if self.median_px is None or self.verified_pairs < max(2, _MIN_PAIRS_SHARE * self.tried_pairs):
            return (
                f"only {self.verified_pairs} of {self.tried_pairs} pairs of pictures show the same things, so the given "
                "poses can hardly be checked and give few points: are the pictures sharp, textured, of one scene?"
            )
        if self.fitting < _MIN_FITTING:
            why = (self.mistake and self.mistake.words) or (
                "No usual mistake of convention explains it: check that poses and pictures belong together, in this order. "
                "dataset.refine=true mends noise, dataset=capture finds poses anew."
            )
            return (
                f"the given poses do not fit the pictures: {self.fitting:.0%} of the matched features agree with them, "
                f"{self.median_px:.1f} px off in the median. {why}"
            )
        if not self.is_exact:
            blurs = "It blurs the result; dataset.refine=true adjusts the poses to the pictures."
            what = (self.mistake and self.mistake.words) or blurs
            return (
                f"the given poses are inexact: matched features are {self.median_px:.1f} px off in the median (under 1 is "
                f"good). {what}"
            )
        return None


@dataclass(frozen=True)
class MatchedRays:
    """Matched unit rays in camera frames, m in all."""

    first: Array  # [m] place of one view
    second: Array  # [m] of the other
    rays: Array  # [m, 3] of the first
    others: Array  # [m, 3] of the second
    focal_px: Array  # [m] of the second
    diagonal_px: Array  # [m] of its picture


def check(matches: GivenMatches, poses: Array, places: Array, *, seed: int) -> Agreement:
    """How the matches agree with the given poses, and what is likely wrong with them.

    poses: world_from_camera [n, 4, 4] of all views of the data set in order of capture; places [len(matches.views)]:
    where the matched views are among them.
    """
    verified = matches.verified()
    tried, found = len(matches.pairs), len(verified)
    if found == 0:
        return Agreement(0, tried, None, False, 0.0, None)
    pairs = draw_rays(matches, verified, np.random.default_rng(seed))
    errors, in_front = errors_px(pairs, poses[places], 1.0)
    is_exact = bool(np.median(errors / pairs.diagonal_px) < _EXACT)
    fitting = _share(pairs, errors, in_front, FITS)
    mistake = None
    if fitting < _MIN_FITTING or not is_exact:
        mistake = _likely_mistake(pairs, poses, places, at_least=1.5 * _share(pairs, errors, in_front, _FITS_WELL))
    return Agreement(found, tried, float(np.median(errors)), is_exact, fitting, mistake)


def _likely_mistake(pairs: MatchedRays, poses: Array, places: Array, *, at_least: float) -> Mistake | None:
    """The mistake without which most matches, and a share of `at_least`, fit well; None where there is none."""
    shares = [
        _share(pairs, *errors_px(pairs, mistake.change(poses)[places], mistake.focal_factor), _FITS_WELL)
        for mistake in MISTAKES
    ]
    best = int(np.argmax(shares))
    return MISTAKES[best] if shares[best] >= max(_MIN_FITTING, at_least) else None


def _share(pairs: MatchedRays, errors: Array, in_front: Flags, limit: float) -> float:
    return float(((errors < limit * pairs.diagonal_px) & in_front).mean())


def draw_rays(
    matches: GivenMatches,
    verified: dict[Pair, NDArray[np.int64]],
    rng: np.random.Generator,
    *,
    most_pairs: int = _MAX_PAIRS,
    most_matches: int = _MAX_MATCHES,
) -> MatchedRays:
    """Random verified matches as rays: at most `most_matches` of each of at most `most_pairs` pairs."""
    keypoints, views = matches.keypoints(), matches.views
    rays = [
        view.camera.unproject(torch.from_numpy(pixels)).numpy() for view, pixels in zip(views, keypoints, strict=True)
    ]
    keys = list(verified)
    drawn = [keys[i] for i in sorted(rng.permutation(len(keys))[:most_pairs])]
    parts = []
    for a, b in drawn:
        taken = verified[(a, b)][rng.permutation(len(verified[(a, b)]))[:most_matches]]
        ray, other = rays[a][taken[:, 0]], rays[b][taken[:, 1]]
        camera, ones = views[b].camera, np.ones(len(taken))
        diagonal = float(np.hypot(*camera.size_hw))
        parts.append((a * ones, b * ones, ray, other, camera.fx * ones, diagonal * ones))
    first, second, *rest = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return MatchedRays(first.astype(int), second.astype(int), *rest)


def errors_px(pairs: MatchedRays, poses: Array, focal_factor: float) -> tuple[Array, Flags]:
    """Under `poses` of the matched views: distances to the epipolar lines [m], and whether in front of both cameras [m]."""
    scaling = np.array([1.0, 1.0, focal_factor])
    rays, others = (_unit(values * scaling) for values in (pairs.rays, pairs.others))
    first, second = poses[pairs.first], poses[pairs.second]
    rays = np.einsum("mij,mj->mi", first[:, :3, :3], rays)
    others = np.einsum("mij,mj->mi", second[:, :3, :3], others)
    baseline = second[:, :3, 3] - first[:, :3, 3]
    normal = _unit(np.cross(baseline, rays)), _unit(np.cross(baseline, others))
    sines = np.abs((normal[0] * others).sum(1)), np.abs((normal[1] * rays).sum(1))
    errors = pairs.focal_px * np.arcsin(np.clip(np.maximum(*sines), 0, 1))
    return errors, _in_front(rays, others, baseline)


def _in_front(rays: Array, others: Array, baseline: Array) -> Flags:
    """Whether the rays [m, 3] from the origin and others [m, 3] from `baseline` [m, 3] come nearest before both cameras."""
    cosine = (rays * others).sum(1)
    along, back = (rays * baseline).sum(1), (others * baseline).sum(1)
    is_before = (along - cosine * back > 0) & (cosine * along - back > 0)
    return is_before | (cosine > np.cos(np.radians(_FAR_DEG)))


def _unit(vectors: Array) -> Array:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
