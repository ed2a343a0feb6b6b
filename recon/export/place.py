"""The nouns of a world package: a convex part, a thing, and the place whose scene files are written. Names of its files."""

from dataclasses import dataclass, replace

import numpy as np

from recon.geometry.mesh import TriangleMesh, joined
from recon.geometry.reconstruction import Reconstruction
from recon.geometry.transforms import Array

VISUAL, VISUAL_GLB, TEXTURE = "assets/visual.obj", "assets/visual.glb", "assets/visual.png"
STATIC, STATIC_GLB = "assets/static.obj", "assets/static.glb"  # concave; the GLB is y-up as its visual twin is
FILLED = "assets/filled.obj"  # floor that nobody saw, continued; its texture is the place's
LABEL_FILE = "assets/labels.npy"  # uint8, a number into `labels.LABELS` for every face of VISUAL, in its order
LABELLED = "assets/visual_{}.obj"  # the building's visual faces of one label, for readers that label whole visuals
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
    """A convex piece of collision geometry. `box` is set where it is one, for formats that know boxes.

    `is_ground`: a piece of a floor that bends; it stays as it is, as boxes do, and others make room.
    """

    name: str
    mesh: TriangleMesh
    box: Box | None = None
    is_ground: bool = False

    @property
    def stays(self) -> bool:
        """Whether it is a piece of a floor, a wall or a top."""
        return self.box is not None or self.is_ground

    @property
    def file(self) -> str:
        """Where a package keeps its hull; boxes need no file."""
        return f"assets/parts/{self.name}.obj"


@dataclass(frozen=True)
class Thing:
    """A body apart from the building. Its frame stands at `origin` [3] with the world's axes; all else is told in that frame.

    `centre` [3] is that of its mass (kg), `inertia` [3, 3] is about it.
    """

    name: str
    label: str
    origin: Array
    visual: TriangleMesh
    parts: tuple[Part, ...]
    mass: float
    centre: Array
    inertia: Array
    looser: float = 1.0  # times the tolerances that were asked, which its parts keep to
    n_unseen: int = 0  # faces of `visual`, the last ones, that close it where nobody saw it

    def named(self, number: int) -> "Thing":
        """The thing, and its parts, named after what it is and a number."""
        name = f"{self.label}_{number:02d}"
        parts = tuple(replace(part, name=f"{name}_part_{i:02d}") for i, part in enumerate(self.parts))
        return replace(self, name=name, parts=parts)

    @property
    def file(self) -> str:
        """Where a package keeps what is drawn of it; the texture is the place's."""
        return f"assets/{self.name}.obj"

    def in_world(self, mesh: TriangleMesh) -> TriangleMesh:
        """A mesh of its frame in the world's."""
        return replace(mesh, vertices=mesh.vertices + self.origin)


@dataclass(frozen=True)
class Place:
    """What every scene file describes, in package units, +z up: a building, and things in it.

    `visual`, `static`, `parts` and `labels` are the building's alone.
    """

    name: str
    visual: TriangleMesh
    static: TriangleMesh
    parts: tuple[Part, ...]
    friction: float
    reconstruction: Reconstruction
    labels: np.ndarray | None = None  # [f] of the visual's faces, numbers into `labels.LABELS`
    things: tuple[Thing, ...] = ()
    things_are_free: bool = False
    # Floor that nobody saw, drawn apart from what was seen; None where there is none.
    filled: TriangleMesh | None = None

    @property
    def has_texture(self) -> bool:
        """Whether the building has a texture."""
        return self.visual.texture is not None

    @property
    def all_parts(self) -> dict[str, TriangleMesh]:
        """Every convex part by name, in the world's frame."""
        of_things = {part.name: thing.in_world(part.mesh) for thing in self.things for part in thing.parts}
        return {part.name: part.mesh for part in self.parts} | of_things

    @property
    def drawn(self) -> dict[str, TriangleMesh]:
        """All that is drawn, by name, in the world's frame: the building, its filled floor, every thing."""
        filled = {} if self.filled is None else {"filled": self.filled}
        return {"visual": self.visual} | filled | {thing.name: thing.in_world(thing.visual) for thing in self.things}

    def whole_static(self) -> TriangleMesh:
        """The concave mesh of the building and those of the things."""
        return joined([self.static, *(thing.in_world(thing.visual) for thing in self.things)])
