"""Blank areas: every pixel without a confirmed depth is offered the planes of the scene, and takes one or stays unknown.

The choice is made at a small size for all pixels at once (`recon.kernels.planes`), carried to the full size along colours, and
kept where other views neither look through it nor know of something before it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.geometry import Camera, invert_rigid
from recon.geometry.pinhole import intrinsics, rays_of_pixels
from recon.geometry.transforms import Array
from recon.kernels.planes import LabelSettings, LabelView, ScenePlane, label_planes
from recon.kernels.stereo import Floats, StereoView, stereo_agreement
from recon.matching.confirm import Confirmed
from recon.matching.hidden import hidden, matched_points
from recon.matching.pictures import Picture
from recon.matching.regions import BlankRegions
from recon.matching.shelf import Shelf

LABEL_SIZE = 160  # pixels of the longest side on which planes are chosen
COLOR_SIGMA = 8.0  # grey levels: how unlike a pixel may be to the coarse pixel whose plane it takes
NEARER = 8.0  # than pictures are matched may planes come: the road before a car has no points
SURE_MARGIN = 1.0  # of the costs: the next best choice is so much dearer


@dataclass(frozen=True)
class PlaneDepths:
    """Maps [h, w] of one picture: depth on the chosen plane, 0 where none; its normal; how sure."""

    depth: Floats
    normal: Floats  # [h, w, 3] world
    confidence: Floats

    def without(self, mask: NDArray[np.bool_]) -> "PlaneDepths":
        """Nothing where the mask is True."""
        keep = ~mask
        return PlaneDepths(self.depth * keep, self.normal * keep[..., None], self.confidence * keep)

    @staticmethod
    def nothing(size_hw: tuple[int, int]) -> "PlaneDepths":
        """No pixel on any plane."""
        zero = np.zeros(size_hw, np.float32)
        return PlaneDepths(zero, np.zeros((*size_hw, 3), np.float32), zero)


def fill_blank(
    pictures: Sequence[Picture],
    views: Sequence[StereoView],
    confirmed: Sequence[Confirmed],
    closed: Sequence[NDArray[np.bool_]],  # [h, w] of each picture: no plane may be there
    regions: Sequence[BlankRegions],
    planes: Sequence[ScenePlane],
    neighbours: NDArray[np.int32],
    witnesses: NDArray[np.int32],
    scratch: Path,
) -> Iterator[PlaneDepths]:
    """The planes of the pixels that are not confirmed, picture by picture.

    Args:
        pictures, views, confirmed: what was matched, and the same pictures as matching saw them; one entry per picture.
        regions: of each picture; their borders say which planes they may be.
        planes: those of the scene, which labels choose from.
        neighbours: [n_pictures, k] the pictures that a picture is compared with, -1 where there are no more;
            witnesses: likewise, those that may have matched something before its planes.
        scratch: folder for what does not fit into memory.
    """
    every_one = zip(pictures, views, confirmed, closed, regions, strict=True)
    small = [_label_view(*args, planes) for args in every_one]
    every = zip(pictures, confirmed, closed, label_planes(small, planes, neighbours, LabelSettings()), strict=True)
    on_planes = (_on_planes(p, known, no, planes, *found) for p, known, no, found in every)
    chosen = Shelf.of(scratch / "planes", _in_sight(on_planes, pictures, confirmed, witnesses, scratch))
    pairs = zip(confirmed, chosen, strict=True)
    depths = Shelf.of(scratch / "with_planes", (np.where(k.is_confirmed, k.depth, c.depth) for k, c in pairs))
    for i, (view, plane) in enumerate(zip(views, chosen, strict=True)):
        near = [int(j) for j in neighbours[i] if j >= 0]
        yield _kept(view, plane, depths[i], [views[j] for j in near], [depths[j] for j in near])
    chosen.clear()
    depths.clear()


def _label_view(
    picture: Picture,
    view: StereoView,
    known: Confirmed,
    closed: NDArray[np.bool_],
    regions: BlankRegions,
    planes: Sequence[ScenePlane],
) -> LabelView:
    """What labels are chosen by, at a small size.

    picture, view: the picture, and the same as matching saw it. known: its confirmed depths. closed: [h, w] where no plane may
    be. regions: its blank regions; planes: those of the scene.
    """
    h, w = picture.camera.size_hw
    shrink = min(1.0, LABEL_SIZE / max(h, w))
    size = (max(2, round(h * shrink)), max(2, round(w * shrink)))
    small = picture.resized(size)
    y, x = picture.nearest(size)
    return LabelView(
        intrinsics(small.camera),
        invert_rigid(picture.world_from_camera),
        view.near / NEARER,
        view.far,
        small.grey,
        known.depth[y, x],
        known.confidence[y, x],
        closed[y, x] | ~picture.is_valid[y, x],
        regions.at_size(size),
        regions.off_border(planes),
    )


def _depths(
    label: NDArray[np.int16], planes: Sequence[ScenePlane], camera: Camera, pose: Array
) -> tuple[Floats, Floats]:
    """Depth [h, w] and world normal [h, w, 3] on the labelled planes; 0 where the label is -1."""
    h, w = label.shape
    rays = rays_of_pixels(camera) @ pose[:3, :3].T
    depth, normal = np.zeros((h, w), np.float32), np.zeros((h, w, 3), np.float32)
    for index in np.unique(label[label >= 0]):
        here = label == index
        depth[here], normal[here] = planes[index].surface(rays[here], pose[:3, 3])
    return depth, normal


def _on_planes(
    picture: Picture,
    known: Confirmed,
    closed: NDArray[np.bool_],
    planes: Sequence[ScenePlane],
    labels: NDArray[np.int16],
    margins: Floats,
) -> PlaneDepths:
    """The depths that labels give.

    picture: that the maps [h, w] are of. known: confirmed depths; closed: where no plane may be. planes: of the scene.
    labels: of each pixel one of them, -1 none. margins: by how much the label wins.
    """
    wanted = ~known.is_confirmed & ~closed & picture.is_valid
    label, margin = _enlarged(picture, labels, margins, wanted)
    depth, normal = _depths(label, planes, picture.camera, picture.world_from_camera)
    confidence = np.where(depth > 0, 1 - np.exp(-margin / SURE_MARGIN), 0)
    return PlaneDepths(depth, normal, confidence.astype(np.float32))


def _enlarged(
    picture: Picture, labels: NDArray[np.int16], margins: Floats, wanted: NDArray[np.bool_]
) -> tuple[NDArray[np.int16], Floats]:
    """Labels at full size, -1 but for the pixels `wanted` [h, w]: of the nine coarse pixels round each, the one most like it."""
    small_h, small_w = labels.shape
    coarse = cv2.resize(picture.color, (small_w, small_h), interpolation=cv2.INTER_AREA).astype(np.float32)
    color, places = picture.color[wanted].astype(np.float32), np.nonzero(wanted)
    y, x = ((at + 0.5) * n / full - 0.5 for at, n, full in zip(places, labels.shape, wanted.shape, strict=True))
    near_row, near_column = np.rint(y).astype(int), np.rint(x).astype(int)
    best = np.full(len(color), np.inf, np.float32)
    label, margin = np.full(wanted.shape, -1, np.int16), np.zeros(wanted.shape, np.float32)
    row, column = np.zeros_like(near_row), np.zeros_like(near_column)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            down, across = np.clip(near_row + dy, 0, small_h - 1), np.clip(near_column + dx, 0, small_w - 1)
            unlike = np.abs(color - coarse[down, across]).max(-1) / COLOR_SIGMA
            cost = unlike + 0.5 * ((down - y) ** 2 + (across - x) ** 2)
            better = cost < best
            best[better], row[better], column[better] = cost[better], down[better], across[better]
    label[wanted], margin[wanted] = labels[row, column], margins[row, column]
    return label, margin


def _in_sight(
    on_planes: Iterator[PlaneDepths],
    pictures: Sequence[Picture],
    confirmed: Sequence[Confirmed],
    witnesses: NDArray[np.int32],
    scratch: Path,
) -> Iterator[PlaneDepths]:
    """Without what other pictures matched something before."""
    points = Shelf.of(scratch / "points", map(matched_points, pictures, confirmed))
    for picture, plane, near in zip(pictures, on_planes, witnesses, strict=True):
        yield plane.without(hidden(picture, plane.depth, plane.normal, (points[j] for j in near if j >= 0)))
    points.clear()


def _kept(
    view: StereoView, plane: PlaneDepths, depth: Floats, others: Sequence[StereoView], depths: Sequence[Floats]
) -> PlaneDepths:
    """Where no more views look through than agree."""
    agreeing, through, _ = stereo_agreement(view, depth, others, depths, pixels=4.0, relative=0.02)
    keep = (plane.depth > 0) & (agreeing >= 1) & (through <= agreeing)
    confidence = np.maximum(plane.confidence * agreeing / (agreeing + through + 1.0), 0.02).astype(np.float32)
    return PlaneDepths(plane.depth, plane.normal, confidence).without(~keep)
