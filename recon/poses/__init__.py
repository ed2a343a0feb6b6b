"""Poses: where every frame was taken, with which lens, in an upright world.

captured  the stage for captured frames: structure from motion -> up, ground, scale -> poses/
imported  the stage for data sets that come with poses
exchange  our poses for other programs

What it calls: `recon.sfm` (structure from motion), `recon.given` (poses that a data set brings), `recon.world_frame` (up,
ground, metres), `recon.doctor` (what is weak about a capture, and why).
"""

from recon.poses.captured import pose_frames
from recon.poses.imported import import_dataset

__all__ = ["import_dataset", "pose_frames"]
