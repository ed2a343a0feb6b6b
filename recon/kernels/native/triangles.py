"""The native side of `recon.kernels.surfaces`: the handle and the calls of triangles.h."""

import weakref
from ctypes import c_int64, c_void_p

import numpy as np

from recon.geometry.mesh import TriangleMesh
from recon.geometry.transforms import Array
from recon.kernels.native import library as lib


class Tree:
    """The triangles of a mesh in a tree of boxes. Positions are rounded to float32 when `origin` [3] is taken from them."""

    def __init__(self, mesh: TriangleMesh, origin: Array) -> None:
        library = lib.compiled()
        library.recon_tree.restype = c_void_p
        library.recon_tree.argtypes = [c_void_p, c_int64, c_void_p, c_void_p]
        library.recon_free_tree.restype, library.recon_free_tree.argtypes = None, [c_void_p]
        vertices, faces = np.ascontiguousarray(mesh.vertices, float), np.ascontiguousarray(mesh.faces, np.int32)
        start = np.ascontiguousarray(origin, float)
        self.handle = c_void_p(
            library.recon_tree(vertices.ctypes.data, len(faces), faces.ctypes.data, start.ctypes.data)
        )
        weakref.finalize(self, library.recon_free_tree, self.handle)

    def nearest(self, points: Array) -> tuple[Array, np.ndarray, Array]:
        """Of points [n, 3] the nearest positions [n, 3], their faces [n] and unit normals [n, 3]."""
        call = lib.compiled().recon_nearest
        call.restype, call.argtypes = None, [c_void_p, c_int64, *[c_void_p] * 4]
        asked = np.ascontiguousarray(points, float)
        positions, normals, faces = np.empty_like(asked), np.empty_like(asked), np.empty(len(asked), np.int64)
        call(self.handle, len(asked), *(array.ctypes.data for array in (asked, positions, faces, normals)))
        return positions, faces, normals
