"""Thousands of points followed to a tenth of a pixel: what poses and lenses are adjusted to once features have found them roughly.

Features are found to half a pixel, each picture for itself. Here a quick match at a small size says where surfaces are and how they
are turned; patches of every picture, well spread, are then followed into its neighbours at full size (`patches`).
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from recon.geometry import Points, Reconstruction, Tracks, View
from recon.geometry.transforms import Array
from recon.matching.confirm import Confirmed, confirm
from recon.matching.passes import match_pictures, n_sweeps
from recon.matching.patches import RADIUS, PatchPicture, cut_patches, find_patches
from recon.matching.pictures import Picture, read_picture
from recon.matching.settings import MatchingSettings
from recon.matching.shelf import Shelf
from recon.matching.sources import choose_sources, depth_ranges, sparse_scene
from recon.workspace.console import progress

QUICK_SIZE = 200  # pixels of the longer side that surfaces are matched at
FULL_SIZE = 1280  # that patches are followed at, at most
SURE = 0.93  # confidence of the depths that patches stand on
PATCHES = 300  # of a picture, at most
CELL = 1 / 40  # of the longer side: one patch in each such square
TEXTURED = 40  # per cent of the sure pixels that have less contrast than the others are left
NEIGHBOURS = 16  # pictures that see most of the same;
EVERY = 2  # patches are followed into every second of them: near and far ones
MIN_FOUND = 2  # of them must find one
CACHED = 24  # pictures in memory

_QUICK = MatchingSettings(
    enabled=True,
    max_size=QUICK_SIZE,
    sources=8,
    neighbours=10,
    min_agreeing=2,
    agreement_px=1.0,
    agreement=0.01,
    max_doubt=1 - SURE,
    sky=False,
    planes=False,
)


def dense_tracks(reconstruction: Reconstruction, *, scratch: Path, seed: int) -> Tracks:
    """Points on the surfaces, and where the reconstruction's views see them; pixels of the views' own pictures, lens and all."""
    views = reconstruction.views
    scene = sparse_scene(reconstruction, views)
    with TemporaryDirectory(dir=scratch, prefix="dense") as folder:
        work = Path(folder)
        pictures = Shelf.of(work / "pictures", (read_picture(view, QUICK_SIZE) for view in views))
        sources = choose_sources(views, scene, _QUICK.sources)
        with progress("poses: surfaces", n_sweeps(pictures)) as bar:
            ranges = depth_ranges(views, scene)
            matches = match_pictures(pictures, scene, sources, ranges, work, seed=seed, bar=bar)
        known = confirm(matches, pictures, choose_sources(views, scene, _QUICK.neighbours), _QUICK)
        neighbours = choose_sources(views, scene, NEIGHBOURS)[:, ::EVERY]
        return _followed(views, pictures, (sure.surer_than(SURE) for sure in known), neighbours, seed)


def _followed(
    views: Sequence[View],
    pictures: Sequence[Picture],
    known: Iterator[Confirmed],
    neighbours: NDArray[np.int32],
    seed: int,
) -> Tracks:
    @lru_cache(CACHED)
    def full(index: int) -> PatchPicture:
        picture = read_picture(views[index], FULL_SIZE)
        return PatchPicture(picture.grey, picture.camera, picture.world_from_camera)

    rng = np.random.default_rng(seed)
    positions: list[Array] = [np.zeros((0, 3))]
    seen: list[NDArray[np.int64]] = []  # rows: view, point
    pixels: list[Array] = []
    count = 0
    for i, (picture, sure) in enumerate(zip(pictures, known, strict=True)):
        own = full(i)
        x, y, depth, normal = _chosen(own, picture, sure, rng)
        patches = cut_patches(own, x, y, depth, normal)
        found: list[tuple[int, NDArray[np.int64], Array]] = [
            (i, np.arange(len(x), dtype=np.int64), np.stack([x, y], -1).astype(np.float64) + 0.5)
        ]
        found += [(j, *find_patches(patches, full(j))) for j in neighbours[i].tolist() if j >= 0]
        is_kept = np.bincount(np.concatenate([at for _, at, _ in found]), minlength=len(x)) > MIN_FOUND
        place = count + np.cumsum(is_kept) - 1
        for j, at, where in found:
            keep = is_kept[at]
            seen.append(np.stack([np.full(keep.sum(), j), place[at[keep]]]))
            pixels.append(_through_lens(views[j], full(j), where[keep]))
        positions.append(patches.middles[is_kept])
        count += int(is_kept.sum())
    return _tracks(np.concatenate(positions), seen, pixels)


def _chosen(
    own: PatchPicture, picture: Picture, sure: Confirmed, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], Array, Array]:
    """Columns and rows [n] in the full picture, depths [n] and world normals [n, 3] of its patches: textured, well spread."""
    (h, w), (small_h, small_w) = own.camera.size_hw, picture.camera.size_hw
    contrast = cv2.blur(np.hypot(*own.slopes), (RADIUS + 2, RADIUS + 2))
    rows, columns = np.nonzero(sure.is_confirmed)
    y, x = ((rows + 0.5) * h / small_h).astype(int), ((columns + 0.5) * w / small_w).astype(int)
    margin = RADIUS + 1
    inside = (x >= margin) & (x < w - margin) & (y >= margin) & (y < h - margin)
    rows, columns, y, x = rows[inside], columns[inside], y[inside], x[inside]
    if len(x):
        best = contrast[y, x] >= np.percentile(contrast[y, x], TEXTURED)
        rows, columns, y, x = rows[best], columns[best], y[best], x[best]
    side = max(1, round(CELL * max(h, w)))
    order = rng.permutation(len(x))
    _, first = np.unique((y[order] // side) * (w // side + 1) + x[order] // side, return_index=True)
    chosen = rng.permutation(order[first])[:PATCHES]
    at = rows[chosen], columns[chosen]
    return x[chosen], y[chosen], sure.depth[at].astype(np.float64), sure.normal[at].astype(np.float64)


def _through_lens(view: View, straight: PatchPicture, pixels: Array) -> Array:
    """Pixels [n, 2] of the view's own picture where those of its picture without the lens are."""
    directions = straight.camera.unproject(torch.from_numpy(pixels))
    return view.camera.project(directions).numpy()


def _tracks(positions: Array, seen: Sequence[NDArray[np.int64]], pixels: Sequence[Array]) -> Tracks:
    points = Points(positions, np.zeros((len(positions), 3), np.uint8))
    if not seen:
        return Tracks(points)
    views, indices = np.concatenate(seen, 1)
    order = np.argsort(views, kind="stable")
    return Tracks(points, views[order].astype(np.int32), indices[order], np.concatenate(pixels)[order])
