"""Sparse points of a data set that brings poses, from the pictures that are not held out.

The points carry tracks (which picture saw them where), so training gets its lines of sight (recon.pixels.free_space) as after
structure from motion. Held-out pictures take no part: where points lie would tell what those pictures show.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from recon.geometry import Points, Reconstruction
from recon.poses.given.agreement import Agreement, check
from recon.poses.given.contradicted import Flags, find_contradicted
from recon.poses.given.frusta import pairs_by_frusta
from recon.poses.given.leaping import ask_neighbours, leaps, tell_leaps
from recon.poses.given.matches import GivenMatches, match_given
from recon.poses.given.mistakes import MIRROR
from recon.poses.given.placeholders import listed
from recon.poses.given.refine import Change, change_of, locate, refine
from recon.poses.given.triangulate import MAX_ERROR_PX, triangulate, write_given_model
from recon.poses.given.turned import find_turned, may_be_turned, read_turned
from recon.poses.sfm.colmap_model import Model, seed_colmap, tracks_of
from recon.poses.sfm.settings import MatchSettings
from recon.workspace.console import say, warn

NEIGHBOURS = 12  # views that each is matched with; more adds little but time
_TO_TELL_TURNS = 4  # likewise, only to tell whether a picture stands on its head
_MOSTLY = 0.9  # share of matches that fit the poses, below which some pictures may


@dataclass(frozen=True)
class PointSearch:
    """How pictures of a data set are matched, and whether its poses move."""

    is_refined: bool  # first adjust the poses; held-out pictures are then read too, but only to find their own poses
    intrinsics: bool  # and the lenses
    at_most: int | None  # so many pictures are used, evenly over the capture, unless poses are refined
    features: MatchSettings  # conf/poses; size and number of features are used
    seed: int  # of all random numbers
    threads: int | None  # None: all cores


@dataclass(frozen=True)
class GivenPoints:
    """The data set with points, and the COLMAP model with their tracks, both in the data set's own frame."""

    reconstruction: Reconstruction
    agreement: Agreement
    change: Change | None  # None: the poses are as they came
    model: Model
    places: tuple[int, ...]  # of the model's images 1, 2, ... among the views
    contradicted: Flags  # [n] views whose pose the pictures contradict
    confirmed: Flags  # [n] and those whose pose they confirm

    def write(self, folder: Path, reconstruction: Reconstruction) -> None:
        """Write the model in the world of `reconstruction`: the same views, turned and scaled."""
        world_from_given = reconstruction.world_from_capture @ self.reconstruction.world_from_capture.inverse()
        write_given_model(folder, self.model, self.places, reconstruction.views, world_from_given)

    def report(self) -> dict[str, Any]:
        """What poses/report.json says of it; keys as after structure from motion where they mean the same."""
        model, agreement = self.model, self.agreement
        some = model.num_points3D() > 0
        return {
            "reprojection_error_px": model.compute_mean_reprojection_error() if some else None,
            "mean_track_length": model.compute_mean_track_length() if some else None,
            "triangulation": {
                "n_points": model.num_points3D(),
                "pictures": sum(image.num_points3D > 0 for image in model.images.values()),
                "pairs": {"matched": agreement.tried_pairs, "verified": agreement.verified_pairs},
                "epipolar_error_px": agreement.median_px,
                "fitting_matches": agreement.fitting,
            },
            "refined": self.change and self.change.report(),
        }


def find_points(given: Reconstruction, search: PointSearch, *, scratch: Path) -> GivenPoints:
    """Match the pictures of `given`, check the poses against them (a warning says what looks wrong), triangulate.

    Points that the data set brings stay; the model holds ours. scratch: a folder for files.
    """
    seed_colmap(search.seed)
    if any(may_be_turned(view) for view in given.views):
        given = _read_upright(given, search, _folder(scratch, "turned"))
    found = _find_points(given, search, _folder(scratch, "first"))
    if found.agreement.fitting < _MOSTLY and found.agreement.median_px is not None:
        better = _without_mistake(given, found.agreement) or _read_upright(given, search, _folder(scratch, "unfit"))
        if better is not given:
            given, found = better, _find_points(better, search, _folder(scratch, "second"))
    sound = _without_contradicted(given, found, search, scratch)
    if sound is not given:
        found = _find_points(sound, search, _folder(scratch, "third"))
    problem = found.agreement.warning()
    if problem is not None:
        warn(problem)
    return found


def _without_mistake(given: Reconstruction, agreement: Agreement) -> Reconstruction | None:
    """The data set with the poses that its author meant, said; None where no mistake of convention is certain."""
    mistake = agreement.mistake
    if mistake is None or not mistake.is_mended or not agreement.is_refuted:
        return None
    poses = mistake.change(np.stack([view.world_from_camera for view in given.views]))
    views = [replace(view, world_from_camera=pose) for view, pose in zip(given.views, poses, strict=True)]
    points = given.points
    if mistake.is_mirrored and points is not None:
        points = Points(points.positions @ MIRROR[:3, :3], points.colors)
    warn(
        f"the given poses do not fit the pictures ({agreement.fitting:.0%} of the matched features agree with them), but they do "
        f"once a mistake of convention is undone, and are used that way. {mistake.words}"
    )
    return replace(given, views=tuple(views), points=points)


def _without_contradicted(
    given: Reconstruction, found: GivenPoints, search: PointSearch, scratch: Path
) -> Reconstruction:
    """The data set without single frames that are not where their poses say; itself where there are none, or most are so.

    Matches tell of training pictures; those held out are asked where their pose leaps away from its neighbours, for this question
    only. Leaps that no match explains are told.
    """
    views, wrong = given.views, found.contradicted
    doubted = leaps(np.stack([view.world_from_camera for view in views])) & ~wrong & ~found.confirmed
    asked = doubted.copy()
    asked[list(found.places)] = False
    if asked.any():
        how: dict[str, Any] = {"features": search.features, "seed": search.seed, "threads": search.threads}
        more, right = ask_neighbours(views, asked, doubted | wrong, scratch=_folder(scratch, "leaps"), **how)
        wrong, doubted = wrong | more, doubted & ~more & ~right
    tell_leaps(views, doubted)
    if not wrong.any():
        return given
    names = [view.name for view, out in zip(views, wrong, strict=True) if out]
    warn(
        f"{len(names)} of {len(views)} poses are contradicted by their pictures: what is seen there is not where the other "
        f"pictures see it. These frames are skipped ({listed(names)})."
    )
    return replace(given, views=tuple(view for view, out in zip(views, wrong, strict=True) if not out))


def _folder(scratch: Path, name: str) -> Path:
    (scratch / name).mkdir()
    return scratch / name


def _find_points(given: Reconstruction, search: PointSearch, scratch: Path) -> GivenPoints:
    is_out, at_most, seed, threads = given.is_held_out, search.at_most, search.seed, search.threads
    used = [i for i, out in enumerate(is_out) if search.is_refined or not out]
    if at_most is not None and not search.is_refined and len(used) > at_most:
        say(f"poses: {at_most} of {len(used)} pictures are matched for points; dataset.triangulate=always takes all")
        used = [used[k] for k in np.linspace(0, len(used) - 1, at_most).round().astype(int)]
    taught = [place for place, i in enumerate(used) if not is_out[i]]
    views = [given.views[i] for i in used]
    own = None if given.points is None else given.points.positions
    pairs = pairs_by_frusta(views, own, neighbours=NEIGHBOURS)
    matches = match_given(views, pairs, scratch=scratch, features=search.features, threads=threads)
    agreement = check(matches, np.stack([v.world_from_camera for v in given.views]), np.array(used), seed=seed)
    contradicted, confirmed = np.zeros((2, len(given.views)), bool)
    contradicted[used], confirmed[used] = find_contradicted(matches, seed=seed)
    how: dict[str, Any] = {"scratch": scratch, "seed": seed, "threads": threads}
    refined = None
    if search.is_refined and agreement.median_px is not None:
        refined = refine(matches, taught, error_px=agreement.median_px, intrinsics=search.intrinsics, **how)
    model = triangulate(refined or matches, taught, **how, max_error_px=MAX_ERROR_PX)
    model.extract_colors_for_all_images(matches.pictures, threads or -1)
    change = None
    if refined is not None:
        given, change = _adopt(given, refined, used, taught, model, seed=seed)
    tracks = tracks_of(model, {place + 1: i for place, i in enumerate(used)})
    given = replace(given, tracks=tracks)
    if given.points is None and len(tracks.points):
        given = replace(given, points=tracks.points)
    return GivenPoints(given, agreement, change, model, tuple(used), contradicted, confirmed)


def _read_upright(given: Reconstruction, search: PointSearch, scratch: Path) -> Reconstruction:
    """The data set with every picture the way round that its pose is for; itself where all are.

    Held-out pictures are matched too, but for this question only.
    """
    own = None if given.points is None else given.points.positions
    pairs = pairs_by_frusta(given.views, own, neighbours=_TO_TELL_TURNS)
    matches = match_given(given.views, pairs, scratch=scratch, features=search.features, threads=search.threads)
    turns = find_turned(matches, np.stack([view.world_from_camera for view in given.views]), seed=search.seed)
    return read_turned(given, turns) if turns else given


def _adopt(
    given: Reconstruction,
    refined: GivenMatches,
    used: list[int],
    taught: list[int],
    model: Model,
    *,
    seed: int,
) -> tuple[Reconstruction, Change]:
    """The data set with its refined views; held-out ones are found against the points, or keep their poses.

    given: the data set. refined: matches and refined poses; used, taught: places among the views of those that were refined and of
    those that are for training. model: with the points. seed: of random numbers.
    """
    apart = sorted(set(range(len(used))) - set(taught))
    located = locate(refined, model, apart, seed=seed)
    views = list(given.views)
    for place, i in enumerate(used):
        pose = located.get(place, refined.views[place].world_from_camera)
        views[i] = replace(refined.views[place], world_from_camera=pose)
    unlocated = [views[used[place]].name for place in apart if place not in located]
    change = change_of(given.views, views, unlocated)
    if unlocated:
        warn(f"dataset.refine: {len(unlocated)} held-out pictures match too few points and keep their given poses.")
    say(
        f"poses: refined; positions moved by {np.median(change.positions):.3g} units in the median, at most "
        f"{change.positions.max():.3g}, turned by {np.median(change.rotations_deg):.2f}, at most "
        f"{change.rotations_deg.max():.2f} degrees"
    )
    return replace(given, views=tuple(views)), change
