"""mesh/ -> world/: a package that simulators load, with collision geometry, and the drop test that proves it.

stage           the stage: `export_world`
collision_mesh  the concave collision mesh: cleaned, simplified within a measured bound
convex_parts    the surface as thin convex parts, for engines that collide with hulls
ground          the ground as a height field
scene_files     MJCF, URDF, SDF, Habitat stage          usd     OpenUSD with UsdPhysics
manifest        manifest.json and README.md             preview the package's picture
verify          `verify_world`: load it in each engine (engines/), drop spheres (drop_test), compare with ray casts
surface         ray casts and nearest points, which everything above asks
"""

from recon.export.collision_mesh import make_collision_mesh
from recon.export.convex_parts import decompose
from recon.export.stage import export_world
from recon.export.surface import Surface
from recon.export.verify import verify_world

__all__ = ["Surface", "decompose", "export_world", "make_collision_mesh", "verify_world"]
