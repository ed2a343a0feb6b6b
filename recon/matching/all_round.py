"""What pictures from all round say of a depth: one that many of them look through is wrong, however sure matching is of it.

A depth is confirmed by pictures that stand near each other, and those can be wrong alike: a plain ball matches by its outline,
so that each of them sees a disc, and the discs of neighbours nearly coincide. A picture from the side sees through half of such a
disc. That is asked at a small size, of pictures all round.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.formats.images import fit_within
from recon.geometry import View, invert_rigid
from recon.geometry.pinhole import intrinsics, pixels_of
from recon.geometry.transforms import Array, apply_rigid
from recon.kernels.stereo import Floats, StereoView, stereo_agreement
from recon.matching.confirm import Confirmed
from recon.matching.pictures import Picture
from recon.matching.shelf import Shelf
from recon.matching.sources import MIN_SHARED, SAME_WAY, SparseScene

SIZE = 160  # pixels of the longest side at which pictures are asked
MAX_ASKED = 64  # pictures, of each
N_POINTS = 64  # of those that a view sees
MIN_SHARE = 0.1  # of them that must lie in the frustum of a picture that is asked
MIN_ROUND = 0.25  # of those that are asked must look another way
PIXELS = 1.0  # how near a picture that agrees must come
RELATIVE = 0.005  # ... in depth; it looks through what lies four times as far before its own
JUMP = 0.04  # relative step of depth between neighbouring pixels: an edge
OF_THROUGH = 4.0  # log odds that a depth is wrong where all look through it (docs/surfaces.md)


def pictures_all_round(views: Sequence[View], scene: SparseScene) -> list[NDArray[np.int64]]:
    """Of each view at most `MAX_ASKED` others whose frusta hold something of what it sees, from whatever side.

    None of a view that hardly any others look at from another side: on a drive nobody stands all round.

    scene: the sparse points; a view that sees too few of them is asked about every other.
    """
    axes = np.stack([view.world_from_camera[:3, 2] for view in views])
    positions = [scene.positions[seen[:: max(1, len(seen) // N_POINTS)]] for seen in scene.seen]
    looked_at = np.stack([_share_in_frustum(view, positions) for view in views], 1) >= MIN_SHARE
    np.fill_diagonal(looked_at, False)
    chosen = [_spread(np.flatnonzero(row)) for row in looked_at]
    return [
        others if (axes[others] @ axis < SAME_WAY).sum() >= MIN_ROUND * len(others) else others[:0]
        for axis, others in zip(axes, chosen, strict=True)
    ]


def _share_in_frustum(view: View, positions: Sequence[Array]) -> Array:
    """Of each set of positions [n, 3], the share that lies in the view's frustum; 1 of a set of fewer than 8."""
    local = apply_rigid(invert_rigid(view.world_from_camera), np.concatenate([*positions, np.zeros((1, 3))]))
    inside = np.add.accumulate(np.append(0, pixels_of(view.camera, local)[2]))
    ends = np.cumsum([len(p) for p in positions])
    sizes = np.diff(np.append(0, ends))
    return np.where(sizes >= MIN_SHARED, (inside[ends] - inside[ends - sizes]) / np.maximum(sizes, 1), 1.0)


def _spread(candidates: NDArray[np.int64]) -> NDArray[np.int64]:
    if len(candidates) <= MAX_ASKED:
        return candidates
    return candidates[np.linspace(0, len(candidates) - 1, MAX_ASKED).round().astype(int)]


def shares_through(
    pictures: Sequence[Picture],
    depths: Iterable[Floats],
    believed: Iterable[Floats],
    asked: Sequence[NDArray[np.int64]],
    scratch: Path,
) -> Iterator[Floats]:
    """Of every picture, for each pixel [h, w] the share of those that speak of its depth which look through it.

    A little less than that, `through / (through + agreeing + 1)`: one picture alone proves nothing.

    pictures: with their sizes and poses. depths: [h, w] of each, 0 unknown, which are judged; believed: likewise, by which.
    asked: of each, the others that judge it (`pictures_all_round`). scratch: folder for what does not fit into memory.
    """
    views = [_small_view(picture) for picture in pictures]
    small = Shelf.of(
        scratch / "small", (_off_jumps(_small(*args)) for args in zip(believed, pictures, views, strict=True))
    )
    for picture, view, depth, others in zip(pictures, views, depths, asked, strict=True):
        agreeing, through, _ = stereo_agreement(
            view,
            _small(depth, picture, view),
            [views[j] for j in others],
            [small[j] for j in others],
            pixels=PIXELS,
            relative=RELATIVE,
        )
        share = through / (through.astype(np.float32) + agreeing + 1)
        h, w = picture.camera.size_hw
        yield np.asarray(cv2.resize(share, (w, h), interpolation=cv2.INTER_NEAREST), np.float32)
    small.clear()


def _small(depth: Floats, picture: Picture, view: StereoView) -> Floats:
    """A picture's depths [h, w] as its small view has them."""
    return np.ascontiguousarray(depth[picture.nearest(view.grey.shape)])


def _off_jumps(depth: Floats) -> Floats:
    """Depths [h, w] without those beside an edge: what another picture's edge falls on there is a matter of half a pixel."""
    far = cv2.dilate(depth, np.ones((3, 3), np.uint8))
    near = cv2.erode(np.where(depth > 0, depth, np.inf).astype(np.float32), np.ones((3, 3), np.uint8))
    return np.where(far / (1 + JUMP) > near, 0, depth).astype(np.float32)


def doubted(known: Confirmed, share_through: Floats) -> Confirmed:
    """The same depths, less sure by how many look through them."""
    doubt = np.clip(1 - known.confidence, 1e-4, 1 - 1e-4)
    odds = doubt / (1 - doubt) * np.exp(OF_THROUGH * share_through)
    return known.with_confidence(np.where(known.is_confirmed, 1 / (1 + odds), 0).astype(np.float32))


def _small_view(picture: Picture) -> StereoView:
    """Where a picture stands, at the size at which it is asked."""
    camera = picture.camera.resized(fit_within(picture.camera.size_hw, SIZE))
    unseen = np.broadcast_to(np.uint8(0), camera.size_hw)
    return StereoView(unseen, intrinsics(camera), invert_rigid(picture.world_from_camera), 1e-6, 1e6)
