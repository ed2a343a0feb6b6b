"""Poses: where every frame was taken, with which lens, in an upright world.

sfm         the stage for captured frames: features -> pairs -> mapping -> alignment -> poses/
given       the stage for data sets that come with poses
frames      the kept frames and which of them share a camera
features    SIFT into a COLMAP database
retrieval   global descriptors from the capture's own features: which frames look alike
pairs       which pairs are matched, and matching them
mapping     the mappers in turn, the lens, the quality of a model
diagnosis   why a capture cannot be posed, in words
align       up, ground, centre
vanishing   the vertical from straight edges of the pictures
gps_up      up from GPS
metric      metres from whatever source is surest, the others as checks
scale       the settings of conf/scale
measurement one source's scale and its error
known_distance, picks, markers, gps, camera_height   the sources
colmap_log  COLMAP's chatter goes to a file
"""

from recon.formats.cameras_json import read_reconstruction
from recon.poses.align import find_up, ground_height, up_from_cameras, world_from_capture
from recon.poses.given import import_dataset
from recon.poses.metric import apply_scale
from recon.poses.scale import ScaleSettings, scale_settings
from recon.poses.sfm import pose_frames

__all__ = [
    "ScaleSettings",
    "apply_scale",
    "find_up",
    "ground_height",
    "import_dataset",
    "pose_frames",
    "read_reconstruction",
    "scale_settings",
    "up_from_cameras",
    "world_from_capture",
]
