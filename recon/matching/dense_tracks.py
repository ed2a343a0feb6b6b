"""Thousands of points followed to a tenth of a pixel: what poses and lenses are adjusted to once features have found them roughly.

Features are found to half a pixel, each picture for itself. Here well-spread spots of every picture learn how the surface lies
at them (`spot_planes`), and the patches round them are followed into the picture's neighbours at full size (`patches`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from recon.formats.images import fit_within
from recon.geometry import Points, Reconstruction, Tracks, View
from recon.geometry.transforms import Array
from recon.kernels.stereo import StereoView
from recon.matching.patches import RADIUS, Patches, PatchPicture, cut_patches, find_patches
from recon.matching.pictures import read_picture
from recon.matching.shelf import Shelf
from recon.matching.sources import SparseScene, choose_sources, depth_ranges, sparse_scene
from recon.matching.spot_planes import spot_planes
from recon.workspace.console import Bar, progress

SMALL_SIZE = 320  # pixels of the longer side that planes are found at
FULL_SIZE = 1280  # that patches are followed at, at most
SPOTS = 450  # of a picture, at most
PATCHES = 300  # the same, of those whose planes are good
MAX_COST = 0.3  # of such a plane
CELL = 1 / 40  # of the longer side: one spot in each such square
TRIES = 4  # pixels of a square that are looked at
TEXTURED = 40  # per cent of the pixels that have less contrast than the others are left
SOURCES = 8  # pictures that planes are found by
NEIGHBOURS = 16  # pictures that see most of the same;
EVERY = 2  # patches are followed into every second of them: near and far ones
MIN_FOUND = 2  # of them must find one
CACHED = 20  # full pictures in memory, with their layers


@dataclass(frozen=True)
class _Pictures:
    """One entry per view; the spots are pixels x, y [n, 2] of the full picture."""

    full: Shelf[PatchPicture]
    small: Shelf[StereoView]
    spots: list[NDArray[np.int64]]


def dense_tracks(reconstruction: Reconstruction, *, scratch: Path, seed: int) -> Tracks:
    """Points on the surfaces, and where the reconstruction's views see them; pixels of the views' own pictures, lens and all."""
    views = reconstruction.views
    scene = sparse_scene(reconstruction, views)
    sources = choose_sources(views, scene, SOURCES)
    neighbours = choose_sources(views, scene, NEIGHBOURS)[:, ::EVERY]
    positions: list[Array] = [np.zeros((0, 3))]
    seen: list[NDArray[np.int64]] = []  # rows: view, point
    pixels: list[Array] = []
    with TemporaryDirectory(dir=scratch, prefix="dense") as folder, progress("poses: surfaces", 2 * len(views)) as bar:
        pictures = _read(views, depth_ranges(views, scene), Path(folder), bar, seed)
        for i in range(len(views)):
            patches = _patches(i, pictures, _there(sources[i]), scene, seed)
            found = [(i, np.arange(len(patches)), patches.pixels.astype(np.float64) + 0.5)]
            found += [(j, *find_patches(patches, pictures.full[j])) for j in _there(neighbours[i])]
            is_kept = np.bincount(np.concatenate([at for _, at, _ in found]), minlength=len(patches)) > MIN_FOUND
            place = sum(map(len, positions)) + np.cumsum(is_kept) - 1
            for j, at, where in found:
                keep = is_kept[at]
                seen.append(np.stack([np.full(keep.sum(), j), place[at[keep]]]))
                pixels.append(_through_lens(views[j], pictures.full[j], where[keep]))
            positions.append(patches.middles[is_kept])
            bar.advance()
    return _tracks(np.concatenate(positions), seen, pixels)


def _there(chosen: NDArray[np.int32]) -> list[int]:
    return [int(j) for j in chosen if j >= 0]


def _read(views: Sequence[View], ranges: Sequence[tuple[float, float]], folder: Path, bar: Bar, seed: int) -> _Pictures:
    """The pictures, each read once."""
    rng = np.random.default_rng(seed)
    h, w = fit_within(views[0].camera.size_hw, FULL_SIZE)
    full: Shelf[PatchPicture] = Shelf(folder / "full", cache_bytes=CACHED * h * w)
    pictures = _Pictures(full, Shelf(folder / "small"), [])
    for view, limits in zip(views, ranges, strict=True):
        picture = read_picture(view, FULL_SIZE)
        own = PatchPicture(picture.grey, picture.camera, picture.world_from_camera)
        pictures.full.put(own)
        small = fit_within(picture.camera.size_hw, SMALL_SIZE)
        pictures.small.put(picture.resized(small).stereo_view(*limits))
        pictures.spots.append(_spots(own, picture.is_valid, rng))
        bar.advance()
    return pictures


def _spots(picture: PatchPicture, is_valid: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Pixels x, y [n, 2]: textured, one in a cell at most, a patch away from the border."""
    contrast = np.asarray(cv2.blur(np.linalg.norm(picture.layers[..., 1:], axis=-1), (RADIUS + 2, RADIUS + 2)))
    h, w = contrast.shape
    margin = RADIUS + 1
    is_good = is_valid & (contrast >= np.percentile(contrast[::4, ::4], TEXTURED))
    side = max(1, round(CELL * max(h, w)))
    corners = np.stack(np.meshgrid(np.arange(margin, w - margin, side), np.arange(margin, h - margin, side)), -1)
    tried = corners.reshape(-1, 1, 2) + rng.integers(side, size=(corners.size // 2, TRIES, 2))
    tried = np.minimum(tried, (w - 1 - margin, h - 1 - margin))
    is_good = is_good[tried[..., 1], tried[..., 0]]
    found = tried[np.arange(len(tried)), is_good.argmax(1)][is_good.any(1)]
    return rng.permutation(found)[:SPOTS]


def _patches(index: int, pictures: _Pictures, sources: Sequence[int], scene: SparseScene, seed: int) -> Patches:
    """Of a picture, those whose planes are good."""
    full, small, spots = pictures.full[index], pictures.small[index], pictures.spots[index]
    places = (spots + 0.5) * np.divide(small.grey.shape[::-1], full.grey.shape[::-1])
    planes, costs = spot_planes(index, places.astype(np.int32), pictures.small, sources, scene, seed=seed)
    good = np.flatnonzero(costs < MAX_COST)[:PATCHES]
    return cut_patches(full, spots[good], planes[good].astype(np.float64))


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
