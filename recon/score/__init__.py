"""Scores: how like the held-out photos the renders are, and how near poses and mesh are to exact truth.

stage          `evaluate_field`: every held-out view rendered and compared
metrics        PSNR, SSIM, MS-SSIM, FLIP, LPIPS     ssim, flip   two of them     settings   conf/evaluate
truth          `score_against_truth`: poses and mesh against a truth.json (truth_file)
alignment      the similarity that lays a run onto the truth, by positions and rotations of its cameras
truth_surface  distances between surfaces: accuracy, completeness, F-score, normals
truth_floor    how flat the floor is
seen_points    what cameras see of the exact mesh
comparison     our mesh beside other programs' meshes
"""
