"""A house front across a narrow street, walked along once: nothing closes round the camera, and above everything is sky.

The front is 12 m wide and 8 m high in the plane y = 0, street and cameras at y < 0, pavement at z = 0. What is hard: even
plaster, openings 16 cm deep, bars of 2.5 cm, an awning without thickness, eaves, and all of it seen from one side only.
"""

from functools import partial

from recon.bench.synthetic import drawing, materials
from recon.bench.synthetic.drawing import Color
from recon.bench.synthetic.light import Daylight, lit_world
from recon.bench.synthetic.noise import Rng
from recon.bench.synthetic.parts import Part, albedos_of, all_of, painted, printed
from recon.bench.synthetic.renderer import Image, TexturedWorld
from recon.bench.synthetic.surfaces import Opening, box, cylinder, disc, rectangle, sphere, upright_wall

WIDTH_M, HEIGHT_M = 12.0, 8.0
BRICK_M, REVEAL_M = 3.55, 0.16  # height of the brick ground floor; depth of the openings
_STREET_M = 30.0  # as much of it as there is

_CREAM: Color = (0.85, 0.80, 0.68)
_LACQUER: Color = (0.92, 0.92, 0.90)
_GLASS: Color = (0.16, 0.19, 0.22)
_IRON: Color = (0.15, 0.16, 0.17)
_GREEN: Color = (0.16, 0.33, 0.27)
_OAK: Color = (0.46, 0.31, 0.19)
_ZINC: Color = (0.52, 0.54, 0.56)
_STONES: tuple[Color, ...] = ((0.64, 0.60, 0.53), (0.56, 0.53, 0.48), (0.70, 0.66, 0.58))
_ASPHALT: tuple[Color, ...] = ((0.25, 0.25, 0.26), (0.30, 0.30, 0.30), (0.21, 0.21, 0.22), (0.34, 0.33, 0.32))
_LEAVES: tuple[Color, ...] = ((0.20, 0.38, 0.12), (0.34, 0.50, 0.18), (0.13, 0.26, 0.10), (0.52, 0.60, 0.26))
_BARK: tuple[Color, ...] = ((0.32, 0.26, 0.20), (0.24, 0.20, 0.16), (0.40, 0.34, 0.28))
_TILES: tuple[Color, ...] = ((0.52, 0.26, 0.18), (0.44, 0.22, 0.16), (0.60, 0.34, 0.24))

_DOOR = Opening(-1.0, 0.1, 0.34, 2.75)
_LOW_WINDOWS = tuple(Opening(x - 0.6, x + 0.6, 1.1, 2.7) for x in (-4.2, 2.2, 4.6))
_HIGH_WINDOWS = tuple(Opening(x - 0.55, x + 0.55, 4.4, 6.1) for x in (-4.2, 2.2, 4.6))
_BALCONY_DOOR = Opening(-1.0, 0.1, 3.68, 6.1)
_ATTIC_WINDOWS = tuple(Opening(x - 0.35, x + 0.35, 6.85, 7.4) for x in (-4.2, -0.45, 4.6))


def facade(*, seed: int, texel_m: float) -> TexturedWorld:
    """The house front of a seed with textures of `texel_m` metres per texel (0.006 is finer than a film sees)."""
    parts = [
        *_ground(),
        *_front(),
        *_roof(),
        *(part for window in (*_LOW_WINDOWS, *_HIGH_WINDOWS, *_ATTIC_WINDOWS) for part in _window(window)),
        *(part for x, side in ((-4.2, -1), (-4.2, 1), (2.2, -1), (2.2, 1)) for part in _shutter(x, side)),
        *_door(),
        *_balcony(),
        *_awning((4.6, 2.9)),
        *_bench((-2.75, -0.55)),
        *_plant((1.05, -0.5)),
        *_neighbours(),
        *_tree((7.6, -1.3)),
    ]
    albedos = albedos_of(parts, seed=seed, texel_m=texel_m)
    day = Daylight(sun_direction=(-0.55, -0.6, 0.75))
    surfaces = [surface for surface, _ in parts]
    return lit_world(surfaces, albedos, texel_m=texel_m, daylight=day, light_texel_m=max(0.03, texel_m))


def _ground() -> list[Part]:
    """A pavement before the house, a street 12 cm below it with a drain, the pavement on which one walks."""
    x, along = _STREET_M / 2, (_STREET_M, 0, 0)
    kerbs = [
        rectangle((-x, -2.2, -0.12), along, (0, 0, 0.12)),
        rectangle((x, -5.4, -0.12), (-_STREET_M, 0, 0), (0, 0, 0.12)),
        rectangle((-x, -2.2, 0), along, (0, 0.15, 0)),
        rectangle((-x, -5.55, 0), along, (0, 0.15, 0)),
    ]
    street = partial(materials.mottled, colors=_ASPHALT, cell_m=0.12)
    return [
        (rectangle((-x, -2.05, 0), along, (0, 2.05, 0)), materials.slabs),
        (rectangle((-x, -5.4, -0.12), along, (0, 3.2, 0)), street),
        (rectangle((-x, -8, 0), along, (0, 2.45, 0)), materials.slabs),
        *all_of(kerbs, partial(materials.mottled, colors=_STONES, cell_m=0.1)),
        *all_of(box((-3.4, -2.45), -0.12, (0.5, 0.3, 0.006))[:5], painted(_IRON)),
    ]


def _front() -> list[Part]:
    """Brick below, even plaster above, a band of stone between, a plinth, and the two flanks of the house."""
    left, right = -WIDTH_M / 2, WIDTH_M / 2
    brick = upright_wall((left, right), (0, BRICK_M), (_DOOR, *_LOW_WINDOWS))
    plaster = upright_wall((left, right), (BRICK_M, HEIGHT_M), (_BALCONY_DOOR, *_HIGH_WINDOWS, *_ATTIC_WINDOWS))
    flanks = [
        rectangle((left, 6, 0), (0, -6, 0), (0, 0, HEIGHT_M)),
        rectangle((right, 0, 0), (0, 6, 0), (0, 0, HEIGHT_M)),
    ]
    plinth = [*box((-3.5, -0.02), 0, (5, 0.04, 0.55))[:5], *box((3.05, -0.02), 0, (5.9, 0.04, 0.55))[:5]]
    bands = [*box((-3.6, -0.03), 3.5, (4.8, 0.06, 0.16)), *box((3.35, -0.03), 3.5, (5.3, 0.06, 0.16))]
    return [
        *all_of(brick, materials.bricks),
        *all_of(plaster, painted(_CREAM)),
        *all_of(flanks, painted(_CREAM, 0.96)),
        *all_of([*plinth, *bands], partial(materials.mottled, colors=_STONES, cell_m=0.15)),
        *all_of(box((0.65, -0.015), 1.75, (0.5, 0.03, 0.7))[:5], printed("DENTIST")),
    ]


def _roof() -> list[Part]:
    """Eaves of 35 cm, a gutter with its downpipe, tiles that rise behind."""
    left = -WIDTH_M / 2 - 0.15
    slope = rectangle((left, -0.35, HEIGHT_M + 0.1), (WIDTH_M + 0.3, 0, 0), (0, 3.4, 2.6))
    soffit = rectangle((left, 0, HEIGHT_M), (WIDTH_M + 0.3, 0, 0), (0, -0.35, 0))
    gutter = box((0, -0.41), HEIGHT_M - 0.02, (WIDTH_M + 0.3, 0.12, 0.12))
    clamps = [side for z in (1.2, 3.1, 5.0, 6.9) for side in box((5.72, -0.06), z, (0.14, 0.12, 0.03))]
    return [
        (slope, _tiles),
        (soffit, painted(_LACQUER, 0.9)),
        *all_of(gutter, painted(_ZINC)),
        (cylinder((5.72, -0.09), 0.08, 0.05, HEIGHT_M - 0.1, 24), painted(_ZINC)),
        *all_of(clamps, painted(_IRON)),
    ]


def _tiles(size_hw: tuple[int, int], texel_m: float, rng: Rng) -> Image:
    return materials.bricks(size_hw, 0.4 * texel_m, rng, palette=_TILES)


def _window(opening: Opening) -> list[Part]:
    """Reveals, a sill that juts out, a frame with a mullion, dark glass, and a curtain behind half of it."""
    width, height = opening.right - opening.left, opening.high - opening.low
    x, low = (opening.left + opening.right) / 2, opening.low
    posts = (opening.left + 0.03, x, opening.right - 0.03)
    frame = [side for at in posts for side in box((at, REVEAL_M - 0.025), low, (0.06, 0.05, height))[:4]]
    rails = [side for z in (low, opening.high - 0.06) for side in box((x, REVEAL_M - 0.025), z, (width, 0.05, 0.06))]
    curtain = rectangle((opening.left, REVEAL_M - 0.003, low), (0.3 * width, 0, 0), (0, 0, height))
    return [
        *all_of(opening.reveals(REVEAL_M), painted(_LACQUER, 0.94)),
        *all_of(
            box((x, -0.03), low - 0.05, (width + 0.16, 0.14, 0.05)),
            partial(materials.mottled, colors=_STONES, cell_m=0.06),
        ),
        *all_of([*frame, *rails], painted(_LACQUER)),
        (opening.back(REVEAL_M), painted(_GLASS)),
        (curtain, partial(materials.mottled, colors=((0.72, 0.70, 0.64), (0.62, 0.60, 0.56)), cell_m=0.08)),
    ]


def _shutter(x: float, side: int) -> list[Part]:
    """A wooden shutter that stands open beside a window of the upper floor."""
    return all_of(
        box((x + side * 0.88, -0.03), 4.38, (0.56, 0.04, 1.74)),
        partial(materials.planks, color=_GREEN, width_m=0.14, is_upright=True),
    )


def _door() -> list[Part]:
    """Two steps of stone, a panelled leaf with a window above it, a handle and a lamp beside it."""
    x = (_DOOR.left + _DOOR.right) / 2
    steps = [*box((x, -0.45), 0, (1.7, 0.9, 0.17))[:5], *box((x, -0.28), 0.17, (1.5, 0.56, 0.17))[:5]]
    sill = rectangle((_DOOR.left, 0, _DOOR.low), (1.1, 0, 0), (0, 0.25, 0))
    panels = [s for dx in (-0.25, 0.25) for z in (0.5, 1.3) for s in box((x + dx, 0.235), z, (0.36, 0.03, 0.65))[:5]]
    lamp = [*box((0.4, -0.09), 2.25, (0.12, 0.12, 0.24)), *box((0.4, -0.02), 2.5, (0.04, 0.1, 0.03))]
    return [
        *all_of(steps, partial(materials.mottled, colors=_STONES, cell_m=0.09)),
        (sill, partial(materials.mottled, colors=_STONES, cell_m=0.05)),
        *all_of(_DOOR.reveals(0.25), painted(_LACQUER, 0.9)),
        (_DOOR.back(0.25), partial(materials.planks, color=_OAK, width_m=0.18, is_upright=True)),
        *all_of(panels, partial(materials.planks, color=(0.38, 0.25, 0.15), width_m=0.3, is_upright=True)),
        *all_of(box((x, 0.22), 2.2, (1.0, 0.05, 0.45))[:4], painted(_GLASS)),
        *all_of(box((x + 0.46, 0.17), 1.3, (0.03, 0.09, 0.16)), painted(_ZINC)),
        *all_of(lamp, painted(_IRON)),
    ]


def _balcony() -> list[Part]:
    """A slab on two brackets with a railing of bars, before a glass door."""
    left, right, depth, floor = -1.75, 0.85, 0.9, 3.68
    slab = box(((left + right) / 2, -depth / 2), floor - 0.18, (right - left, depth, 0.18))
    brackets = [s for x in (left + 0.25, right - 0.25) for s in box((x, -0.3), floor - 0.48, (0.12, 0.6, 0.3))]
    n = 20
    front = [(left + 0.04 + (right - left - 0.08) * i / n, -depth + 0.04) for i in range(n + 1)]
    flanks = [(x, -depth + 0.04 + 0.12 * i) for x in (left + 0.04, right - 0.04) for i in range(1, 7)]
    bars = [s for at in (*front, *flanks) for s in box(at, floor, (0.025, 0.025, 0.95))[:4]]
    rails = [
        *box(((left + right) / 2, -depth + 0.04), floor + 0.95, (right - left, 0.06, 0.04)),
        *box((left + 0.04, -depth / 2), floor + 0.95, (0.06, depth, 0.04)),
        *box((right - 0.04, -depth / 2), floor + 0.95, (0.06, depth, 0.04)),
    ]
    return [
        *all_of([*slab, *brackets], partial(materials.mottled, colors=_STONES, cell_m=0.12)),
        *all_of([*bars, *rails], painted(_IRON)),
        *_window(_BALCONY_DOOR),
    ]


def _awning(at: tuple[float, float]) -> list[Part]:
    """Striped cloth without thickness over a window of the ground floor, its valance, two struts."""
    x, z = at
    cloth = [
        rectangle((x - 0.9, -0.85, z - 0.35), (1.8, 0, 0), (0, 0.84, 0.5)),
        rectangle((x - 0.9, -0.85, z - 0.53), (1.8, 0, 0), (0, 0, 0.18)),
    ]
    struts = [s for dx in (-0.86, 0.86) for s in box((x + dx, -0.42), z - 0.36, (0.025, 0.84, 0.025))]
    return [*all_of(cloth, _stripes), *all_of(struts, painted(_IRON))]


def _stripes(size_hw: tuple[int, int], texel_m: float, rng: Rng) -> Image:
    cloth = materials.painted(size_hw, texel_m, rng, color=(0.90, 0.87, 0.80))
    step = max(1, round(0.2 / texel_m))
    for left in range(0, size_hw[1], 2 * step):
        red = materials.painted((size_hw[0], step), texel_m, rng, color=(0.66, 0.16, 0.14))
        drawing.paste(cloth, red, top=0, left=left)
    return cloth


def _bench(center: tuple[float, float]) -> list[Part]:
    x, y = center
    seat = [s for i in range(3) for s in box((x, y - 0.14 + 0.14 * i), 0.43, (1.5, 0.11, 0.03))]
    back = [s for z in (0.58, 0.74) for s in box((x, y + 0.24), z, (1.5, 0.03, 0.11))]
    feet = [
        s
        for dx in (-0.6, 0.6)
        for dy in (-0.16, 0.24)
        for s in box((x + dx, y + dy), 0, (0.05, 0.05, 0.43 + (dy > 0) * 0.42))
    ]
    return [*all_of([*seat, *back], partial(materials.planks, color=_OAK, width_m=0.11)), *all_of(feet, painted(_IRON))]


def _plant(center: tuple[float, float]) -> list[Part]:
    x, y = center
    return [
        (cylinder(center, 0, 0.22, 0.42, 36), painted((0.62, 0.34, 0.22))),
        (disc((x, y, 0.4), 0.22, 36), painted((0.24, 0.18, 0.13))),
        (sphere((x, y, 0.82), 0.42, 40), partial(materials.mottled, colors=_LEAVES, cell_m=0.06)),
    ]


def _neighbours() -> list[Part]:
    """A garden wall at the left and a fence of boards at the right, lower than the house: sky stands beside it."""
    wall = box((-10.5, 0.1), 0, (9, 0.2, 1.9))[:5]
    fence = box((10.5, 0.03), 0, (9, 0.06, 1.6))[:5]
    return [
        *all_of(wall, partial(materials.plaster, color=(0.70, 0.70, 0.66), brick_share=0.06)),
        *all_of(fence, partial(materials.planks, color=(0.50, 0.40, 0.30), is_upright=True)),
    ]


def _tree(center: tuple[float, float]) -> list[Part]:
    x, y = center
    leaves = partial(materials.mottled, colors=_LEAVES, cell_m=0.09)
    balls = ((0.0, 0.0, 3.3, 0.95), (-0.5, 0.25, 2.8, 0.6), (0.55, -0.2, 2.9, 0.65), (0.1, 0.2, 4.1, 0.6))
    return [
        (cylinder(center, 0, 0.1, 2.6, 24), partial(materials.mottled, colors=_BARK, cell_m=0.04)),
        *((sphere((x + dx, y + dy, z), radius, 36), leaves) for dx, dy, z, radius in balls),
    ]
