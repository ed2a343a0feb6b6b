"""Shapes that a textured world is built of: each knows its triangles and where every texel of its texture lies.

A `Surface` is a map from texture coordinates (u to the right, v up, seen from the outside) to space. Sizes in metres.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from recon.bench.synthetic.renderer import TexturedWorld
from recon.geometry.transforms import Array

UV = NDArray[np.float64]
Vector = Sequence[float] | Array


@dataclass(frozen=True)
class Surface:
    """One textured piece."""

    vertices: Array  # [v, 3]
    faces: NDArray[np.int32]  # [f, 3], counter-clockwise from outside
    uvs: UV  # [v, 2]
    size_m: tuple[float, float]  # (height, width) of the texture on the surface
    points_fn: Callable[[UV], tuple[Array, Array]]  # uv [n, 2] -> positions [n, 3], outward unit normals [n, 3]

    def texel_uvs(self, size_hw: tuple[int, int]) -> UV:
        """uv [h * w, 2] of the texel centres of a texture of `size_hw`, row 0 at the top."""
        h, w = size_hw
        u, v = np.meshgrid((np.arange(w) + 0.5) / w, 1 - (np.arange(h) + 0.5) / h)
        return np.stack([u, v], -1).reshape(-1, 2)


def texture_size(surface: Surface, texel_m: float) -> tuple[int, int]:
    """(h, w) in texels, at least 2 x 2."""
    h, w = (max(2, round(side / texel_m)) for side in surface.size_m)
    return h, w


def rectangle(corner: Vector, u_edge: Vector, v_edge: Vector) -> Surface:
    """A rectangle from its bottom left `corner`, seen from the side that u_edge x v_edge points to."""
    origin, u, v = (np.asarray(x, np.float64) for x in (corner, u_edge, v_edge))
    normal = np.cross(u, v)
    normal /= np.linalg.norm(normal)
    uvs = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])

    def points(uv: UV) -> tuple[Array, Array]:
        return origin + uv[:, :1] * u + uv[:, 1:] * v, np.broadcast_to(normal, (len(uv), 3))

    size = (float(np.linalg.norm(v)), float(np.linalg.norm(u)))
    return Surface(points(uvs)[0], np.array([[0, 1, 2], [0, 2, 3]], np.int32), uvs, size, points)


def triangle(corner: Vector, u_edge: Vector, v_edge: Vector) -> Surface:
    """The half of `rectangle` at `corner`."""
    whole = rectangle(corner, u_edge, v_edge)
    picked = [0, 1, 3]
    return Surface(
        whole.vertices[picked], np.array([[0, 1, 2]], np.int32), whole.uvs[picked], whole.size_m, whole.points_fn
    )


def _axes(yaw_deg: float) -> tuple[Array, Array, Array]:
    """The axes x, y, z of a thing that is turned by yaw about the vertical."""
    a = np.deg2rad(yaw_deg)
    return np.array([np.cos(a), np.sin(a), 0]), np.array([-np.sin(a), np.cos(a), 0]), np.array([0.0, 0, 1])


def box(
    center_xy: tuple[float, float], base_z: float, size: tuple[float, float, float], *, yaw_deg: float = 0.0
) -> list[Surface]:
    """Six sides, in the order front (-y), right, back, left, top, bottom, turned by yaw about the vertical."""
    x, y, z = _axes(yaw_deg)
    sx, sy, sz = size
    base = np.array([*center_xy, base_z])

    def side(right: Array, width: float, outward: Array, reach: float) -> Surface:
        return rectangle(base + outward * reach / 2 - right * width / 2, right * width, z * sz)

    return [
        side(x, sx, -y, sy),
        side(y, sy, x, sx),
        side(-x, sx, y, sy),
        side(-y, sy, -x, sx),
        rectangle(base - x * sx / 2 - y * sy / 2 + z * sz, x * sx, y * sy),
        rectangle(base - x * sx / 2 + y * sy / 2, x * sx, -y * sy),
    ]


def wedge(
    center_xy: tuple[float, float], base_z: float, size: tuple[float, float, float], *, yaw_deg: float = 0.0
) -> list[Surface]:
    """A ramp that rises along its own +x from 0 to the full height: slope, back, right and left side."""
    x, y, z = _axes(yaw_deg)
    sx, sy, sz = size
    low = np.array([*center_xy, base_z]) - x * sx / 2
    high = low + x * sx
    return [
        rectangle(low + y * sy / 2, -y * sy, x * sx + z * sz),
        rectangle(high - y * sy / 2, y * sy, z * sz),
        triangle(high + y * sy / 2, -x * sx, z * sz),
        # mirrored: the right angle lies at the other end
        triangle(high - y * sy / 2, z * sz, -x * sx),
    ]


def cylinder(center_xy: tuple[float, float], base_z: float, radius: float, height: float, n_sides: int) -> Surface:
    """The side of an upright cylinder; u runs counter-clockwise seen from above."""

    def points(uv: UV) -> tuple[Array, Array]:
        angle = 2 * np.pi * uv[:, 0]
        normal = np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], -1)
        rise = np.outer(uv[:, 1], [0, 0, height])
        return np.array([*center_xy, base_z]) + radius * normal + rise, normal

    return _grid(points, (2 * np.pi * radius, height), n_u=n_sides, n_v=1)


def sphere(center: tuple[float, float, float], radius: float, n_sides: int) -> Surface:
    """A sphere by longitude (u) and latitude (v)."""

    def points(uv: UV) -> tuple[Array, Array]:
        longitude, latitude = 2 * np.pi * uv[:, 0], np.pi * (uv[:, 1] - 0.5)
        flat = np.cos(latitude)
        normal = np.stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)], -1)
        return np.asarray(center) + radius * normal, normal

    return _grid(points, (2 * np.pi * radius, np.pi * radius), n_u=n_sides, n_v=n_sides // 2)


def disc(center: tuple[float, float, float], radius: float, n_sides: int) -> Surface:
    """A horizontal disc seen from above, textured by the square round it."""
    angle = 2 * np.pi * np.arange(n_sides) / n_sides
    uvs = np.concatenate([[[0.5, 0.5]], 0.5 + 0.5 * np.stack([np.cos(angle), np.sin(angle)], -1)])
    low = np.asarray(center) - np.array([radius, radius, 0])

    def points(uv: UV) -> tuple[Array, Array]:
        span = np.concatenate([uv * 2 * radius, np.zeros((len(uv), 1))], -1)
        return low + span, np.broadcast_to([0.0, 0, 1], (len(uv), 3))

    ring = np.arange(n_sides)
    faces = np.stack([np.zeros(n_sides), 1 + ring, 1 + (ring + 1) % n_sides], -1).astype(np.int32)
    return Surface(points(uvs)[0], faces, uvs, (2 * radius, 2 * radius), points)


@dataclass(frozen=True)
class Opening:
    """A window or door in a wall along x in the plane y = 0 that is seen from -y. Metres."""

    left: float
    right: float
    low: float
    high: float

    def reveals(self, depth: float) -> list[Surface]:
        """The four sides that lead `depth` into the wall: left, right, sill, lintel."""
        width, height = self.right - self.left, self.high - self.low
        return [
            rectangle((self.left, 0, self.low), (0, depth, 0), (0, 0, height)),
            rectangle((self.right, depth, self.low), (0, -depth, 0), (0, 0, height)),
            rectangle((self.left, 0, self.low), (width, 0, 0), (0, depth, 0)),
            rectangle((self.left, depth, self.high), (width, 0, 0), (0, -depth, 0)),
        ]

    def back(self, depth: float) -> Surface:
        """What closes it, `depth` behind the wall."""
        return rectangle((self.left, depth, self.low), (self.right - self.left, 0, 0), (0, 0, self.high - self.low))


def upright_wall(x: tuple[float, float], z: tuple[float, float], openings: Sequence[Opening]) -> list[Surface]:
    """A wall from x[0] to x[1] and z[0] to z[1] in the plane y = 0, seen from -y, in columns round its openings."""
    cuts = sorted({*x, *(edge for opening in openings for edge in (opening.left, opening.right))})
    pieces = []
    for left, right in pairwise(cuts):
        over = sorted((o for o in openings if o.left < right and o.right > left), key=lambda o: o.low)
        edges = [z[0], *(edge for opening in over for edge in (opening.low, opening.high)), z[1]]
        for low, high in zip(edges[::2], edges[1::2], strict=True):
            if high > low:
                pieces.append(rectangle((left, 0, low), (right - left, 0, 0), (0, 0, high - low)))
    return pieces


def assemble(surfaces: Sequence[Surface], textures: Sequence[NDArray[np.uint8]], texel_m: float) -> TexturedWorld:
    """One world of surfaces and their textures."""
    starts = np.cumsum([0] + [len(surface.vertices) for surface in surfaces[:-1]])
    return TexturedWorld(
        vertices=np.concatenate([surface.vertices for surface in surfaces]),
        faces=np.concatenate([s.faces + start for s, start in zip(surfaces, starts, strict=True)]).astype(np.int32),
        uvs=np.concatenate([surface.uvs for surface in surfaces]).astype(np.float32),
        face_textures=np.repeat(np.arange(len(surfaces)), [len(s.faces) for s in surfaces]).astype(np.int32),
        textures=tuple(textures),
        texel_m=texel_m,
    )


def _grid(points: Callable[[UV], tuple[Array, Array]], wh: tuple[float, float], *, n_u: int, n_v: int) -> Surface:
    """Triangulate a uv map by a grid of n_u x n_v cells; cells that collapse at a pole lose one triangle."""
    u, v = np.meshgrid(np.linspace(0, 1, n_u + 1), np.linspace(0, 1, n_v + 1))
    uvs = np.stack([u, v], -1).reshape(-1, 2)
    vertices = points(uvs)[0]
    first = (np.arange(n_v)[:, None] * (n_u + 1) + np.arange(n_u)).reshape(-1)
    up = first + n_u + 1
    faces = np.concatenate([np.stack([first, first + 1, up + 1], -1), np.stack([first, up + 1, up], -1)])
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    has_area = np.linalg.norm(np.cross(b - a, c - a), axis=-1) > 1e-12
    return Surface(vertices, faces[has_area].astype(np.int32), uvs, (wh[1], wh[0]), points)
