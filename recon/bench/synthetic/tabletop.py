"""Things on a table, circled at arm's length: round, thin, glossy-white and hollow ones, which a room or a yard does not have.

A table of 1.3 m x 0.85 m, 0.74 m high, in a room of 4 m x 3.8 m; floor at z = 0. The cameras see the table from near and the room
behind it from far. What is hard: a white mug on a white cloth, a ball and a vase without an edge, thin feet and handles.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from recon.bench.synthetic import materials
from recon.bench.synthetic.drawing import Color
from recon.bench.synthetic.light import Daylight, lit_world
from recon.bench.synthetic.parts import Part, albedos_of, all_of, legs, painted, printed, turned
from recon.bench.synthetic.renderer import TexturedWorld
from recon.bench.synthetic.surfaces import box, cylinder, disc, rectangle, sphere, wedge

TABLE_M = 0.74  # its top above the floor
_WHITE: Color = (0.90, 0.89, 0.87)
_STEEL: Color = (0.24, 0.24, 0.26)
_OAK: Color = (0.62, 0.46, 0.30)
_FRUIT: tuple[Color, ...] = ((0.86, 0.48, 0.10), (0.92, 0.58, 0.16), (0.80, 0.40, 0.08))
_GLAZE: tuple[Color, ...] = ((0.16, 0.30, 0.50), (0.85, 0.84, 0.80), (0.24, 0.44, 0.62))
_DAYLIGHT = Daylight(
    sun_direction=(-0.35, 0.6, 0.9),
    sun_color=(0.55, 0.52, 0.46),
    sky_color=(1.0, 1.02, 1.05),
    bounce_color=(0.5, 0.49, 0.47),
    n_sky_rays=256,
)


def tabletop(*, seed: int, texel_m: float) -> TexturedWorld:
    """The table of a seed with textures of `texel_m` metres per texel."""
    parts = [*_room(), *_table(), *_boxes(), *_round_things(), *_mug((0.33, 0.22)), *_toy_truck((0.02, -0.24))]
    albedos = albedos_of(parts, seed=seed, texel_m=texel_m)
    surfaces = [surface for surface, _ in parts]
    return lit_world(surfaces, albedos, texel_m=texel_m, daylight=_DAYLIGHT, light_texel_m=max(0.02, texel_m))


def _room() -> list[Part]:
    """Planks, two walls of old plaster with pictures, two of plain paint with a door; no ceiling, so that there is light."""
    plaster = partial(materials.plaster, color=(0.74, 0.76, 0.70), brick_share=0.02)
    pictures = [
        ("DELFT", box((-0.6, 1.78), 0.95, (0.9, 0.03, 0.65))),
        ("OSAKA", box((-1.98, 0.1), 1.0, (0.03, 0.7, 0.9))),
    ]
    skirting = [*box((0, -1.99), 0, (4, 0.02, 0.09)), *box((1.99, -0.1), 0, (0.02, 3.8, 0.09))]
    door = [*box((1.98, -0.7), 0, (0.04, 0.9, 2.0)), *box((1.95, -0.35), 1.0, (0.05, 0.12, 0.02))]
    return [
        (rectangle((-2, -2, 0), (4, 0, 0), (0, 3.8, 0)), partial(materials.planks, width_m=0.16)),
        (rectangle((-2, 1.8, 0), (4, 0, 0), (0, 0, 2.3)), plaster),
        (rectangle((-2, -2, 0), (0, 3.8, 0), (0, 0, 2.3)), plaster),
        (rectangle((2, 1.8, 0), (0, -3.8, 0), (0, 0, 2.3)), painted(_WHITE, 0.94)),
        (rectangle((2, -2, 0), (-4, 0, 0), (0, 0, 2.3)), painted((0.62, 0.68, 0.72))),
        *all_of(skirting, painted(_WHITE, 0.8)),
        *all_of(door, painted(_OAK)),
        *[part for title, sides in pictures for part in all_of(sides, printed(title))],
    ]


def _table() -> list[Part]:
    """White, on thin feet, with a printed place mat."""
    top = box((0, 0), TABLE_M - 0.025, (1.3, 0.85, 0.025))
    mat = box((-0.28, 0.05), TABLE_M, (0.46, 0.34, 0.004), yaw_deg=14)[:5]
    return [
        *all_of(legs(turned((0, 0), 0), (0.58, 0.36), (0.03, 0.03, TABLE_M - 0.025), yaw_deg=0), painted(_STEEL)),
        *all_of(top, painted(_WHITE)),
        *all_of(mat, printed("MENU")),
    ]


def _boxes() -> list[Part]:
    """A packet that stands, and three books that lie on each other."""
    packet = box((0.42, -0.18), TABLE_M, (0.19, 0.06, 0.28), yaw_deg=-28)[:5]
    parts = all_of(packet, printed("OATS"))
    for i, (width, depth, height, yaw) in enumerate(
        ((0.24, 0.17, 0.035, 8), (0.22, 0.15, 0.025, -6), (0.18, 0.12, 0.03, 21))
    ):
        base = TABLE_M + (0.0, 0.035, 0.06)[i]
        parts += all_of(box((-0.42, -0.22), base, (width, depth, height), yaw_deg=yaw)[:5], printed(f"BOOK {i + 1}"))
    return parts


def _round_things() -> list[Part]:
    """Three oranges on the mat, a vase of three rings, a plain ball."""
    fruit = partial(materials.mottled, colors=_FRUIT, cell_m=0.02)
    parts: list[Part] = [
        (sphere((x, y, TABLE_M + 0.004 + r), r, 32), fruit)
        for x, y, r in ((-0.30, 0.08, 0.040), (-0.215, 0.06, 0.037), (-0.26, 0.14, 0.042))
    ]
    glaze = partial(materials.mottled, colors=_GLAZE, cell_m=0.035)
    base = TABLE_M
    for radius, height in ((0.045, 0.06), (0.07, 0.11), (0.03, 0.09)):
        parts += [
            (cylinder((0.08, 0.27), base, radius, height, 36), glaze),
            (disc((0.08, 0.27, base + height), radius, 36), glaze),
        ]
        base += height
    parts.append((sphere((0.22, -0.02, TABLE_M + 0.055), 0.055, 36), painted((0.70, 0.16, 0.14))))
    return parts


def _mug(center: tuple[float, float]) -> list[Part]:
    """White and hollow, 9.5 cm high, with a handle of three bars."""
    x, y = center
    outer, inner, height = 0.042, 0.037, 0.095
    handle = [
        *box((x + outer + 0.012, y), TABLE_M + 0.068, (0.03, 0.009, 0.009)),
        *box((x + outer + 0.012, y), TABLE_M + 0.022, (0.03, 0.009, 0.009)),
        *box((x + outer + 0.024, y), TABLE_M + 0.022, (0.009, 0.009, 0.055)),
    ]
    inside = cylinder(center, TABLE_M + 0.008, inner, height - 0.008, 36)
    turned_in = replace(inside, faces=inside.faces[:, ::-1], points_fn=lambda uv: _inwards(inside.points_fn(uv)))
    return [
        (
            cylinder(center, TABLE_M, outer, height, 36),
            partial(materials.painted_metal, color=_WHITE, band=(0.2, 0.4, 0.5), label="TEA"),
        ),
        (turned_in, painted(_WHITE, 0.95)),
        (disc((x, y, TABLE_M + 0.008), inner, 36), painted((0.30, 0.18, 0.10))),
        *all_of(handle, painted(_WHITE)),
    ]


def _inwards(points: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return points[0], -points[1]


def _toy_truck(center: tuple[float, float]) -> list[Part]:
    """A load, a cab with a slanted bonnet, four wheels of two shades."""
    at = turned(center, 32)
    red: Color = (0.72, 0.14, 0.10)
    wood = partial(materials.mottled, colors=(_OAK, (0.56, 0.40, 0.24), (0.70, 0.54, 0.36)), cell_m=0.02)
    parts = [
        *all_of(box(at(-0.035, 0), TABLE_M + 0.028, (0.13, 0.075, 0.06), yaw_deg=32), wood),
        *all_of(box(at(0.052, 0), TABLE_M + 0.028, (0.04, 0.07, 0.085), yaw_deg=32), painted(red)),
        *all_of(wedge(at(0.092, 0), TABLE_M + 0.028, (0.045, 0.07, 0.042), yaw_deg=212), painted(red, 0.9)),
    ]
    for x in (-0.07, 0.065):
        for y in (-0.038, 0.038):
            parts += all_of(box(at(x, y), TABLE_M, (0.04, 0.014, 0.04), yaw_deg=32), painted(_STEEL, 1 + x))
    return parts
