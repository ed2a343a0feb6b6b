"""Poses: where every frame was taken, with which lens, in an upright world.

sfm            the stage for captured frames: structure -> up, ground, scale -> poses/
structure      structure from motion in its own frame and unit: the folder sfm/
ladder         the ways to pose a capture, tried in turn, each model judged
features       SIFT into a COLMAP database
learned        learned features, their matches and the verified ones into a COLMAP database
xfeat          the network that finds them, where it is installed
pairs          which pairs are matched, and matching them
retrieval      global descriptors from the capture's own features: which frames look alike
mapping        the incremental and the global mapper
merge          partial models made one
polish         wrong frames and short tracks out, everything adjusted against outliers
quality        how far a model can be trusted
focal          whether the pictures tell the focal length
lens_family    perspective or fisheye, as the matches have it
lens           families of lenses; the lens of a model, as rich as the pictures support
rig            views of one panorama: one pose for all, and which of them are matched
frames         the kept frames and which of them share a camera
diagnosis      why a capture cannot be posed, in words
doctor         what is weak about a posed or failed capture, and why
given          the stage for data sets that come with poses
given_formats  the formats that can be read
given_points   its points: matched, checked, triangulated
given_matches  features and matches of views whose cameras are known
frusta         which of those views look at common space
pictures       pictures as COLMAP can read them
agreement      do given poses fit the pictures, and which mistake explains it when not
triangulate    points from matches and fixed poses
refine         given poses adjusted to the pictures
video_frames   every frame of a video whose poses are given
align          up, ground, centre
vanishing      the vertical from straight edges of the pictures
gps_up         up from GPS
metric         metres from whatever source is surest, the others as checks
scale          the settings of conf/scale
measurement    one source's scale and its error
known_distance, picks, markers, gps, camera_height   the sources
exchange       our poses for other programs
colmap_log     COLMAP's chatter goes to a file
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
