"""Triangle meshes on disk: PLY (vertex colours), OBJ with material and texture, GLB.

PLY and OBJ keep the world's axes (+z up). glTF is y-up by definition: `write_glb` turns the mesh, nothing else does.
"""

from recon.formats.mesh_glb import write_glb, y_up_from_z_up
from recon.formats.mesh_obj import read_obj, write_obj
from recon.formats.mesh_ply import read_ply, write_ply

__all__ = ["read_obj", "read_ply", "write_glb", "write_obj", "write_ply", "y_up_from_z_up"]
