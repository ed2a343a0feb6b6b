"""The open borders of a scanned surface turned back into the matter behind it, so that the concave mesh has an edge there.

Engines hold a triangle from its front only. A sphere that comes to a border from behind, over a crack between a top and the front
below it, sinks past the border and is thrown out as soon as its centre passes the front's plane. On a hem it rolls on.
"""

import numpy as np

from recon.export.hulls import Limits, room_at, room_behind
from recon.geometry.face_graph import open_edges
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface


def hemmed(mesh: TriangleMesh, surface: Surface, limits: Limits) -> TriangleMesh:
    """A mesh over unique vertices with a strip behind every open edge, as deep as parts may reach there.

    There is room behind the faces at an edge and behind its ends: a leaf is thinner at its rim than behind the middle of a face,
    and a strip that came out of its far side would throw what rolls there. surface: all that may stand behind it, the mesh
    itself included.
    """
    owner, corner = open_edges(mesh.faces)
    if not len(owner):
        return mesh
    ends = np.stack([mesh.faces[owner, corner], mesh.faces[owner, (corner + 1) % 3]], -1)
    normals, room = mesh.face_normals[owner], room_behind(mesh, surface, limits)[owner]
    mean, depth = np.zeros((len(mesh.vertices), 3)), np.full(len(mesh.vertices), np.inf)
    for end in (0, 1):
        np.add.at(mean, ends[:, end], normals)
        np.minimum.at(depth, ends[:, end], room)
    rim = np.unique(ends)
    outwards = mean[rim] / np.maximum(np.linalg.norm(mean[rim], axis=1, keepdims=True), 1e-12)
    depths = np.minimum(depth[rim], room_at(mesh.vertices[rim], outwards, surface, limits))
    backs = mesh.vertices[rim] - depths[:, None] * outwards
    below = np.full(len(mesh.vertices), -1)
    below[rim] = len(mesh.vertices) + np.arange(len(rim))
    a, b = ends.T
    strips = np.concatenate([np.stack([b, a, below[a]], -1), np.stack([b, below[a], below[b]], -1)])
    return TriangleMesh(np.concatenate([mesh.vertices, backs]), np.concatenate([mesh.faces, strips]).astype(np.int32))
