"""Poses: where every frame was taken, with which lens, in an upright world.

stage        the stage: `find_poses`, which is one of the next two
captured     captured frames: structure from motion -> up, ground, scale -> poses/
imported     data sets that come with poses, checked and upright -> poses/
report       what report.json says of either
exchange     our poses for other programs
sfm          structure from motion: features, pairs, mapping, the ladder of attempts
given        poses that a data set brings: formats, points, do they fit the pictures
world_frame  which way is up, metres, GPS
doctor       what is weak about a capture, and why
"""
