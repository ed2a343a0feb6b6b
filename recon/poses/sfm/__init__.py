"""Structure from motion of captured frames: features -> pairs -> mapping -> polish, in turns until a model holds.

The one package that imports pycolmap. COLMAP's model is what these steps hand on and change in place; `colmap_model` and
`database` give what was found to everybody else as our nouns, and `known_cameras` takes cameras that are known already.

structure    the folder sfm/: what is found once is kept          settings  conf/poses
ladder       the ways to pose a capture, tried in turn, each model judged; rungs: what each does
features     SIFT into a COLMAP database           silhouettes  where pictures with alpha are searched
pairs        which pairs are matched, and matching them
retrieval    global descriptors from the capture's own features: which frames look alike
mapping      the incremental and the global mapper
merge        partial models made one
resection    a camera posed from known points, and how sure its centre is
polish       wrong frames and short tracks out, everything adjusted against outliers
quality      how far a model can be trusted
same_model   whether two models tell the same
focal        whether the pictures tell the focal length
lens_family  perspective or fisheye, as the matches have it
lens         the lens of a model, as rich as the pictures support     families  of lenses, by name
adjustment   bundle adjustment                     dense     poses and lens adjusted to points followed over surfaces
rig          views of one panorama: one pose for all, and which of them are matched
learned      learned features, where they are installed; xfeat is the network
diagnosis    why a capture cannot be posed, in words
doubt        whether a film's matches leave doubt that another way of mapping could settle
colmap_log   COLMAP's chatter goes to a file
takes        stretches of a film between cuts, and which of them a model has
colmap_model  COLMAP's models as our nouns         database  its features and matches
known_cameras  COLMAP for views whose cameras are known: its database, its model, triangulation
"""
