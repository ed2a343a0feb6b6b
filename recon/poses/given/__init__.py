"""Poses that a data set brings: its formats, points from its pictures, and whether the poses fit them.

formats       the formats that can be read        settings  conf/dataset
sound         what was read made sound for the stages that follow, and every change told
placeholders  frames that are listed with no pose or nothing to see, left out
points        points of the pictures that are not held out: matched, checked, triangulated
matches       features and matches of views whose cameras are known
frusta        which of those views look at common space
pictures      pictures as COLMAP can read them
agreement     do the poses fit the pictures, and which mistake explains it when not; mistakes: the usual ones
contradicted  single poses that the pictures contradict     leaping   those that leap away from their neighbours
turned        pictures that stand on their heads
units         whether the unit of the poses is what it is said to be
triangulate   points from matches and fixed poses
refine        the poses adjusted to the pictures
video_frames  every frame of a video whose poses are given
"""
