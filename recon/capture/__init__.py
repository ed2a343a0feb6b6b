"""Video or photos -> frames: sharp, well-spaced, upright images of one working size.

frames      the stage: `capture_frames`
source      what a person gave: a video, a folder of photos, or a mistake to explain
video       a video to its key frames, in two passes
photos      a folder of photos: one size, names in order, duplicates out
panorama    360-degree sources: telling them, and cutting each panorama into views of one exact camera
keyframes   which frames to keep: the sharpest of each window of equal motion
motion      how far the picture has moved (sparse optical flow)
sharpness   how sharp a picture is
records     what `frames.json` says
"""

from recon.capture.frames import capture_frames
from recon.capture.keyframes import FrameScore, choose_keyframes
from recon.capture.records import Capture, FrameRecord

__all__ = ["Capture", "FrameRecord", "FrameScore", "capture_frames", "choose_keyframes"]
