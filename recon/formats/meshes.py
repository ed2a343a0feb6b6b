"""Triangle meshes on disk: PLY (vertex colours), OBJ with material and texture, GLB; npz between our own stages.

PLY and OBJ keep the world's axes (+z up). glTF is y-up by definition: `write_glb` turns the mesh, nothing else does.
"""

from recon.formats.mesh_glb import write_glb, y_up_from_z_up
from recon.formats.mesh_npz import read_npz, write_npz
from recon.formats.mesh_obj import read_obj, write_obj
from recon.formats.mesh_ply import read_ply, write_ply

__all__ = ["read_npz", "read_obj", "read_ply", "write_glb", "write_npz", "write_obj", "write_ply", "y_up_from_z_up"]
