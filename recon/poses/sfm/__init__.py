"""Structure from motion of captured frames: features -> pairs -> mapping -> polish, in turns until a model holds.

structure    the folder sfm/: what is found once is kept          settings  conf/poses
ladder       the ways to pose a capture, tried in turn, each model judged; rungs: what each does
features     SIFT into a COLMAP database
pairs        which pairs are matched, and matching them
retrieval    global descriptors from the capture's own features: which frames look alike
mapping      the incremental and the global mapper
merge        partial models made one
resection    how sure a camera centre is
polish       wrong frames and short tracks out, everything adjusted against outliers
quality      how far a model can be trusted
same_model   whether two models tell the same
focal        whether the pictures tell the focal length
lens_family  perspective or fisheye, as the matches have it
lens         families of lenses; the lens of a model, as rich as the pictures support
rig          views of one panorama: one pose for all, and which of them are matched
learned      learned features, where they are installed; xfeat is the network
diagnosis    why a capture cannot be posed, in words
colmap_log   COLMAP's chatter goes to a file
colmap_model COLMAP's models as our nouns           database   its features and matches
"""
