"""Poses: where every frame was taken, with which lens, in an upright world.

sfm            the stage for captured frames: features -> pairs -> mapping -> alignment -> poses/
given          the stage for data sets that come with poses
given_points   its points: matched, checked, triangulated
given_matches  features and matches of views whose cameras are known
frusta         which of those views look at common space
pictures       pictures as COLMAP can read them
agreement      do given poses fit the pictures, and which mistake explains it when not
triangulate    points from matches and fixed poses
refine         given poses adjusted to the pictures
frames         the kept frames and which of them share a camera
features       SIFT into a COLMAP database
retrieval      global descriptors from the capture's own features: which frames look alike
pairs          which pairs are matched, and matching them
mapping        the mappers in turn, the lens, the quality of a model
diagnosis      why a capture cannot be posed, in words
align          up, ground, centre
scale          metres from a known distance
colmap_log     COLMAP's chatter goes to a file
"""

from recon.formats.cameras_json import read_reconstruction
from recon.poses.align import find_up, ground_height, up_from_cameras, world_from_capture
from recon.poses.given import import_dataset
from recon.poses.scale import apply_known_distance
from recon.poses.sfm import pose_frames

__all__ = [
    "apply_known_distance",
    "find_up",
    "ground_height",
    "import_dataset",
    "pose_frames",
    "read_reconstruction",
    "up_from_cameras",
    "world_from_capture",
]
