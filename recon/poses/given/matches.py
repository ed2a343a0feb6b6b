"""Features and matches of views whose cameras are given, in a COLMAP database whose ids we choose ourselves.

View i of the list is image i + 1 and frame i + 1; cameras and their trivial rigs count from 1 in order of appearance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycolmap
from numpy.typing import NDArray

from recon.formats.frame_set import FrameImage, FrameSet
from recon.geometry import View, invert_rigid
from recon.poses.given.pictures import lay_out
from recon.poses.sfm.colmap_model import colmap_camera, rigid3d
from recon.poses.sfm.database import verified
from recon.poses.sfm.features import extract, feature_settings
from recon.poses.sfm.pairs import Pair, match
from recon.poses.sfm.settings import MatchSettings


@dataclass(frozen=True)
class GivenMatches:
    """Matched features of `views`; every place below is a place in `views`."""

    database: Path
    views: tuple[View, ...]
    pictures: Path  # folder of the pictures as COLMAP read them
    pairs: tuple[Pair, ...]  # tried

    def verified(self) -> dict[Pair, NDArray[np.uint32]]:
        """Matches [m, 2] (features of i, of j) that one two-view geometry explains, by pair; the poses play no part."""
        with pycolmap.Database.open(self.database) as opened:
            pairs = list(verified(opened))
        found = {}
        for (first, second), geometry in pairs:
            if len(geometry.inlier_matches):
                found[(first - 1, second - 1)] = np.asarray(geometry.inlier_matches)
        return dict(sorted(found.items()))

    def keypoints(self) -> list[NDArray[np.float32]]:
        """Feature positions [n, 2] of each view, pixels of its camera."""
        with pycolmap.Database.open(self.database) as opened:
            return [opened.read_keypoints(i + 1)[:, :2] for i in range(len(self.views))]


def match_given(
    views: Sequence[View],
    pairs: Sequence[Pair],
    *,
    scratch: Path,
    features: MatchSettings,
    threads: int | None,
) -> GivenMatches:
    """Find features in the views' pictures and match the pairs; scratch files go to the folder `scratch`."""
    database, pictures, masks = scratch / "database.db", scratch / "pictures", scratch / "masks"
    names = lay_out(views, pictures, masks)
    _write_cameras(database, views, names)
    frames = FrameSet("photos", tuple(map(_frame, views, names, [masks] * len(names))), False)
    extract(database, pictures, frames, feature_settings(frames, features), threads=threads)
    match(database, frames, pairs, folder=scratch, threads=threads)
    return GivenMatches(database, tuple(views), pictures, tuple(pairs))


def _frame(view: View, name: str, masks: Path) -> FrameImage:
    """As it was laid out: the stored pixels, which may carry an EXIF orientation that the pose knows nothing of."""
    mask = masks / f"{name}.png"
    used = str(mask) if mask.exists() else None
    return FrameImage(view.name, name, view.time_s, None, view.camera.size_hw, used, orientation=1)


def posed_model(matches: GivenMatches, places: Sequence[int]) -> pycolmap.Reconstruction:
    """A model of the views at `places` with the cameras and poses of `matches`, without points; ids as in the database."""
    model = pycolmap.Reconstruction()
    with pycolmap.Database.open(matches.database) as opened:
        images = {place: opened.read_image(place + 1) for place in places}
        frames = {frame.frame_id: frame for frame in opened.read_all_frames()}
    for place, image in images.items():
        if not model.exists_camera(image.camera_id):
            camera = colmap_camera(matches.views[place].camera)
            camera.camera_id = image.camera_id
            model.add_camera_with_trivial_rig(camera)
        frame = frames[image.frame_id]
        assert frame.rig_id == image.camera_id and image.image_id == place + 1
        frame.rig_from_world = rigid3d(invert_rigid(matches.views[place].world_from_camera))
        model.add_frame(frame)
        model.add_image(image)
        model.register_frame(frame.frame_id)
    return model


def _write_cameras(database: Path, views: Sequence[View], names: Sequence[str]) -> None:
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
