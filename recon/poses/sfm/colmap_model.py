"""COLMAP's models as our nouns, and ours as theirs: the one way from structure from motion to all that comes after it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pycolmap
from numpy.typing import NDArray

from recon.formats.colmap_parts import camera_of, pose_of
from recon.formats.frame_set import MIN_FRAMES, FrameImage, FrameSet
from recon.geometry import Camera, Points, Reconstruction, Similarity, Tracks, View

Model = (
    pycolmap.Reconstruction
)  # COLMAP's own noun, which structure from motion changes in place; nobody outside poses/ has one


def seed_colmap(seed: int) -> None:
    """Seed COLMAP's random numbers, for the whole process."""
    pycolmap.set_random_seed(seed)


def read_model(folder: Path) -> Model:
    """The model that `Model.write` or another program wrote."""
    return pycolmap.Reconstruction(folder)


def reconstruction_of(model: Model, frames: FrameSet, folder: Path) -> Reconstruction:
    """The frames of a model, in the order of capture, with the names that capture gave them; in the model's frame and unit.

    folder: of the frames' pictures.
    """
    images = {image.name: image for image in model.images.values() if image.has_pose}
    posed = [(images[frame.image], frame) for frame in frames.frames if frame.image in images]
    tracks = tracks_of(model, {image.image_id: place for place, (image, _) in enumerate(posed)})
    views = tuple(_view(image, frame, folder) for image, frame in posed)
    return Reconstruction(views, tracks.points if len(tracks.points) else None, tracks=tracks)


def _view(image: pycolmap.Image, frame: FrameImage, folder: Path) -> View:
    picture, theirs, camera_from_world = folder / frame.image, image.camera, image.cam_from_world()
    assert theirs is not None and camera_from_world is not None
    camera = camera_of(picture, theirs.model_name, theirs.width, theirs.height, theirs.params.tolist())
    x, y, z, w = camera_from_world.rotation.quat
    pose = pose_of(picture, frame.image, (w, x, y, z), camera_from_world.translation.tolist())
    mask = None if frame.mask is None else folder / frame.mask
    return View(frame.name, picture, camera, pose, time_s=frame.time_s, mask=mask)


def tracks_of(model: Model, place_of: Mapping[int, int]) -> Tracks:
    """The model's points, by their ids, and which views saw them where; `place_of`: of an image's id, its place among the views."""
    rank = {point_id: i for i, point_id in enumerate(sorted(model.point3D_ids()))}
    found = [model.point3D(point_id) for point_id in rank]
    positions = np.array([point.xyz for point in found]).reshape(-1, 3)
    points = Points(positions, np.array([point.color for point in found], np.uint8).reshape(-1, 3))
    views, indices, pixels = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)], [np.zeros((0, 2))]
    for place, image_id in sorted((place, image_id) for image_id, place in place_of.items()):
        if not model.exists_image(image_id):
            continue
        seen = model.image(image_id).get_observation_points2D()
        views.append(np.full(len(seen), place, np.int32))
        indices.append(np.array([rank[point.point3D_id] for point in seen], np.int64))
        pixels.append(np.array([point.xy for point in seen], np.float64).reshape(-1, 2))
    return Tracks(points, np.concatenate(views), np.concatenate(indices), np.concatenate(pixels))


def move(model: Model, world_from_model: Similarity) -> None:
    """Turn, scale and shift a model, in place."""
    rotation = pycolmap.Rotation3d(world_from_model.rotation)
    model.transform(pycolmap.Sim3d(world_from_model.scale, rotation, world_from_model.translation))


def write_model(model: Model, world_from_model: Similarity, folder: Path) -> None:
    """Write the model with its tracks, in our world frame; it is moved there in place."""
    move(model, world_from_model)
    folder.mkdir()
    model.write(folder)


def rigid3d(b_from_a: NDArray[np.float64]) -> pycolmap.Rigid3d:
    """COLMAP's noun for a rigid [4, 4]."""
    return pycolmap.Rigid3d(pycolmap.Rotation3d(b_from_a[:3, :3]), b_from_a[:3, 3])


def colmap_camera(camera: Camera) -> pycolmap.Camera:
    """COLMAP's camera of the same model, parameters and pixel convention; its focal length counts as known."""
    h, w = camera.size_hw
    params = [camera.fx, camera.fy, camera.cx, camera.cy, *camera.distortion]
    theirs = pycolmap.Camera(model=camera.model, width=w, height=h, params=params)
    theirs.has_prior_focal_length = True
    return theirs


def largest_model(folder: Path, frames: FrameSet, pictures: Path) -> Reconstruction | None:
    """The model with the most frames of all that mapping has left anywhere below `folder`; None below MIN_FRAMES."""
    models = [read_model(file.parent) for file in sorted(folder.rglob("images.bin"))]
    largest = max(models, key=lambda model: (model.num_reg_images(), model.num_points3D()), default=None)
    if largest is None or largest.num_reg_images() < MIN_FRAMES:
        return None
    return reconstruction_of(largest, frames, pictures)
