"""Field -> mesh: depth maps that agree between views, fused, cleaned, simplified, painted, and judged.

viewpoints      where the field is looked at from
depth_maps      rendered depth, and which pixels to trust
agreement       ... because other views see the same
fusion          depth maps -> signed distance -> triangles
cleaning        contradicted faces, crumbs, bad edges, holes
simplification  to a face budget
atlas           charts and texels (xatlas)
photos          pictures, and what the mesh hides in them
coverage        how well each face was seen
texture         colours from photos or field
picture         a software renderer for meshes
likeness        held-out PSNR, portraits
baselines       plainer surfaces of the same run
comparison      ... and other programs' meshes, scored beside ours
stage           build_mesh: all of it, into the run folder
"""

from recon.mesh.coverage import coverage_mesh, seen_fraction
from recon.mesh.picture import MeshPicture, MeshScene, render_mesh
from recon.mesh.stage import build_mesh

__all__ = ["MeshPicture", "MeshScene", "build_mesh", "coverage_mesh", "render_mesh", "seen_fraction"]
