"""Points from matches and fixed poses, by COLMAP's triangulator; and the model as it goes to disk."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pycolmap

from recon.geometry import Similarity, View, invert_rigid
from recon.poses.given.matches import GivenMatches, posed_model
from recon.poses.given.pictures import picture_names
from recon.poses.sfm.colmap_model import colmap_camera, move, rigid3d

MAX_ERROR_PX = 4.0  # of a point in each of its pictures: COLMAP's own limit


def triangulate(
    matches: GivenMatches,
    places: Sequence[int],
    *,
    scratch: Path,
    max_error_px: float,
    seed: int,
    threads: int | None,
) -> pycolmap.Reconstruction:
    """A model of the views at `places`, exactly as they are posed, with the points that their matches agree on.

    max_error_px: of a point in each of its pictures. Views at other places play no part. scratch: a folder for files.
    seed: of all random numbers; threads: None: all cores.
    """
    options = pycolmap.IncrementalPipelineOptions()
    options.random_seed = seed
    options.num_threads = threads or -1
    options.extract_colors = False
    options.mapper.filter_max_reproj_error = max_error_px
    options.triangulation.merge_max_reproj_error = max_error_px
    options.triangulation.complete_max_reproj_error = max_error_px
    focal_px = min(matches.views[place].camera.fx for place in places)
    angle_deg = max(options.triangulation.create_max_angle_error, float(np.degrees(np.arctan(max_error_px / focal_px))))
    options.triangulation.create_max_angle_error = options.triangulation.continue_max_angle_error = angle_deg
    folder = scratch / "triangulated"
    folder.mkdir(exist_ok=True)
    model = posed_model(matches, places)
    pycolmap.triangulate_points(model, matches.database, matches.pictures, folder, True, options, False)
    model.update_point_3d_errors()
    return model


def write_given_model(
    folder: Path,
    model: pycolmap.Reconstruction,
    places: Sequence[int],
    views: Sequence[View],
    world_from_model: Similarity,
) -> None:
    """Write the model, moved to the world of `views`, with their pictures' names and with the views that it lacks.

    places [m]: where among `views` the model's images 1 to m belong.
    """
    names = picture_names(views)
    move(model, world_from_model)
    for image_id, image in model.images.items():
        image.name = names[places[image_id - 1]]
    present = {places[image_id - 1] for image_id in model.images}
    for place, view in enumerate(views):
        if place not in present:
            _add(model, view, names[place], image_id=len(views) + 1 + place)
    folder.mkdir()
    model.write(folder)


def _add(model: pycolmap.Reconstruction, view: View, name: str, *, image_id: int) -> None:
    """Add a view that sees no points."""
    camera = colmap_camera(view.camera)
    same = [i for i, c in model.cameras.items() if c.model == camera.model and np.array_equal(c.params, camera.params)]
    same = [i for i in same if (model.camera(i).width, model.camera(i).height) == (camera.width, camera.height)]
    camera.camera_id = same[0] if same else max(model.cameras, default=0) + 1
    if not same:
        model.add_camera_with_trivial_rig(camera)
    image = pycolmap.Image(name=name, camera_id=camera.camera_id, image_id=image_id)
    model.add_image_with_trivial_frame(image, rigid3d(invert_rigid(view.world_from_camera)))
