"""Whether two models of one capture tell the same: then there is nothing to choose between them."""

import numpy as np

from recon.geometry.transforms import Array, align_points
from recon.poses.sfm.colmap_model import Model

# Of the spread of the camera centres, and in degrees. Models that came out right lie within a thousandth of each other, also where
# one has not had its last adjustment; between these limits both are finished and judged.
_MEAN, _FARTHEST = 0.003, 0.01
_TURNED_DEG = 0.25


def is_same(model: Model, other: Model) -> bool:
    """Whether all frames of `model` are posed in `other` too, and as in `model` after the best similarity."""
    shared = sorted(set(model.reg_image_ids()) & set(other.reg_image_ids()))
    if len(shared) < model.num_reg_images() or len(shared) < 3:
        return False
    ours, theirs = (_centers(m, shared) for m in (model, other))
    ours_from_theirs = align_points(theirs, ours)
    spread = float(np.sqrt(((ours - ours.mean(0)) ** 2).sum(1).mean()))
    errors = np.linalg.norm(ours_from_theirs.points(theirs) - ours, axis=1)
    turned = [
        _angle_deg(
            _rotation(model, i) @ ours_from_theirs.rotation @ _rotation(other, i).T
        )  # ours from theirs, camera frame
        for i in shared
    ]
    return bool(
        np.sqrt((errors**2).mean()) < _MEAN * spread and errors.max() < _FARTHEST * spread and max(turned) < _TURNED_DEG
    )


def _centers(model: Model, image_ids: list[int]) -> Array:
    return np.array([model.image(i).projection_center() for i in image_ids])


def _rotation(model: Model, image_id: int) -> Array:
    """camera_from_world [3, 3]."""
    return np.asarray(model.image(image_id).cam_from_world().rotation.matrix())


def _angle_deg(rotation: Array) -> float:
    return float(np.degrees(2 * np.arcsin(min(np.linalg.norm(rotation - np.eye(3)) / np.sqrt(8), 1.0))))
