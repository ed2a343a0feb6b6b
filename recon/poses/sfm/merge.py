"""Two partial models of one capture made one, through points that both have.

A point of either model is known by the features that saw it. The same feature in a picture that both models posed, or two features
that were matched across the models, say that a point of one is a point of the other; a similarity fits most of these pairs.
"""

from pathlib import Path

import numpy as np
import pycolmap

from recon.geometry.transforms import Array, Similarity, align_points
from recon.poses.sfm.colmap_model import Model, move
from recon.poses.sfm.database import verified
from recon.poses.sfm.mapping import Mapping

Feature = tuple[int, int]  # image, place of the feature in it
_TRIALS = 500
_TOLERANCE = 0.05  # of the distance from which the point was seen: sparse points of partial models drift
_MIN_AGREEING = 20


def merge(models: list[Model], given: Mapping) -> Model | None:
    """The largest model with all that can be attached to it, triangulated anew; None when nothing can be."""
    ranked = sorted(models, key=lambda model: -model.num_reg_images())
    whole, waiting, is_larger = ranked[0], ranked[1:], False
    while True:
        attached = next((part for part in waiting if _attach(whole, part, given)), None)
        if attached is None:
            break
        waiting.remove(attached)
        is_larger = True
        folder = given.scratch / f"merged{len(waiting)}"
        folder.mkdir()
        whole = pycolmap.triangulate_points(whole, given.database, given.images, folder, clear_points=True)
    return whole if is_larger else None


def _attach(whole: Model, part: Model, given: Mapping) -> bool:
    """Give the frames that only `part` posed their poses in `whole`; whether there were any and the models agree."""
    new = sorted(set(part.reg_frame_ids()) - set(whole.reg_frame_ids()))
    pairs = _common_points(whole, part, given.database) if new else None
    whole_from_part = _fit(*pairs, np.random.default_rng(given.seed)) if pairs is not None else None
    if whole_from_part is None:
        return False
    move(part, whole_from_part)
    for frame_id in new:
        _take(whole, part, frame_id)
    return True


def _take(whole: Model, part: Model, frame_id: int) -> None:
    """Pose a frame in `whole` as it is in `part`; models know only the frames that they posed."""
    theirs = part.frame(frame_id)
    if not whole.exists_frame(frame_id):
        _add(whole, part, theirs)
    whole.frame(frame_id).rig_from_world = theirs.rig_from_world
    whole.register_frame(frame_id)


def _add(whole: Model, part: Model, theirs: pycolmap.Frame) -> None:
    """Give `whole` a frame of `part` with its images, and the cameras of it that are new."""
    for camera in part.cameras.values():
        if not whole.exists_camera(camera.camera_id):
            whole.add_camera(camera)
    if not whole.exists_rig(theirs.rig_id):
        whole.add_rig(part.rig(theirs.rig_id))
    images = [part.image(image_id) for image_id in part.images if part.image(image_id).frame_id == theirs.frame_id]
    frame = pycolmap.Frame()
    frame.frame_id, frame.rig_id, frame.rig_from_world = theirs.frame_id, theirs.rig_id, theirs.rig_from_world
    for image in images:
        frame.add_data_id(image.data_id)
    whole.add_frame(frame)
    for image in images:
        pixels = np.array([point.xy for point in image.points2D]).reshape(-1, 2)
        copied = pycolmap.Image(name=image.name, keypoints=pixels, camera_id=image.camera_id, image_id=image.image_id)
        copied.frame_id = theirs.frame_id
        whole.add_image(copied)


def _common_points(whole: Model, part: Model, database: Path) -> tuple[Array, Array, Array] | None:
    """The same points in either model [n, 3] and the distances [n] they were seen from in `whole`; None when too few."""
    in_whole, in_part = _features(whole), _features(part)
    pairs = {(in_whole[feature], in_part[feature]) for feature in in_whole.keys() & in_part.keys()}
    with pycolmap.Database.open(database) as opened:
        found = list(verified(opened))
    for (a, b), geometry in found:
        for i, j in geometry.inlier_matches.tolist():
            for one, other in (((a, i), (b, j)), ((b, j), (a, i))):
                if one in in_whole and other in in_part:
                    pairs.add((in_whole[one], in_part[other]))
    if len(pairs) < _MIN_AGREEING:
        return None
    ordered = sorted(pairs)
    points = [whole.point3D(p) for p, _ in ordered]
    eyes = [whole.image(point.track.elements[0].image_id).projection_center() for point in points]
    positions = np.array([point.xyz for point in points])
    return positions, np.array([part.point3D(q).xyz for _, q in ordered]), np.linalg.norm(positions - eyes, axis=1)


def _features(model: Model) -> dict[Feature, int]:
    """Which point each feature saw."""
    return {(e.image_id, e.point2D_idx): key for key, p in model.points3D.items() for e in p.track.elements}


def _fit(whole: Array, part: Array, distances: Array, rng: np.random.Generator) -> Similarity | None:
    """The similarity that takes most points of `part` [n, 3] to those of `whole` (RANSAC, then least squares)."""
    best = np.zeros(len(whole), bool)
    for _ in range(_TRIALS):
        chosen = rng.choice(len(whole), 3, replace=False)
        spans = np.linalg.norm(np.cross(part[chosen[1]] - part[chosen[0]], part[chosen[2]] - part[chosen[0]]))
        if spans > 1e-9:
            fits = _fits(align_points(part[chosen], whole[chosen]), whole, part, distances)
            best = fits if fits.sum() > best.sum() else best
    for _ in range(3):
        if best.sum() < _MIN_AGREEING:
            return None
        whole_from_part = align_points(part[best], whole[best])
        best = _fits(whole_from_part, whole, part, distances)
    return whole_from_part


def _fits(whole_from_part: Similarity, whole: Array, part: Array, distances: Array) -> Array:
    return np.linalg.norm(whole_from_part.points(part) - whole, axis=1) < _TOLERANCE * distances
