"""Poses: where every frame was taken, with which lens, in an upright world.

captured  the stage for captured frames: structure from motion -> up, ground, scale -> poses/
imported  the stage for data sets that come with poses
sfm       structure from motion, in the frame and unit that it happens to have
given     poses that a data set brings: formats, points, checks, refinement
up        which way is up, and the ground
scale     metres, from whatever is known of the size of things
doctor    what is weak about a posed or failed capture, and why
frames    the kept frames and which of them share a camera
exchange  our poses for other programs
"""

from recon.formats.cameras_json import read_reconstruction
from recon.poses.captured import pose_frames
from recon.poses.imported import import_dataset
from recon.poses.scale.metric import apply_scale
from recon.poses.scale.settings import ScaleSettings, scale_settings
from recon.poses.up.align import find_up, ground_height, up_from_cameras, world_from_capture

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
