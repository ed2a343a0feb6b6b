"""Blender synthetic scenes (NeRF-synthetic and its kin): `transforms_train.json`, `transforms_test.json`.

One `camera_angle_x` for all pictures, principal point at the centre, no distortion; `file_path` without `.png`;
pictures may carry alpha. Poses are `world_from_camera` with OpenGL axes in a z-up world. See docs/conventions.md.
"""

import math
from dataclasses import replace
from pathlib import Path

from recon.console import warn
from recon.errors import UserError
from recon.formats.given_poses import unique_names
from recon.formats.images import image_size_hw, natural_key
from recon.formats.transforms_json import find_image, load, pose
from recon.geometry.cameras import Camera
from recon.geometry.reconstruction import Reconstruction, Split, View


def read(path: Path) -> Reconstruction:
    """Read the scene in the folder `path` (or beside one of its files): its own train and test splits, world +z up.

    Validation pictures serve as the test split only where there is no `transforms_test.json`. Raises `UserError`
    naming file and frame for a missing key, a bad pose or a picture outside the folder.
    """
    folder = path if path.is_dir() else path.parent
    train = folder / "transforms_train.json"
    tests = [folder / f"transforms_{name}.json" for name in ("test", "val")]
    test = next((file for file in tests if file.exists()), None)
    if test is None:
        warn(f"{folder}: no transforms_test.json: every eighth training picture is held out instead.")
    views = _views(train, "train") + (_views(test, "test") if test else [])
    if not any(view.split == "train" for view in views):
        raise UserError(f"{train}: none of its listed pictures exists. Put them below {folder}.")
    if test is None:
        views = [replace(view, split=None) for view in views]
    names = unique_names([view.name for view in views])
    renamed = (replace(view, name=name) for view, name in zip(views, names, strict=True))
    return Reconstruction(tuple(sorted(renamed, key=lambda view: natural_key(view.name))), is_up_aligned=True)


def _views(file: Path, split: Split) -> list[View]:
    """The views of one split, named by their path; missing pictures are skipped with one warning."""
    value = load(file)
    frames, angle = value.get("frames"), value.get("camera_angle_x")
    if not isinstance(frames, list) or not frames:
        raise UserError(f"{file}: expected a non-empty list under the key 'frames'. Export the scene again.")
    if not isinstance(angle, (int, float)) or not 0 < angle < math.pi:
        raise UserError(f"{file}: 'camera_angle_x' must be an angle in radians in (0, pi), found {angle!r}.")
    views, missing = [], []
    for i, frame in enumerate(frames):
        image = find_image(file, frame, i)
        if image is None:
            missing.append(frame["file_path"])
            continue
        h, w = image_size_hw(image)
        focal = 0.5 * w / math.tan(0.5 * angle)
        camera = Camera("PINHOLE", (h, w), focal, focal, w / 2, h / 2)
        views.append(View(frame["file_path"], image, camera, pose(file, frame, i), split=split))
    if missing:
        warn(f"{file}: {len(missing)} of {len(frames)} listed pictures do not exist and are skipped.")
    return views
