"""The doctor: what is strong and weak about a posed capture, why, and what to do about it.

examine     writes doctor.json, or poses_failed.json when the poses stage fails
matching    features and matches of every frame, from the COLMAP database
model       poses, points and errors of every frame, from the COLMAP model
brightness  exposure of every frame against the one before
links       the graph of frames that see the same things: parts, thin places, loops
findings    all of these together
stretches   runs of weak frames
own_focal   the focal length that a frame alone asks for: a lens that zooms
causes      why they are weak
coverage    the scene from above: seen by how many frames, from how different directions
advice      all that as sentences
"""

from recon.poses.doctor.examine import diagnose, examine, failure_told

__all__ = ["diagnose", "examine", "failure_told"]
