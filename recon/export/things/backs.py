"""What nobody saw of a thing, drawn as contact has it: the far sides of a crate in a corner, and what it stands on.

A thing that was seen from one side is an open shell, and its convex parts fill it. Without a back a robot's camera looks into a
crate that its wheels run against, and a place in the crate looks like free floor.
"""

from dataclasses import replace

import numpy as np

from recon.export.covering import Cloud
from recon.export.place import Thing
from recon.geometry.mesh import TriangleMesh, joined_alike
from recon.geometry.transforms import Array
from recon.kernels.surfaces import AskedSurface

_FINE = 4  # each side of a part's face in so many: the pieces that lie behind what was seen are drawn
_BEHIND = 0.5  # tolerances behind what was seen from which a piece is a back


def with_back(thing: Thing, *, tolerance: float) -> Thing:
    """The thing with the skin of its parts drawn where that lies behind all that was seen of it.

    Each part's has one colour, that of what was seen nearest to it: between places of two colours an atlas holds anything.
    """
    corners, owner = _backs(thing, tolerance)
    if not len(corners):
        return thing
    parts, number = np.unique(owner, return_inverse=True)
    middles = np.stack([corners[owner == part].mean((0, 1)) for part in parts])
    like = np.repeat(thing.visual.faces[AskedSurface(thing.visual).nearest(middles).faces, 0][number], 3)
    colors, uvs = thing.visual.colors, thing.visual.uvs
    back = TriangleMesh(
        corners.reshape(-1, 3),
        np.arange(3 * len(corners), dtype=np.int32).reshape(-1, 3),
        None if colors is None else colors[like],
        None if uvs is None else uvs[like],
        thing.visual.texture,
    )
    return replace(thing, visual=joined_alike(thing.visual, back), n_unseen=len(back.faces))


def _backs(thing: Thing, tolerance: float) -> tuple[Array, np.ndarray]:
    """Corners [n, 3, 3] of those pieces of the parts' skin that lie behind what was seen and in no other part; the parts [n]."""
    pieces = [_in_pieces(part.mesh) for part in thing.parts]
    owner = np.repeat(np.arange(len(pieces)), [len(corners) for corners in pieces])
    corners = np.concatenate([np.zeros((0, 3, 3)), *pieces])
    middles = corners.mean(1)
    nearest = AskedSurface(thing.visual).nearest(middles)
    depth = ((nearest.positions - middles) * nearest.normals).sum(1)
    is_back = (depth > 0.5 * nearest.distance) & (nearest.distance > _BEHIND * tolerance)
    cloud = Cloud(middles)
    for number, part in enumerate(thing.parts):
        inside, deep = cloud.depth_in(part.mesh, reach=0.0)
        is_back[inside[(owner[inside] != number) & (deep > 1e-3 * tolerance)]] = False
    return corners[is_back], owner[is_back]


def _in_pieces(mesh: TriangleMesh) -> Array:
    """Corners [f * n * n, 3, 3] of the faces of a mesh, each cut into n * n like itself."""
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    steps = [(i, j) for i in range(_FINE) for j in range(_FINE - i)]

    def at(i: int, j: int) -> Array:
        return a + (i * (b - a) + j * (c - a)) / _FINE

    upright = [np.stack([at(i, j), at(i + 1, j), at(i, j + 1)], 1) for i, j in steps]
    turned = [np.stack([at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)], 1) for i, j in steps if i + j < _FINE - 1]
    return np.concatenate([*upright, *turned])
