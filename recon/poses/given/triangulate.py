"""Points from matches and fixed poses; and the model as it goes to disk."""

import os
from collections.abc import Sequence
from pathlib import Path

from recon.geometry import Similarity, View
from recon.poses.given.matches import GivenMatches
from recon.poses.given.pictures import picture_names
from recon.poses.sfm.colmap_model import Model, move
from recon.poses.sfm.known_cameras import add_view, model_of_views, triangulate_model

MAX_ERROR_PX = 4.0  # of a point in each of its pictures: COLMAP's own limit


def triangulate(
    matches: GivenMatches,
    places: Sequence[int],
    *,
    scratch: Path,
    max_error_px: float,
    seed: int,
    threads: int | None,
) -> Model:
    """A model of the views at `places`, exactly as they are posed, with the points that their matches agree on.

    max_error_px: of a point in each of its pictures. Views at other places play no part. scratch: a folder for files.
    seed: of all random numbers; threads: None: all cores.
    """
    folder = scratch / "triangulated"
    folder.mkdir(exist_ok=True)
    model = model_of_views(matches.database, matches.views, places)
    triangulate_model(
        model, matches.database, matches.pictures, scratch=folder, max_error_px=max_error_px, seed=seed, threads=threads
    )
    return model


def write_given_model(
    folder: Path,
    model: Model,
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
        image.name = os.fsencode(names[places[image_id - 1]])  # bytes: a name need not be UTF-8
    present = {places[image_id - 1] for image_id in model.images}
    for place, view in enumerate(views):
        if place not in present:
            add_view(model, view, names[place], image_id=len(views) + 1 + place)
    folder.mkdir()
    model.write(folder)
