"""The depth beside the pictures where sparse points were seen: how many metres a unit of the poses is there."""

from dataclasses import dataclass

import numpy as np

from recon.formats.depth_files import find_depth
from recon.formats.depth_images import read_depth
from recon.geometry import Reconstruction, View, invert_rigid
from recon.geometry.transforms import Array
from recon.workspace.errors import UserError

ENOUGH = 50  # points to fit and to judge by
MOST_SPREAD = 0.15  # relative, above which depth and poses do not belong together


@dataclass(frozen=True)
class DepthAtPoints:
    """Metres of a depth image in a unit of the poses, at the points that its picture saw, picture by picture."""

    ratios: tuple[Array, ...]  # of each picture [n], n > 0
    problem: str | None  # what is wrong with the first depth image that does not open

    @property
    def all(self) -> Array:
        """Those of all pictures [m]."""
        return np.concatenate([np.zeros(0), *self.ratios])


def middle_and_spread(ratios: Array) -> tuple[float, float]:
    """Median of ratios [n], n > 0, and their relative standard deviation about it, as their median distance has it."""
    middle = float(np.median(ratios))
    return middle, 1.4826 * float(np.median(np.abs(ratios / middle - 1)))


def depth_at_points(reconstruction: Reconstruction, *, at_most: int) -> DepthAtPoints:
    """Of at most so many training pictures with depth, spread over the capture; depth images that do not open are left out."""
    tracks, is_out = reconstruction.tracks, reconstruction.is_held_out
    counts = np.bincount(tracks.views, minlength=len(reconstruction.views))
    seeing = [i for i, out in enumerate(is_out) if not out and counts[i] and find_depth(reconstruction.views[i])]
    ratios, problem = [], None
    for place in seeing[:: max(1, -(-len(seeing) // at_most))]:
        own = tracks.views == place
        try:
            found = _ratios(
                reconstruction.views[place], tracks.pixels[own], tracks.points.positions[tracks.indices[own]]
            )
        except UserError as error:
            problem = problem or str(error)
            continue
        if len(found):
            ratios.append(found)
    return DepthAtPoints(tuple(ratios), problem)


def _ratios(view: View, pixels: Array, places: Array) -> Array:
    """Metres of the depth image of `view` to units of the poses, at points [n, 3] that it saw at pixels [n, 2]: known ones."""
    file = find_depth(view)
    assert file is not None
    metres = read_depth(file).depth_m
    camera_from_world = invert_rigid(view.world_from_camera)
    depths = places @ camera_from_world[2, :3] + camera_from_world[2, 3]
    (h, w), (picture_h, picture_w) = metres.shape, view.camera.size_hw
    x = np.clip(pixels[:, 0] * w / picture_w, 0, w - 1).astype(int)
    y = np.clip(pixels[:, 1] * h / picture_h, 0, h - 1).astype(int)
    known = (metres[y, x] > 0) & (depths > 0)
    return np.asarray(metres[y, x][known] / depths[known], np.float64)
