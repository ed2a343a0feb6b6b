"""The nouns of a world package: a convex part, and the place whose scene files are written. Names of the package's files."""

from dataclasses import dataclass

import numpy as np

from recon.geometry.mesh import TriangleMesh
from recon.geometry.reconstruction import Reconstruction
from recon.geometry.transforms import Array

VISUAL, VISUAL_GLB, TEXTURE = "assets/visual.obj", "assets/visual.glb", "assets/visual.png"
STATIC, STATIC_GLB = "assets/static.obj", "assets/static.glb"  # concave; the GLB is y-up as its visual twin is
FILLED = "assets/filled.obj"  # floor that nobody saw, and that is continued
LABEL_FILE = "assets/labels.npy"  # uint8, a number into `labels.LABELS` for every face of VISUAL, in its order
CONVEX = "assets/convex.obj"  # every convex part, an object each, for readers that take objects apart

_CORNERS = np.array([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)])
_SIDES = [
    (0, 1, 3, 2),
    (4, 6, 7, 5),
    (0, 4, 5, 1),
    (2, 3, 7, 6),
    (0, 2, 6, 4),
    (1, 5, 7, 3),
]  # counter-clockwise from outside
_BOX_FACES = np.array([face for a, b, c, d in _SIDES for face in ((a, b, c), (a, c, d))], np.int32)


@dataclass(frozen=True)
class Box:
    """A box by its centre [3], `world_from_box` rotation [3, 3] and half sizes [3], in world units."""

    centre: Array
    rotation: Array
    half_size: Array

    def mesh(self) -> TriangleMesh:
        """Its eight corners and twelve outward triangles."""
        return TriangleMesh((self.half_size * _CORNERS) @ self.rotation.T + self.centre, _BOX_FACES)


@dataclass(frozen=True)
class Part:
    """A convex piece of collision geometry. `box` is set where it is one, for formats that know boxes."""

    name: str
    mesh: TriangleMesh
    box: Box | None = None

    @property
    def file(self) -> str:
        """Where a package keeps its hull; boxes need no file."""
        return f"assets/parts/{self.name}.obj"


@dataclass(frozen=True)
class Place:
    """What every scene file describes, in package units, +z up."""

    name: str
    visual: TriangleMesh
    static: TriangleMesh
    parts: tuple[Part, ...]
    friction: float
    reconstruction: Reconstruction
    labels: np.ndarray | None = None  # [f] of the visual's faces, numbers into `labels.LABELS`

    @property
    def has_texture(self) -> bool:
        return self.visual.texture is not None
