"""Blender synthetic scenes (NeRF-synthetic and its kin): `transforms_train.json`, `transforms_test.json`.

One `camera_angle_x` for all pictures, principal point at the centre, no distortion, unless the file has more intrinsics, as other
programs write. `file_path` may lack `.png`; pictures may carry alpha. Poses are `world_from_camera` with OpenGL axes in a z-up
world. See docs/conventions.md.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

from recon.formats.gathering import Gathering
from recon.formats.given_poses import in_order, unique_names
from recon.formats.transforms_json import load, path_of, pose
from recon.formats.transforms_lenses import FOCAL_KEYS, Lenses
from recon.geometry.reconstruction import Reconstruction, Split, View
from recon.workspace.console import warn
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file, is_folder


def read(path: Path) -> Reconstruction:
    """Read the scene in the folder `path` (or beside one of its files): its own train and test splits, world +z up.

    Validation pictures serve as the test split only where there is no `transforms_test.json`. Raises `UserError`
    naming file and frame for a missing key, a bad pose or a picture outside the folder.
    """
    folder = path if is_folder(path) else path.parent
    train = folder / "transforms_train.json"
    tests = [folder / f"transforms_{name}.json" for name in ("test", "val")]
    test = next((file for file in tests if is_file(file)), None)
    if test is None:
        warn(f"{folder}: no transforms_test.json: every eighth training picture is held out instead.")
    views = _views(train, "train") + (_views(test, "test") if test else [])
    if test is None:
        views = [replace(view, split=None) for view in views]
    names = unique_names([view.name for view in views])
    renamed = (replace(view, name=name) for view, name in zip(views, names, strict=True))
    return Reconstruction(in_order(renamed), is_up_aligned=True)


def _views(file: Path, split: Split) -> list[View]:
    """The views of one split, named by their path; missing pictures are skipped with one warning."""
    value = load(file)
    frames = value.get("frames")
    if not isinstance(frames, list) or not frames:
        raise UserError(f"{file}: expected a non-empty list under the key 'frames'. Export the scene again.")
    if not any(key in value for key in FOCAL_KEYS):
        raise UserError(f"{file}: no 'camera_angle_x', the angle of view in radians. Export the scene again.")
    gathered, lenses, views = Gathering(file), Lenses(file, value), []
    for i, frame in enumerate(frames):
        name = path_of(file, frame, i)
        image = gathered.picture(name)
        posed = None if image is None else gathered.pose(name, partial(pose, file, frame, i))
        if image is None or posed is None:
            continue
        camera, reading = lenses.camera(frame, image)
        views.append(View(name, image, camera, posed, split=split, reading=reading))
    gathered.tell(len(views), hint=f"Put them below {file.parent}.")
    lenses.tell()
    return views
