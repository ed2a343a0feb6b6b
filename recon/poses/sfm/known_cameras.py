"""COLMAP for views whose cameras are known: its database and its model of them, and points triangulated from their matches.

View i of a list is image i + 1 and frame i + 1; cameras and their trivial rigs count from 1 in order of appearance. Every
place below is a place in that list.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pycolmap

from recon.geometry import Camera, View, invert_rigid
from recon.geometry.transforms import Array
from recon.poses.sfm.colmap_model import Model, colmap_camera, rigid3d

_ANY = 1e12  # a limit that no lens reaches


def write_views(database: Path, views: Sequence[View], names: Sequence[str]) -> None:
    """Begin a database: the cameras of the views, and an image for each under the name of its picture. Poses are not in it."""
    cameras = list(dict.fromkeys(view.camera for view in views))
    with pycolmap.Database.open(database) as opened:
        for i, camera in enumerate(cameras, start=1):
            theirs = colmap_camera(camera)
            theirs.camera_id = i
            rig = pycolmap.Rig()
            rig.rig_id = i
            rig.add_ref_sensor(theirs.sensor_id)
            opened.write_camera(theirs, use_camera_id=True)
            opened.write_rig(rig, use_rig_id=True)
        for i, (view, name) in enumerate(zip(views, names, strict=True), start=1):
            camera_id = cameras.index(view.camera) + 1
            frame = pycolmap.Frame()
            frame.frame_id, frame.rig_id = i, camera_id
            image = pycolmap.Image(name=name, camera_id=camera_id, image_id=i)
            frame.add_data_id(image.data_id)
            opened.write_image(image, use_image_id=True)
            opened.write_frame(frame, use_frame_id=True)


def model_of_views(database: Path, views: Sequence[View], places: Sequence[int]) -> Model:
    """A model of the views at `places` as they are posed, without points; ids as in the database that `write_views` began."""
    model = pycolmap.Reconstruction()
    with pycolmap.Database.open(database) as opened:
        images = {place: opened.read_image(place + 1) for place in places}
        frames = {frame.frame_id: frame for frame in opened.read_all_frames()}
    for place, image in images.items():
        if not model.exists_camera(image.camera_id):
            camera = colmap_camera(views[place].camera)
            camera.camera_id = image.camera_id
            model.add_camera_with_trivial_rig(camera)
        frame = frames[image.frame_id]
        assert frame.rig_id == image.camera_id and image.image_id == place + 1
        frame.rig_from_world = rigid3d(invert_rigid(views[place].world_from_camera))
        model.add_frame(frame)
        model.add_image(image)
        model.register_frame(frame.frame_id)
    return model


def triangulate_model(
    model: Model,
    database: Path,
    pictures: Path,
    *,
    scratch: Path,
    max_error_px: float,
    seed: int,
    threads: int | None,
) -> None:
    """Give a posed model the points that the matches in `database` agree on; its poses and cameras stay.

    pictures: the folder that the names of its images are in. scratch: a folder for files. max_error_px: of a point in each
    of its pictures. seed: of all random numbers; threads: None: all cores.
    """
    options = pycolmap.IncrementalPipelineOptions()
    options.random_seed = seed
    options.num_threads = threads or -1
    options.extract_colors = False
    # COLMAP passes over pictures whose lens it takes for a wrong guess, as by |k| > 1; given ones are none.
    options.max_extra_param, options.min_focal_length_ratio, options.max_focal_length_ratio = _ANY, 1 / _ANY, _ANY
    options.mapper.filter_max_reproj_error = max_error_px
    options.triangulation.merge_max_reproj_error = max_error_px
    options.triangulation.complete_max_reproj_error = max_error_px
    focal_px = min(camera.params[0] for camera in model.cameras.values())
    angle_deg = max(options.triangulation.create_max_angle_error, float(np.degrees(np.arctan(max_error_px / focal_px))))
    options.triangulation.create_max_angle_error = options.triangulation.continue_max_angle_error = angle_deg
    pycolmap.triangulate_points(model, database, pictures, scratch, True, options, False)
    model.update_point_3d_errors()


def add_view(model: Model, view: View, name: str, *, image_id: int) -> None:
    """Add a view that sees no points, under the name of its picture."""
    camera = colmap_camera(view.camera)
    same = [i for i, c in model.cameras.items() if c.model == camera.model and np.array_equal(c.params, camera.params)]
    same = [i for i in same if (model.camera(i).width, model.camera(i).height) == (camera.width, camera.height)]
    camera.camera_id = same[0] if same else max(model.cameras, default=0) + 1
    if not same:
        model.add_camera_with_trivial_rig(camera)
    image = pycolmap.Image(name=os.fsencode(name), camera_id=camera.camera_id, image_id=image_id)
    model.add_image_with_trivial_frame(image, rigid3d(invert_rigid(view.world_from_camera)))


def points_of_features(model: Model) -> dict[int, Array]:
    """The position [n, 3] of the point that each feature of a view became, by the view's place; NaN where it became none."""
    nowhere = np.full(3, np.nan)
    return {
        image_id - 1: np.array(
            [model.point3D(p.point3D_id).xyz if p.has_point3D() else nowhere for p in image.points2D]
        ).reshape(-1, 3)
        for image_id, image in model.images.items()
    }


def views_as_in(model: Model, views: Sequence[View]) -> tuple[View, ...]:
    """The views with the poses that the model has, and with its cameras, also for the views that it lacks."""
    cameras: dict[Camera, Camera] = {}
    poses: dict[int, Array] = {}
    for image_id, image in model.images.items():
        known = views[image_id - 1].camera
        fx, fy, cx, cy, *distortion = (float(number) for number in model.camera(image.camera_id).params)
        cameras[known] = replace(known, fx=fx, fy=fy, cx=cx, cy=cy, distortion=tuple(distortion))
        poses[image_id - 1] = invert_rigid(np.vstack([image.cam_from_world().matrix(), [0.0, 0.0, 0.0, 1.0]]))
    return tuple(
        replace(
            view, camera=cameras.get(view.camera, view.camera), world_from_camera=poses.get(i, view.world_from_camera)
        )
        for i, view in enumerate(views)
    )
