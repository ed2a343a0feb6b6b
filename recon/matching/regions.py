"""Blank regions of a picture: what is of nearly one colour and not confirmed, and the depths known along its border.

A blank surface is matched nowhere but along its edges. So its border says what it may be: a plane on which a good part of the
border lies (`region_planes` proposes those, `blank` chooses among all planes of the scene).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from recon.geometry.pinhole import rays_at
from recon.geometry.transforms import Array
from recon.kernels.planes import ScenePlane
from recon.matching.confirm import Confirmed
from recon.matching.pictures import Picture

SIZE = 320  # pixels of the longest side on which regions are found
ALIKE = 5  # grey levels between neighbours of one region, in each channel
MIN_PIXELS = 40  # of a region
NECK = 2  # pixels: regions that hang together by a gap of less than twice that in the edge between them are apart
BORDER = 2  # pixels round a region that are its border
MIN_BORDER = 8  # known pixels of a border that says anything
ON_PLANE = 0.02  # relative difference of a border's depth from a plane that it lies on
ENOUGH = 0.3  # share of a border on a plane that says all it can
UNKNOWN = 0.25  # how little of a border that says nothing lies on any plane
SHELL_DOUBT = 0.5  # the same of a wall or floor, which goes on behind what hides its border, in proportion


@dataclass(frozen=True)
class BlankRegions:
    """Of one picture; region 0 is what belongs to none. The pixels of all borders [n] lie region by region."""

    number: NDArray[np.int32]  # [h, w] region of each pixel
    lengths: NDArray[np.int64]  # [n_regions + 1] longer side of each region's box
    starts: NDArray[np.int64]  # [n_regions + 2] the border of region r is [starts[r], starts[r + 1])
    pixels: NDArray[np.int64]  # [n, 2] row and column
    rays: Array  # [n, 3] world, camera z = 1
    depths: Array  # [n]
    center: Array  # [3] of the camera

    def points(self, region: int) -> tuple[Array, NDArray[np.int64]]:
        """World positions [k, 3] and pixels [k, 2] of its border."""
        own = slice(self.starts[region], self.starts[region + 1])
        return self.center + self.rays[own] * self.depths[own, None], self.pixels[own]

    def off_border(self, planes: Sequence[ScenePlane]) -> NDArray[np.float32]:
        """[n_regions + 1, n_planes] in [0, 1]: how little of a region's border lies on a plane."""
        sizes = np.diff(self.starts)
        owner = np.repeat(np.arange(len(sizes)), sizes)
        off = np.full((len(sizes), len(planes)), UNKNOWN, np.float32)
        says = sizes >= MIN_BORDER
        for k, plane in enumerate(planes):
            on = np.abs(plane.surface(self.rays, self.center)[0] - self.depths) < ON_PLANE * self.depths
            share = np.bincount(owner, on, len(sizes))[says] / sizes[says]
            off[says, k] = 1 - np.minimum(share / ENOUGH, 1)
            off[:, k] *= SHELL_DOUBT if plane.is_shell else 1
        return off

    def at_size(self, size_hw: tuple[int, int]) -> NDArray[np.int32]:
        """The region of each pixel of the picture at another size."""
        y, x = (((np.arange(n) + 0.5) * f / n).astype(int) for n, f in zip(size_hw, self.number.shape, strict=True))
        return self.number[y[:, None], x[None]]


def blank_regions(picture: Picture, confirmed: Confirmed, hint: Confirmed, closed: NDArray[np.bool_]) -> BlankRegions:
    """Regions of what is neither confirmed nor closed [h, w], with the hints' depths along their borders."""
    step = max(1, round(max(picture.camera.size_hw) / SIZE))
    grid = (slice(step // 2, None, step),) * 2
    is_blank = (confirmed.depth[grid] == 0) & ~closed[grid] & picture.is_valid[grid]
    number = _regions_of_one_color(picture.color[grid], is_blank)
    depth = hint.depth[grid]
    boxes = ndimage.find_objects(number)
    borders = [np.zeros((0, 2), np.int64), *(_border(number, r, box, depth > 0) for r, box in enumerate(boxes, 1))]
    pixels = np.concatenate(borders)
    y, x = pixels.T
    rays = rays_at(picture.camera, x * step + step // 2 + 0.5, y * step + step // 2 + 0.5)
    return BlankRegions(
        number=number,
        lengths=np.array([0, *(max(side.stop - side.start for side in box) for box in boxes)], np.int64),
        starts=np.cumsum([0, *map(len, borders)]),
        pixels=pixels,
        rays=rays @ picture.world_from_camera[:3, :3].T,
        depths=depth[y, x].astype(np.float64),
        center=picture.world_from_camera[:3, 3].copy(),
    )


def _border(
    number: NDArray[np.int32], region: int, box: tuple[slice, slice], is_known: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """The known pixels [n, 2] in and round a region: of what is in it, edges are known."""
    low = [max(0, side.start - BORDER) for side in box]
    part = tuple(slice(start, side.stop + BORDER) for start, side in zip(low, box, strict=True))
    near = ndimage.binary_dilation(number[part] == region, np.ones((3, 3)), iterations=BORDER)
    return np.argwhere(near & is_known[part]) + low


def _regions_of_one_color(color: NDArray[np.uint8], is_blank: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Numbers [h, w] from 1 of the connected blank regions in which neighbours are alike; 0 elsewhere."""
    smooth = np.asarray(cv2.GaussianBlur(color, (0, 0), 0.7), np.int16)
    index = np.arange(is_blank.size).reshape(is_blank.shape)
    pairs, is_plain = [], is_blank.copy()
    for one, other in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
        alike = np.abs(smooth[one] - smooth[other]).max(-1) <= ALIKE
        is_plain[one] &= alike
        is_plain[other] &= alike
        alike &= is_blank[one] & is_blank[other]
        pairs.append(np.stack([index[one][alike], index[other][alike]]))
    rows, columns = np.concatenate(pairs, 1)
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(is_blank.size, is_blank.size))
    labels = connected_components(graph, directed=False)[1].reshape(is_blank.shape)
    return _numbered(_without_necks(np.where(is_blank, labels + 1, 0), is_plain))


def _without_necks(labels: NDArray[np.int64], is_plain: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The same labels [h, w] (0: none), parts that hang together by less than 2 NECK plain pixels made regions of their own.

    An edge fades here and there: through a gap in it the front of a fridge and the wall beside it would be one region, whose
    border says nothing of either.
    """
    inner = ndimage.distance_transform_edt(np.pad(is_plain, 1, mode="edge"))[1:-1, 1:-1] > NECK
    cores, n_cores = ndimage.label(inner & (labels > 0))
    sizes = np.bincount(cores.reshape(-1), minlength=n_cores + 1)
    cores[sizes[cores] < MIN_PIXELS] = 0
    if not cores.any():
        return labels
    at = ndimage.distance_transform_edt(cores == 0, return_distances=False, return_indices=True)
    is_round_core = (labels[tuple(at)] == labels) & (labels > 0)
    return np.where(is_round_core, cores[tuple(at)], np.where(labels > 0, labels + n_cores, 0))


def _numbered(labels: NDArray[np.int64]) -> NDArray[np.int32]:
    """Labels [h, w] counted through from 1; 0 where they are 0 or their region is too small."""
    counts = np.bincount(labels.reshape(-1))
    counts[0] = 0
    chosen = counts >= MIN_PIXELS
    return np.where(chosen, np.cumsum(chosen), 0).astype(np.int32)[labels]
