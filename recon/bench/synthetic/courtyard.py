"""The sample world: a walled courtyard of 6 m x 5 m that somebody uses as a workshop.

Floor at z = 0, walls to 2.35 m, no roof, +x along the longer side. Things of many heights stand in the middle and along
the walls; no two surfaces carry the same picture.
"""

from collections.abc import Sequence
from functools import partial

from recon.bench.synthetic import drawing, materials, prints
from recon.bench.synthetic.drawing import Color
from recon.bench.synthetic.light import Daylight, lit_world
from recon.bench.synthetic.noise import Rng
from recon.bench.synthetic.parts import Part, albedos_of, all_of, legs, turned
from recon.bench.synthetic.renderer import Image, TexturedWorld
from recon.bench.synthetic.surfaces import box, cylinder, disc, rectangle, sphere, wedge

LENGTH_M, WIDTH_M, WALL_M = 6.0, 5.0, 2.35


def courtyard(*, seed: int, texel_m: float) -> TexturedWorld:
    """The courtyard of a seed with textures of `texel_m` metres per texel (0.003 is finer than the sample sees)."""
    parts: list[Part] = [
        *_walls(),
        *_table((0.42, 0.3), yaw_deg=24),
        *_crates(),
        *_barrels(),
        *_bench((-0.75, 2.22)),
        *_steps(),
        *_ramp((0.95, -2.12)),
        *_planter((-2.5, 1.95)),
        *_shelves(),
        (sphere((0.62, -0.62, 0.21), 0.21, 40), partial(materials.mottled, colors=_BALL, cell_m=0.16)),
    ]
    albedos = albedos_of(parts, seed=seed, texel_m=texel_m)
    return lit_world(
        [surface for surface, _ in parts],
        albedos,
        texel_m=texel_m,
        daylight=Daylight(),
        light_texel_m=max(0.012, texel_m),
    )


_BALL: tuple[Color, ...] = ((0.85, 0.22, 0.16), (0.93, 0.82, 0.30), (0.16, 0.38, 0.72), (0.90, 0.88, 0.84))
_LEAVES: tuple[Color, ...] = ((0.20, 0.38, 0.12), (0.34, 0.50, 0.18), (0.13, 0.26, 0.10), (0.52, 0.60, 0.26))
_SOIL: tuple[Color, ...] = ((0.24, 0.17, 0.12), (0.32, 0.24, 0.17), (0.16, 0.12, 0.10))
_OAK: Color = (0.60, 0.42, 0.25)
_PINE: Color = (0.74, 0.58, 0.37)
_TEAL: Color = (0.24, 0.44, 0.44)
_TREADS: tuple[Color, ...] = ((0.66, 0.68, 0.70), (0.50, 0.54, 0.58), (0.74, 0.72, 0.66))
_CONCRETE: tuple[Color, ...] = ((0.62, 0.60, 0.57), (0.53, 0.52, 0.50), (0.69, 0.66, 0.60))


def _walls() -> list[Part]:
    x, y, z = LENGTH_M / 2, WIDTH_M / 2, WALL_M
    inner: list[Part] = [
        (rectangle((-x, -y, 0), (2 * x, 0, 0), (0, 2 * y, 0)), _floor),
        (rectangle((-x, y, 0), (2 * x, 0, 0), (0, 0, z)), _brick_wall),
        (rectangle((x, y, 0), (0, -2 * y, 0), (0, 0, z)), _mural_wall),
        (rectangle((x, -y, 0), (-2 * x, 0, 0), (0, 0, z)), _board_wall),
        (rectangle((-x, -y, 0), (0, 2 * y, 0), (0, 0, z)), _old_wall),
    ]
    copings = [
        *box((0, y + 0.04), z, (2 * x + 0.34, 0.17, 0.07)),
        *box((0, -y - 0.04), z, (2 * x + 0.34, 0.17, 0.07)),
        *box((x + 0.04, 0), z, (0.17, 2 * y - 0.1, 0.07)),
        *box((-x - 0.04, 0), z, (0.17, 2 * y - 0.1, 0.07)),
    ]
    return inner + all_of(copings, partial(materials.mottled, colors=_CONCRETE, cell_m=0.12))


def _floor(size_hw: tuple[int, int], texel_m: float, rng: Rng) -> Image:
    picture = materials.slabs(size_hw, texel_m, rng)
    carpet = prints.rug((round(1.25 / texel_m), round(1.9 / texel_m)), rng)
    drawing.paste(picture, carpet, top=round(2.0 / texel_m), left=round(2.35 / texel_m))
    return picture


def _brick_wall(size_hw: tuple[int, int], texel_m: float, rng: Rng) -> Image:
    picture = materials.bricks(size_hw, texel_m, rng)
    for title, left_m, top_m, high_m in (
        ("SUMMER FAIR", 0.9, 0.45, 0.95),
        ("KINO 21:30", 2.35, 0.6, 0.8),
        ("JAZZ NIGHT", 3.25, 0.38, 1.05),
        ("FLEA MARKET", 4.55, 0.62, 0.85),
    ):
        _hang(picture, texel_m, rng, title, left_m=left_m, top_m=top_m, height_m=high_m)
    return picture


def _mural_wall(size_hw: tuple[int, int], texel_m: float, rng: Rng) -> Image:
    picture = materials.plaster(size_hw, texel_m, rng, color=(0.80, 0.72, 0.56), brick_share=0.13)
    for x, y, radius in ((0.2, 0.45, 0.42), (0.34, 0.7, 0.3), (0.5, 0.3, 0.36), (0.72, 0.6, 0.45), (0.88, 0.3, 0.28)):
        drawing.splash(picture, texel_m, rng, center=(x, y), radius_m=radius)
    h, w = size_hw
    drawing.stencil(picture, "WORKSHOP", (0.12, 0.13, 0.2), center=(0.5 * w, 0.2 * h), width=0.42 * w)
    return picture


def _board_wall(size_hw: tuple[int, int], texel_m: float, rng: Rng) -> Image:
    picture = materials.planks(size_hw, texel_m, rng, color=(0.56, 0.40, 0.28), width_m=0.16, is_upright=True)
    door = materials.crate_side(
        (round(1.95 / texel_m), round(0.95 / texel_m)), texel_m, rng, color=_TEAL, label="STORE"
    )
    drawing.paste(picture, door, top=size_hw[0] - door.shape[0], left=round(4.4 / texel_m))
    _hang(picture, texel_m, rng, "OPEN AIR", left_m=0.6, top_m=0.5, height_m=1.0)
    _hang(picture, texel_m, rng, "CIRCUS", left_m=2.0, top_m=0.35, height_m=0.75)
    _hang(picture, texel_m, rng, "No. 7", left_m=3.2, top_m=0.6, height_m=0.9)
    return picture


def _old_wall(size_hw: tuple[int, int], texel_m: float, rng: Rng) -> Image:
    picture = materials.plaster(size_hw, texel_m, rng, color=(0.66, 0.70, 0.70), brick_share=0.3)
    _hang(picture, texel_m, rng, "THEATRE", left_m=0.55, top_m=0.4, height_m=0.85)
    _hang(picture, texel_m, rng, "BOAT RACE", left_m=3.3, top_m=0.5, height_m=0.95)
    return picture


def _hang(wall: Image, texel_m: float, rng: Rng, title: str, *, left_m: float, top_m: float, height_m: float) -> None:
    """Paste a poster of that height onto a wall.

    wall: its picture, painted on; texel_m: the side of a pixel. title: what the poster says. left_m, top_m: its corner; height_m:
    its height; rng: for its colours.
    """
    size_hw = (max(8, round(height_m / texel_m)), max(8, round(0.72 * height_m / texel_m)))
    poster = prints.poster(size_hw, rng, title=title)
    drawing.paste(wall, poster, top=round(top_m / texel_m), left=round(left_m / texel_m))


def _table(center: tuple[float, float], *, yaw_deg: float) -> list[Part]:
    at = turned(center, yaw_deg)
    feet = legs(at, (0.48, 0.26), (0.08, 0.08, 0.70), yaw_deg=yaw_deg)
    top = box(center, 0.70, (1.15, 0.7, 0.05), yaw_deg=yaw_deg)
    case = box(at(-0.3, 0.05), 0.75, (0.3, 0.22, 0.2), yaw_deg=yaw_deg + 17)[:5]
    x, y = at(0.28, 0.12)
    return [
        *all_of(feet, partial(materials.planks, color=(0.42, 0.29, 0.19))),
        *all_of(top, partial(materials.planks, color=_PINE, width_m=0.1)),
        *all_of(case, partial(materials.crate_side, color=(0.66, 0.24, 0.18), label="TOOLS")),
        *_drum((x, y), 0.75, 0.085, 0.24, color=(0.86, 0.78, 0.30), band=(0.25, 0.3, 0.6), label="TEA"),
        (sphere((*at(0.36, -0.18), 0.85), 0.1, 28), partial(materials.mottled, colors=_BALL[1:], cell_m=0.07)),
    ]


def _crates() -> list[Part]:
    stands: Sequence[tuple[tuple[float, float], float, tuple[float, float, float], float, Color, str]] = (
        ((-0.78, -0.2), 0.0, (0.62, 0.58, 0.56), 14, _OAK, "FRAGILE"),
        ((-0.80, -0.17), 0.56, (0.42, 0.4, 0.38), 47, _PINE, "RECON"),
        ((-0.42, 0.58), 0.0, (0.5, 0.4, 0.32), -28, (0.46, 0.50, 0.34), "APPLES"),
        ((2.52, -2.02), 0.0, (0.7, 0.6, 0.66), 4, _OAK, "SEAMAIL"),
        ((2.56, -2.06), 0.66, (0.4, 0.36, 0.3), 30, (0.34, 0.42, 0.56), "PAINT"),
    )
    return [
        part
        for center, base, size, yaw, color, label in stands
        for part in all_of(
            box(center, base, size, yaw_deg=yaw)[:5], partial(materials.crate_side, color=color, label=label)
        )
    ]


def _barrels() -> list[Part]:
    return [
        *_drum((2.52, 2.02), 0.0, 0.3, 0.9, color=(0.20, 0.36, 0.60), band=(0.88, 0.82, 0.7), label="OIL"),
        *_drum((1.86, 2.1), 0.0, 0.25, 0.62, color=(0.72, 0.28, 0.16), band=(0.93, 0.86, 0.5), label="WATER"),
    ]


def _drum(
    center: tuple[float, float], base_z: float, radius: float, height: float, *, color: Color, band: Color, label: str
) -> list[Part]:
    """A barrel that stands at `center` (x, y) on `base_z`, with this radius and height, in metres; `color` with two bands of colour
    `band`, and a `label` on it.
    """
    lid = partial(materials.mottled, colors=(color, band, (0.45, 0.3, 0.2)), cell_m=0.3 * radius)
    return [
        (
            cylinder(center, base_z, radius, height, 40),
            partial(materials.painted_metal, color=color, band=band, label=label),
        ),
        (disc((*center, base_z + height), radius, 40), lid),
    ]


def _bench(center: tuple[float, float]) -> list[Part]:
    x, y = center
    supports = [*box((x - 0.55, y), 0, (0.08, 0.32, 0.42))[:4], *box((x + 0.55, y), 0, (0.08, 0.32, 0.42))[:4]]
    seat = box(center, 0.42, (1.45, 0.38, 0.06))
    return [
        *all_of(supports, partial(materials.planks, color=(0.40, 0.28, 0.18), is_upright=True)),
        *all_of(seat, partial(materials.planks, color=(0.30, 0.50, 0.40), width_m=0.12)),
    ]


def _steps() -> list[Part]:
    """Three steps of brick with stone treads against the west wall."""
    steps = [box((-2.32 - 0.27 * i, -0.75), 0, (0.27, 1.05, 0.18 * (i + 1))) for i in range(3)]
    risers = [side for step in steps for side in step[:4]]
    return [
        *all_of(risers, partial(materials.bricks, palette=((0.70, 0.55, 0.32), (0.60, 0.42, 0.26)))),
        *all_of([step[4] for step in steps], partial(materials.mottled, colors=_TREADS, cell_m=0.09)),
    ]


def _ramp(center: tuple[float, float]) -> list[Part]:
    return all_of(wedge(center, 0, (1.35, 0.6, 0.42)), partial(materials.planks, color=(0.66, 0.50, 0.30), width_m=0.1))


def _planter(center: tuple[float, float]) -> list[Part]:
    sides = box(center, 0, (0.72, 0.68, 0.4), yaw_deg=6)
    return [
        *all_of(sides[:4], partial(materials.bricks, palette=materials.SANDSTONES)),
        (sides[4], partial(materials.mottled, colors=_SOIL, cell_m=0.06)),
        (
            sphere((center[0] + 0.04, center[1] - 0.03, 0.68), 0.32, 36),
            partial(materials.mottled, colors=_LEAVES, cell_m=0.05),
        ),
    ]


def _shelves() -> list[Part]:
    """Two boards on the east wall with boxes on them."""
    x = LENGTH_M / 2 - 0.15
    boards = [*box((x, -0.1), 0.85, (0.28, 1.5, 0.04)), *box((x, -0.1), 1.30, (0.28, 1.5, 0.04))]
    parts = all_of(boards, partial(materials.planks, color=_PINE))
    stands: Sequence[tuple[float, float, tuple[float, float, float], Color, str]] = (
        (-0.65, 0.89, (0.2, 0.26, 0.24), (0.70, 0.30, 0.22), "NAILS"),
        (-0.22, 0.89, (0.18, 0.34, 0.16), (0.30, 0.45, 0.62), "GLUE"),
        (0.32, 0.89, (0.2, 0.3, 0.3), (0.78, 0.68, 0.36), "ROPE"),
        (-0.48, 1.34, (0.2, 0.4, 0.2), (0.36, 0.52, 0.36), "SEEDS"),
        (0.18, 1.34, (0.18, 0.22, 0.28), (0.72, 0.66, 0.58), "WAX"),
    )
    for i, (y, z, size, color, label) in enumerate(stands):
        sides = box((x - 0.01, y), z, size, yaw_deg=7.0 * (i % 3 - 1))[:5]
        parts += all_of(sides, partial(materials.crate_side, color=color, label=label))
    return parts
