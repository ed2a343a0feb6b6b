"""Whether a film's model leaves doubt that another way of mapping could settle.

Mapped frame by frame, a repeating texture slips by a period. Epipolar lines do not show it where the slip runs along them, but
points do: cut the film in two where it slipped, and the true matches across the cut miss the points of the other side.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pycolmap
from numpy.typing import NDArray

from recon.geometry.transforms import Array
from recon.poses.sfm.colmap_model import Model
from recon.poses.sfm.database import Pair, verified
from recon.poses.sfm.quality import MAX_ERROR

# Of the matches across each cut, and of those of each pair of frames. Of films without repeating texture at least 0.92 to 0.98 meet
# their points across every cut, on a walk along shelves 0.61 to 0.71 even where nothing slipped (docs/poses.md).
_OF_CUT, _OF_PAIR = 0.9, 0.5
# Along those shelves quick mapping of all frames at once never came to the poses of the first model (five choices of frames).
_HOPELESS = 0.75
_ENOUGH = 30  # matches that say something of a cut or a pair
# Of the longer side: so far from a point a match may be. A turn of a quarter of a degree moves it farther.
_REACH = 2 * MAX_ERROR


def weakest_cut(model: Model, database: Path, images: list[str]) -> float:
    """The least share of matches, across any cut of the film in two, that meet the points of the model.

    A match of two features meets the point of one when that is seen within `_REACH` of the other. 0 where too few matches tell,
    and where most of those of some pair of frames miss.

    database: the verified matches; images: in the order of the film.
    """
    ids = {model.image(i).name: i for i in model.reg_image_ids()}
    places = {ids[name]: place for place, name in enumerate(name for name in images if name in ids)}
    if len(places) < 2:
        return 0.0
    known, met = (np.zeros(len(places), np.int64) for _ in range(2))  # differences from each cut to the next
    for (a, b), errors in _misses(model, database, places):
        n, n_met = len(errors), int((errors < _REACH).sum())
        if n >= _ENOUGH and n_met < _OF_PAIR * n:
            return 0.0
        first, last = sorted((places[a], places[b]))
        known[[first, last]] += (n, -n)
        met[[first, last]] += (n_met, -n_met)
    across, fitting = known.cumsum()[:-1], met.cumsum()[:-1]
    return float((fitting / np.maximum(across, 1)).min()) if across.min() >= _ENOUGH else 0.0


def is_settled(share: float) -> bool:
    """Whether a second opinion has nothing to tell, by `weakest_cut`."""
    return share >= _OF_CUT


def is_hopeless(share: float) -> bool:
    """Whether so many matches contradict the model, by `weakest_cut`, that a quick second opinion would differ."""
    return share < _HOPELESS


def _misses(model: Model, database: Path, images: Iterable[int]) -> Iterator[tuple[Pair, Array]]:
    """How far the matches of each verified pair of `images` miss [n], as a share of the longer side; only those with a point."""
    point_of, positions = _points(model)
    with pycolmap.Database.open(database) as opened:
        pixels = {i: opened.read_keypoints(i)[:, :2].astype(np.float64) for i in images}
        found = [(pair, geometry.inlier_matches) for pair, geometry in verified(opened)]
    for (a, b), matches in found:
        if a not in pixels or b not in pixels or len(matches) == 0:
            continue
        of_a, of_b = matches[:, 0], matches[:, 1]
        there = _errors(model, positions, point_of[a][of_a], b, pixels[b][of_b])
        back = _errors(model, positions, point_of[b][of_b], a, pixels[a][of_a])
        errors = np.fmax(there, back)
        yield (a, b), errors[~np.isnan(errors)]


def _points(model: Model) -> tuple[dict[int, NDArray[np.int64]], Array]:
    """The place of the point of each feature of each image, -1 none; the positions [n, 3]."""
    point_of = {i: np.full(model.image(i).num_points2D(), -1, np.int64) for i in model.reg_image_ids()}
    positions = np.zeros((model.num_points3D(), 3))
    for place, point in enumerate(model.points3D.values()):
        positions[place] = point.xyz
        for element in point.track.elements:
            if element.image_id in point_of:
                point_of[element.image_id][element.point2D_idx] = place
    return point_of, positions


def _errors(model: Model, positions: Array, points: NDArray[np.int64], image_id: int, pixels: Array) -> Array:
    """Distance [n] between `pixels` of an image and where it sees `points`, as a share of its longer side; nan without a point."""
    image = model.image(image_id)
    camera = model.camera(image.camera_id)
    errors, is_known = np.full(len(points), np.nan), points >= 0
    camera_from_world = image.cam_from_world().matrix()
    local = positions[points[is_known]] @ camera_from_world[:, :3].T + camera_from_world[:, 3]
    seen = np.asarray(camera.img_from_cam(local)).reshape(-1, 2)
    away = np.linalg.norm(seen - pixels[is_known], axis=1) / max(camera.width, camera.height)
    errors[is_known] = np.where(local[:, 2] > 0, np.nan_to_num(away, nan=np.inf), np.inf)
    return errors
