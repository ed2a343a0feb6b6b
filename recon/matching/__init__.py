"""poses/ and the training pictures -> matching/: depth and normal of pixels, matched between the pictures.

stage     the stage: `match_views`              settings  its settings
pictures  the pictures, undistorted, grey       sources   which of them see the same, and how deep
passes    coarse to fine PatchMatch             confirm   what other views agree on
all_round ... and what views from all round look through
sky       where nothing ever stands             sky_evidence  what other views say of it; sky_colors: what looks like it
open_air  outdoors or in a room                 ground    what is sure under the cameras outdoors
scene_planes  planes in space, over all views   regions   blank regions; region_planes: planes that their borders tell
plane_scales  ... thin ones near, thick ones far  sheets    ground that bends, as tiles
blank     what cannot be matched takes a plane  hidden    where others matched something before it
frame     the few directions of a scene
voxels    confirmed depths of all views, once   openings  where cameras look through a plane
shelf     lists that lie on disk                sheet     a picture to look at

For poses, not for the stage:
dense_tracks  points followed to a tenth of a pixel: spot_planes, the surface at each; patches, where it lies in another picture
"""
