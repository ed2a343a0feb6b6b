"""Perspective or fisheye: which projection the matches agree with, before any camera is posed.

An essential matrix explains matches only where pixels become the right rays. So the two families of lenses are tried, each
at several focal lengths, on pairs that moved much; the share of matches that one rigid motion explains is the vote. No
perspective model maps a real fisheye: straight lines bend by more than its first coefficients can undo.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycolmap

from recon.geometry.transforms import Array
from recon.poses.sfm.families import FAMILIES, family_of
from recon.workspace.console import progress, say

# Focal length over the longer side. Fisheyes: 0.25 is 230 degrees across, 0.6 is 95; beyond, the families look alike.
_RATIOS = {"perspective": (0.45, 0.7, 1.2), "fisheye": (0.25, 0.29, 0.33, 0.38, 0.44, 0.51, 0.6)}
_TYPICAL_FISHEYE = 0.38
_N_PAIRS, _N_MATCHES = 8, 300  # votes: more change the shares by under 0.01
_MIN_MATCHES = 30
_MAX_ERROR = 0.003  # of the longer side: 4 pixels of 1280
_MOTION_ENOUGH = 0.1  # of the longer side: pairs that moved less hardly bend and vote less
# Shares of agreeing matches, fisheye over perspective. Measured: 0.83 to 1.01 for phones, photo cameras, dashcams and
# pinholes; 1.18 to 1.45 for fisheyes of 130 to 200 degrees. Barrel-shaped action cameras lie between, and map well as either.
_CLEARLY_MORE = 1.12


@dataclass(frozen=True)
class _Pair:
    """Matched places in two pictures, pixels [n, 2] each, and the database's cameras of them."""

    camera_ids: tuple[int, int]
    points: tuple[Array, Array]


def settle_family(database: Path, *, camera_model: str, seed: int) -> str:
    """The family of lenses ("perspective", "fisheye") that the frames are mapped with.

    `camera_model` names a model of the family, or is "auto": fisheye where clearly more matches agree. For a fisheye the
    database's cameras become fisheyes of the focal length that most matches agree with, and all pairs are verified anew.
    """
    named = None if camera_model == "auto" else family_of(camera_model)
    if named == "perspective":
        return named
    cameras, pairs = _read(database, seed)
    if not pairs:  # nothing to vote with; mapping will hardly succeed, but a named lens is kept to
        if named is not None:
            _become_fisheye(database, cameras.values(), _TYPICAL_FISHEYE)
        return named or "perspective"
    with progress("lens", sum(map(len, _RATIOS.values()))) as bar:
        votes = {}
        for family, ratios in _RATIOS.items():
            for ratio in ratios:
                votes[family, ratio] = _agreeing(cameras, pairs, FAMILIES[family].mapping, ratio, seed)
                bar.advance()
    share = {family: max(votes[family, ratio] for ratio in ratios) for family, ratios in _RATIOS.items()}
    if named is None and share["fisheye"] < _CLEARLY_MORE * share["perspective"]:
        return "perspective"
    ratio = max(_RATIOS["fisheye"], key=lambda ratio: votes["fisheye", ratio])
    say(
        f"poses: a fisheye lens of focal length about {ratio:g} of the longer side: {share['fisheye']:.0%} of the matches "
        f"agree with it, {share['perspective']:.0%} with a perspective lens"
    )
    _become_fisheye(database, cameras.values(), ratio)
    return "fisheye"


def _read(database: Path, seed: int) -> tuple[dict[int, pycolmap.Camera], list[_Pair]]:
    """The cameras, and the pairs with most matches and motion, a random part of the matches of each."""
    with pycolmap.Database.open(database) as opened:
        cameras = {camera.camera_id: camera for camera in opened.read_all_cameras()}
        camera_ids = {image.image_id: image.camera_id for image in opened.read_all_images()}
        keypoints = {i: opened.read_keypoints(i)[:, :2].astype(np.float64) for i in camera_ids}
        pair_ids, all_matches = opened.read_all_matches()
    rng = np.random.default_rng(seed)
    weighed = []
    for pair_id, matches in zip(pair_ids, all_matches, strict=True):
        if len(matches) < _MIN_MATCHES:
            continue
        a, b = pycolmap.pair_id_to_image_pair(pair_id)
        chosen = matches[rng.choice(len(matches), min(len(matches), _N_MATCHES), replace=False)]
        points = keypoints[a][chosen[:, 0]], keypoints[b][chosen[:, 1]]
        camera = cameras[camera_ids[a]]
        moved = float(np.median(np.linalg.norm(points[0] - points[1], axis=1))) / max(camera.width, camera.height)
        weight = len(matches) * min(moved, _MOTION_ENOUGH)
        weighed.append((weight, _Pair((camera_ids[a], camera_ids[b]), points)))
    weighed.sort(key=lambda entry: -entry[0])
    return cameras, [pair for _, pair in weighed[:_N_PAIRS]]


def _agreeing(
    cameras: dict[int, pycolmap.Camera], pairs: Sequence[_Pair], model: str, ratio: float, seed: int
) -> float:
    """The share of matches that an essential matrix explains under a lens model without distortion."""
    lenses = {camera_id: _lens(camera, model, ratio) for camera_id, camera in cameras.items()}
    options = pycolmap.RANSACOptions()
    options.min_num_trials, options.max_num_trials, options.random_seed = 100, 300, seed
    agreeing = 0
    for pair in pairs:
        first, second = (lenses[camera_id] for camera_id in pair.camera_ids)
        options.max_error = _MAX_ERROR * max(first.width, first.height)
        found = pycolmap.estimate_essential_matrix(*pair.points, first, second, options)
        agreeing += 0 if found is None else int(np.count_nonzero(found["inlier_mask"]))
    return agreeing / sum(len(pair.points[0]) for pair in pairs)


def _lens(camera: pycolmap.Camera, model: str, ratio: float) -> pycolmap.Camera:
    """The camera with another lens, principal point at the centre, no distortion."""
    w, h = camera.width, camera.height
    lens = pycolmap.Camera.create_from_model_name(camera.camera_id, model, ratio * max(w, h), w, h)
    lens.has_prior_focal_length = True  # pixels become rays in verification, which is what tells the families apart
    return lens


def _become_fisheye(database: Path, cameras: Iterable[pycolmap.Camera], ratio: float) -> None:
    """Make all cameras fisheyes, and verify every matched pair with them."""
    with pycolmap.Database.open(database) as opened:
        for camera in cameras:
            opened.update_camera(_lens(camera, FAMILIES["fisheye"].mapping, ratio))
        opened.clear_two_view_geometries()
    options = pycolmap.TwoViewGeometryOptions()
    options.ransac.random_seed = 0
    with progress("verifying", None):
        pycolmap.geometric_verification(database, two_view_geometry_options=options)
