"""Matched depths and field -> mesh: fused, its planes closed and flattened, cleaned, simplified, judged, painted.

trusted_depths  what is fused: matched pictures, a sensor's, and the field where they are silent or something is cut out
matched_maps    ... from the matching stage
sensor_maps     ... from a depth sensor
field_maps      ... from the field
depth_maps      a view's depths, and which rendered ones to trust
viewpoints      where the field is looked at from
agreement       what views say about a place
zones           what is fused by itself: near and far
fusion          depth maps -> signed distance
extraction      ... -> triangles
plane_finding   floors, walls, tops: what one connected piece of the surface says
planes          ... with their patches, and what is laid flat onto them
plane_filling   ... and closed where nobody has seen them
junctions       ... and sharp where two of them meet
cleaning        contradicted faces, crumbs, bad edges, small holes
simplification  to a face budget, with its error
surface         all of these, in order
evidence        how each face is known, and how far it may be off
verdict         what to think of the whole, in words
charts          pieces that lie flat
atlas           ... packed into one texture (xatlas), and its texels
photos          pictures, and what the mesh hides in them
coverage        how well each face was seen
texture         colours from photos or field
blending        ... the sum over photos, on a GPU too
sharpening      ... corrected by pictures of the mesh, until they look like the photos
picture         a software renderer for meshes
likeness        held-out PSNR
portraits       pictures from outside, framed by what was seen near
baselines       plainer surfaces of the same run
comparison      ... and other programs' meshes, scored beside ours
stage           build_mesh: all of it, into the run folder      settings   conf/mesh
"""
