"""Whether the pictures tell the focal length at all.

A camera that moves straight ahead without turning sees the same pictures with a longer lens in a deeper scene (Sturm 1997, critical
motions): every focal length fits, and the shape of the scene is anyone's guess. So such models are fitted again with the focal
length held too short and too long; where that costs nothing, it is unknown.
"""

import copy

import numpy as np

from recon.geometry.transforms import Array
from recon.poses.sfm.colmap_model import Model
from recon.poses.sfm.lens import adjust

FACTORS = (0.8, 1.25)
# A spread of viewing directions that tells the focal length by itself: fits are not repeated.
_TURNED_ENOUGH_DEG = 12.0
# In squared pixels, of the sum over all observations of log(1 + e^2). Measured at either factor: motorway -1 and 23; straight
# road in a town 59 and 122, whose focal length came out 4 % short; walks and bends over 7000.
_TELLING = 15.0


def is_focal_told(model: Model) -> bool:
    """Whether holding the focal length a fifth shorter or longer makes the model fit worse."""
    if _turning_deg(model) > _TURNED_ENOUGH_DEG:
        return True
    fits = _misfit(model)
    return all(_misfit(_refitted(model, factor)) - fits > _TELLING for factor in FACTORS)


def _turning_deg(model: Model) -> float:
    """The largest angle between the viewing axes of the frames and their mean."""
    axes = np.array([model.image(i).viewing_direction() for i in model.reg_image_ids()])
    mean = axes.mean(0) / max(float(np.linalg.norm(axes.mean(0))), 1e-12)
    return float(np.degrees(np.arccos(np.clip(axes @ mean, -1, 1).min())))


def _refitted(model: Model, factor: float) -> Model:
    other = copy.deepcopy(model)
    for camera in other.cameras.values():
        camera.params = [
            value * factor if i in camera.focal_length_idxs() else value for i, value in enumerate(camera.params)
        ]
    adjust(other, is_focal_fixed=True)
    return other


def _misfit(model: Model) -> float:
    """What adjustment minimises: the sum over observations of log(1 + e^2), e the reprojection error in pixels."""
    return float(sum(np.log1p((_errors(model, image_id) ** 2).sum(1)).sum() for image_id in model.reg_image_ids()))


def _errors(model: Model, image_id: int) -> Array:
    """Reprojection errors [n, 2] of the points that an image sees; ten pixels for one behind the camera."""
    image = model.image(image_id)
    seen = [p for p in image.points2D if p.has_point3D()]
    projected = [image.project_point(model.point3D(p.point3D_id).xyz) for p in seen]
    return np.array(
        [np.array([10.0, 0.0]) if uv is None else uv - p.xy for uv, p in zip(projected, seen, strict=True)]
    ).reshape(-1, 2)
