"""Metres: every source that is there is measured, the surest wins, the others check it.

metric              from arbitrary units to metres
settings            the keys of conf/scale
measurement         one source's scale and its error
known_distance      between two frames, positions or picks
picks               points picked in pictures
markers             printed ArUco and AprilTag squares: found in the pictures; marker_square: one of them in space;
                    marker_corners, marker_dictionaries, marker_page
camera_height       above the ground below the path
depth               of a sensor, beside the pictures
"""
