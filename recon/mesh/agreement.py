"""Agreement between views: a surface seen from one place must be there from the next place too.

Floaters and fog look solid from the camera that they were painted for and are looked through by all others. For each
trusted pixel its position is projected into neighbouring depth maps; `agreeing` counts the maps whose depth is the same
there, `contradicting` those that see clearly farther through that place. Vectorised over pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recon.geometry import Evidence, invert_rigid
from recon.geometry.pinhole import pixels_of
from recon.geometry.transforms import Array, apply_rigid
from recon.mesh.depth_maps import DepthMap
from recon.workspace.console import progress


@dataclass(frozen=True)
class Votes:
    """What some depth maps say about n positions: how many do, or how much they weigh together."""

    agreeing: NDArray  # [n] the surface is here
    contradicting: NDArray  # [n] the map looks through this place

    def __add__(self, other: "Votes") -> "Votes":
        return Votes(self.agreeing + other.agreeing, self.contradicting + other.contradicting)


def no_votes(n: int) -> Votes:
    """The votes of nobody on n places."""
    return Votes(np.zeros(n, np.int32), np.zeros(n, np.int32))


def weighed_vote(positions: Array, view: DepthMap, *, tolerance: float, margin: float = 0.0) -> Votes:
    """`vote`, each by the weight of its pixel: a guess of the field does not outvote what was matched."""
    seen = look_up(positions, view)
    votes, weight = _vote_of(seen, tolerance, margin), view.weight.reshape(-1)[seen.pixel]
    return Votes(weight * votes.agreeing, weight * votes.contradicting)


def vote(positions: Array, view: DepthMap, *, tolerance: float, margin: float = 0.0) -> Votes:
    """Votes of one map on positions [n, 3]: same depth within `tolerance` (relative) + `margin` (world units).

    Looking through needs three times the tolerance: between the two a map abstains.
    """
    return _vote_of(look_up(positions, view), tolerance, margin)


def _vote_of(seen: "Looked", tolerance: float, margin: float) -> Votes:
    difference = seen.map_depth - seen.depth
    allowed = tolerance * np.maximum(seen.depth, 0) + margin
    agreeing = (seen.map_depth > 0) & (np.abs(difference) <= allowed)
    contradicting = seen.is_free | ((seen.map_depth > 0) & (difference > 3 * allowed))
    return Votes(agreeing.astype(np.int32), contradicting.astype(np.int32))


@dataclass(frozen=True)
class Looked:
    """What one map has where n positions fall in it."""

    local: Array  # [n, 3] the positions in the camera frame
    map_depth: NDArray[np.float32]  # [n] of the map there; 0: unknown, or outside
    is_free: NDArray[np.bool_]  # [n] the map looks through to the far end
    pixel: NDArray[np.int64]  # [n] flat index into the map; 0 outside

    @property
    def depth(self) -> Array:
        """[n] of the positions along camera z."""
        return self.local[:, 2]


def look_up(positions: Array, view: DepthMap) -> Looked:
    """Where positions [n, 3] fall in a map."""
    camera, w = view.viewpoint.camera, view.viewpoint.camera.size_hw[1]
    local = apply_rigid(invert_rigid(view.viewpoint.world_from_camera), positions)
    x, y, inside = pixels_of(camera, local)
    pixel = np.where(inside, np.floor(y) * w + np.floor(x), 0).astype(np.int64)
    map_depth = np.where(inside, view.depth.reshape(-1)[pixel], 0).astype(np.float32)
    return Looked(local, map_depth, inside & view.is_free.reshape(-1)[pixel], pixel)


def keep_agreed(
    maps: Sequence[DepthMap],
    *,
    n_judged: int,
    n_neighbours: int,
    min_agreeing: int,
    tolerance: float,  # relative depth difference that counts as the same surface
) -> list[DepthMap]:
    """The first `n_judged` maps with only those pixels that at least `min_agreeing` of their `n_neighbours` best neighbours
    confirm, and no more contradict than confirm. With fewer maps than that, as many as there are."""
    needed = min(min_agreeing, len(maps) - 1)
    kept = []
    with progress("mesh: agreement", n_judged) as bar:
        for i, view in enumerate(maps[:n_judged]):
            positions = view.points()
            votes = no_votes(len(positions))
            for j in _neighbours(maps, i, n_neighbours):
                votes = votes + vote(positions, maps[j], tolerance=tolerance)
            depth = view.depth.copy()
            rejected = (votes.agreeing < needed) | (votes.contradicting > votes.agreeing)
            depth[depth > 0] *= ~rejected
            kept.append(replace(view, depth=depth))
            bar.advance()
    return kept


def drop_outvoted(
    maps: Sequence[DepthMap], judges: Sequence[DepthMap], *, n_neighbours: int, tolerance: float, of_planes: float
) -> list[DepthMap]:
    """The maps without the pixels that more of the judges, their best neighbours, contradict than confirm.

    tolerance: how far from a judge's surface is another place, of the depth. of_planes: the same for pixels that were blank and
    took a plane of the scene: nothing was seen there, and a whole wall may lie at what hangs on it.
    """
    kept = []
    for view in maps:
        positions = view.points()
        votes = no_votes(len(positions))
        allowed = np.where(view.evidence[view.depth > 0] == Evidence.PLANE, of_planes, tolerance)
        for j in _best(view.points(step=12), judges, n_neighbours):
            votes = votes + _vote_of_planes(positions, view, judges[j], tolerance=allowed)
        depth = view.depth.copy()
        depth[depth > 0] *= votes.contradicting <= votes.agreeing
        kept.append(replace(view, depth=depth))
    return kept


def drop_behind(
    maps: Sequence[DepthMap], judges: Sequence[DepthMap], *, n_judges: int, least: int, tolerance: float
) -> list[DepthMap]:
    """The maps without the pixels whose rays pass through what `least` of the judges see.

    A ray that goes on behind a surface, to a depth or to the far end, says that the surface is not there; `vote` asks only what is
    at the ray's end. n_judges: of each map, those that see most before its ends. tolerance: how far behind a surface is another
    place, a third of it, of the depth.
    """
    samples = [judge.points(step=12) for judge in judges]
    kept = []
    for view in maps:
        end = np.where(view.is_free, np.float32(np.inf), view.depth) / (1 + 3 * tolerance)
        before = np.array([_n_before(sample, view, end) for sample in samples])
        asked = [j for j in np.argsort(-before, kind="stable")[:n_judges] if before[j]]
        counts = sum((_nearest(judges[j].points(step=2), view) < end for j in asked), np.zeros(end.shape, np.int32))
        stays = counts < least
        kept.append(replace(view, depth=view.depth * stays, is_free=view.is_free & stays))
    return kept


def _n_before(positions: Array, view: DepthMap, end: Array) -> int:
    """How many positions [n, 3] lie before the `end` [h, w] of the map's ray that they fall on."""
    pixel, depth = _fallen(positions, view)
    return int((depth < end.reshape(-1)[pixel]).sum())


def _nearest(positions: Array, view: DepthMap) -> NDArray[np.float32]:
    """The least depth [h, w] of the positions [n, 3] that fall in each pixel of a map; inf where none does."""
    pixel, depth = _fallen(positions, view)
    nearest = np.full(view.depth.size, np.inf, np.float32)
    np.minimum.at(nearest, pixel, depth)
    return nearest.reshape(view.depth.shape)


def _fallen(positions: Array, view: DepthMap) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The flat pixel that each of the positions [n, 3] inside a map falls on, and its depth there."""
    camera, w = view.viewpoint.camera, view.viewpoint.camera.size_hw[1]
    local = apply_rigid(invert_rigid(view.viewpoint.world_from_camera), positions)
    x, y, inside = pixels_of(camera, local)
    pixel = np.floor(y[inside]) * w + np.floor(x[inside])
    return pixel.astype(np.int64), local[inside, 2].astype(np.float32)


def _vote_of_planes(positions: Array, view: DepthMap, judge: DepthMap, *, tolerance: Array) -> Votes:
    """Votes of a judge on positions [n, 3] that `view` sees, each with its tolerance [n].

    What counts is the height over the plane of the judge's pixel: at a grazing angle depth changes much from pixel to pixel. From
    the same place, what lies behind its surface is as wrong as what lies before it.
    """
    seen = look_up(positions, judge)
    rays, normals = (a.reshape(-1, 3)[seen.pixel] for a in (judge.camera_rays, judge.unit_normals))
    height = (normals * (seen.local - rays * seen.map_depth[:, None])).sum(-1)
    known, allowed = seen.map_depth > 0, tolerance * seen.depth
    is_hidden = (height < -allowed) & np.array_equal(
        view.viewpoint.world_from_camera, judge.viewpoint.world_from_camera
    )
    agreeing, contradicting = known & (np.abs(height) <= allowed), known & ((height > allowed) | is_hidden)
    return Votes(agreeing.astype(np.int32), contradicting.astype(np.int32))


def _neighbours(maps: Sequence[DepthMap], i: int, n: int) -> list[int]:
    """The n maps that see most of map i's surface (by a sparse sample of it)."""
    return [j if j < i else j + 1 for j in _best(maps[i].points(step=12), [*maps[:i], *maps[i + 1 :]], n)]


def _best(sample: Array, maps: Sequence[DepthMap], n: int) -> list[int]:
    """The n maps that see most of a surface, by a sparse sample [m, 3] of it."""
    overlap = np.array([_n_seen(sample, view) for view in maps])
    best = np.argsort(-overlap, kind="stable")[:n]
    return [int(j) for j in best if overlap[j] > 0]


def _n_seen(sample: Array, view: DepthMap) -> int:
    """How many positions the map sees at about their depth (30 %), or looks through."""
    seen = look_up(sample, view)
    near = (seen.map_depth > 0) & (np.abs(seen.map_depth - seen.depth) < 0.3 * seen.depth)
    return int((seen.is_free | near).sum())
