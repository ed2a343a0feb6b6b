"""A small kitchen: plain white fronts one beside the other, a strip of tiles that are all alike, a steel tap, thin legs.

3.6 m x 3.2 m, 2.5 m high, units along the walls at +y and +x, floor at z = 0. What is hard: fronts differ by gaps of
5 mm only, the tiles repeat, and the table stands on legs of 3 cm.
"""

from functools import partial

import numpy as np

from recon.bench.synthetic import materials
from recon.bench.synthetic.drawing import Color, finish
from recon.bench.synthetic.light import Daylight, lit_world
from recon.bench.synthetic.noise import Rng
from recon.bench.synthetic.parts import Part, albedos_of, all_of, legs, painted, printed, turned
from recon.bench.synthetic.renderer import Image, TexturedWorld
from recon.bench.synthetic.surfaces import box, cylinder, disc, rectangle, sphere

LENGTH_M, WIDTH_M, HEIGHT_M = 3.6, 3.2, 2.5
WORKTOP_M, UNIT_M = 0.90, 0.60  # height of the worktop, depth of the units

_WHITE: Color = (0.91, 0.90, 0.88)
_LACQUER: Color = (0.93, 0.93, 0.92)
_STEEL: Color = (0.62, 0.63, 0.64)
_IRON: Color = (0.20, 0.20, 0.22)
_OAK: Color = (0.64, 0.48, 0.31)
_TILES: Color = (0.80, 0.86, 0.85)
_WORKTOP: tuple[Color, ...] = ((0.34, 0.33, 0.32), (0.42, 0.41, 0.39), (0.28, 0.27, 0.27))
_FRUIT: tuple[Color, ...] = ((0.86, 0.48, 0.10), (0.92, 0.58, 0.16), (0.80, 0.40, 0.08))
_CLOTH: tuple[Color, ...] = ((0.72, 0.22, 0.20), (0.90, 0.88, 0.82), (0.28, 0.40, 0.58))
_DAYLIGHT = Daylight(
    sun_direction=(-0.7, -0.45, 0.55),
    sun_color=(0.55, 0.52, 0.46),
    sky_color=(1.55, 1.6, 1.7),
    bounce_color=(0.72, 0.71, 0.69),
    n_sky_rays=384,
)


def kitchen(*, seed: int, texel_m: float) -> TexturedWorld:
    """The kitchen of a seed with textures of `texel_m` metres per texel."""
    parts = [
        *_shell(),
        *_units(),
        *_wall_cupboards(),
        *_fridge((1.47, -0.75)),
        *_sink((-0.55, WIDTH_M / 2 - UNIT_M / 2)),
        *_hob(),
        *_on_the_worktop(),
        *_table((-1.15, -1.05), yaw_deg=8),
        *_stool((-0.42, -1.15), yaw_deg=20),
        *_stool((-1.35, -0.38), yaw_deg=-15),
    ]
    albedos = albedos_of(parts, seed=seed, texel_m=texel_m)
    surfaces = [surface for surface, _ in parts]
    return lit_world(surfaces, albedos, texel_m=texel_m, daylight=_DAYLIGHT, light_texel_m=max(0.03, texel_m))


def _shell() -> list[Part]:
    """Tiled floor, ceiling, walls of plain paint; in the one at -x an opening of 1.2 m x 1.1 m, a calendar on that at -y."""
    x, y, z = LENGTH_M / 2, WIDTH_M / 2, HEIGHT_M
    low, high, half = 0.95, 2.05, 0.6
    window_wall = [
        rectangle((-x, -y, 0), (0, 2 * y, 0), (0, 0, low)),
        rectangle((-x, -y, high), (0, 2 * y, 0), (0, 0, z - high)),
        rectangle((-x, -y, low), (0, y - half, 0), (0, 0, high - low)),
        rectangle((-x, half, low), (0, y - half, 0), (0, 0, high - low)),
    ]
    frame = [
        *box((-x - 0.06, -half + 0.03), low, (0.12, 0.06, high - low)),
        *box((-x - 0.06, half - 0.03), low, (0.12, 0.06, high - low)),
        *box((-x - 0.06, 0), low, (0.05, 0.05, high - low)),
        *box((-x + 0.03, 0), low - 0.03, (0.22, 2 * half + 0.1, 0.03)),
        *box((-x - 0.06, 0), high - 0.06, (0.12, 2 * half, 0.06)),
    ]
    return [
        (rectangle((-x, -y, 0), (2 * x, 0, 0), (0, 2 * y, 0)), partial(_tiled, color=(0.58, 0.56, 0.53), side_m=0.3)),
        (rectangle((-x, y, z), (2 * x, 0, 0), (0, -2 * y, 0)), painted(_WHITE, 1.02)),
        (rectangle((-x, y, 0), (2 * x, 0, 0), (0, 0, z)), painted(_WHITE)),
        (rectangle((x, y, 0), (0, -2 * y, 0), (0, 0, z)), painted(_WHITE, 0.96)),
        (rectangle((x, -y, 0), (-2 * x, 0, 0), (0, 0, z)), painted(_WHITE, 0.93)),
        *all_of(window_wall, painted(_WHITE, 0.9)),
        *all_of(frame, painted(_LACQUER)),
        *all_of(box((-0.6, -y + 0.01), 1.2, (0.5, 0.02, 0.7)), printed("MAY")),
    ]


def _tiled(size_hw: tuple[int, int], texel_m: float, rng: Rng, *, color: Color, side_m: float) -> Image:
    """Square tiles of one colour in a regular grid of joints: nothing tells one from the next but their dirt."""
    h, w = size_hw
    tiles = materials.painted(size_hw, texel_m, rng, color=color)
    side = side_m / texel_m
    joint = max(1.0, 0.004 / texel_m)
    is_joint = ((np.arange(h) % side) < joint)[:, None] | ((np.arange(w) % side) < joint)
    return finish(np.where(is_joint[..., None], np.float32(0.7) * tiles, tiles))


def _units() -> list[Part]:
    """Base units in an L with a recessed foot, doors and drawers that stand 2 cm proud, handles, and the worktop."""
    x, y = LENGTH_M / 2, WIDTH_M / 2
    front = y - UNIT_M
    carcass = [*box((0, y - 0.28), 0.1, (2 * x, 0.56, 0.76)), *box((x - 0.28, 0.35), 0.1, (0.56, 1.3, 0.76))]
    feet = [*box((0, y - 0.25), 0, (2 * x, 0.5, 0.1)), *box((x - 0.25, 0.35), 0, (0.5, 1.3, 0.1))]
    doors, handles = [], []
    for i in range(5):
        left = -x + 0.6 * i
        for low, high in ((0.12, 0.84),) if i % 2 else ((0.12, 0.36), (0.365, 0.60), (0.605, 0.84)):
            doors += box((left + 0.3, front + 0.03), low, (0.595, 0.02, high - low))
            handles += box((left + 0.3, front + 0.005), high - 0.06, (0.16, 0.02, 0.012))
    for i in range(2):
        middle = 0.675 - 0.6 * i
        doors += box((x - UNIT_M + 0.03, middle), 0.12, (0.02, 0.595, 0.72))
        handles += box((x - UNIT_M + 0.005, middle), 0.78, (0.02, 0.16, 0.012))
    top = [*box((0, y - 0.3), 0.86, (2 * x, UNIT_M, 0.04)), *box((x - 0.3, 0.35), 0.86, (UNIT_M, 1.3, 0.04))]
    return [
        *all_of(carcass, painted(_LACQUER, 0.7)),
        *all_of(feet, painted(_IRON)),
        *all_of(doors, painted(_LACQUER)),
        *all_of(handles, painted(_STEEL)),
        *all_of(top, partial(materials.mottled, colors=_WORKTOP, cell_m=0.03)),
    ]


def _wall_cupboards() -> list[Part]:
    """White boxes above the worktop, a strip of tiles below them, a hood between."""
    x, y = LENGTH_M / 2, WIDTH_M / 2
    bodies = [side for at in (-1.45, 0.35, 0.96, 1.48) for side in box((at, y - 0.17), 1.45, (0.595, 0.34, 0.75))]
    hood = [*box((-0.25, y - 0.22), 1.55, (0.58, 0.44, 0.12)), *box((-0.25, y - 0.12), 1.67, (0.24, 0.24, 0.83))]
    strip = rectangle((-x, y - 0.008, WORKTOP_M), (2 * x, 0, 0), (0, 0, 0.55))
    return [
        *all_of(bodies, painted(_LACQUER)),
        *all_of(hood, painted(_STEEL)),
        (strip, partial(_tiled, color=_TILES, side_m=0.1)),
    ]


def _fridge(center: tuple[float, float]) -> list[Part]:
    x, y = center
    return [
        *all_of(box(center, 0.02, (0.62, 0.62, 1.82)), painted(_LACQUER, 0.97)),
        *all_of(box((x - 0.315, y), 0.68, (0.012, 0.6, 0.008)), painted(_IRON)),
        *all_of(box((x - 0.33, y + 0.25), 0.8, (0.03, 0.02, 0.5)), painted(_STEEL)),
        *all_of(box((x - 0.312, y - 0.08), 1.15, (0.006, 0.21, 0.3)), printed("PIZZA")),
    ]


def _sink(center: tuple[float, float]) -> list[Part]:
    """A steel rim on the worktop, and a tap: an upright, a bend of three pieces, a spout, a lever."""
    x, y = center
    rim = [*box((x, y - 0.02), WORKTOP_M, (0.5, 0.42, 0.006))[:5]]
    tap = [
        *box((x, y + 0.16), WORKTOP_M + 0.30, (0.024, 0.024, 0.024)),
        *box((x, y + 0.09), WORKTOP_M + 0.305, (0.022, 0.16, 0.022)),
        *box((x, y + 0.01), WORKTOP_M + 0.24, (0.022, 0.022, 0.085)),
        *box((x + 0.04, y + 0.16), WORKTOP_M + 0.08, (0.08, 0.012, 0.012)),
    ]
    return [
        *all_of(rim, painted(_STEEL, 1.1)),
        (rectangle((x - 0.2, y - 0.17, WORKTOP_M + 0.007), (0.4, 0, 0), (0, 0.3, 0)), painted(_STEEL, 0.6)),
        (cylinder((x, y + 0.16), WORKTOP_M, 0.014, 0.31, 16), painted(_STEEL)),
        *all_of(tap, painted(_STEEL)),
    ]


def _hob() -> list[Part]:
    """Black glass with a pot on it, and an oven towel."""
    y = WIDTH_M / 2 - 0.3
    towel = box((-0.9 + 0.6, WIDTH_M / 2 - UNIT_M - 0.008), 0.38, (0.3, 0.012, 0.38))
    pot = partial(materials.painted_metal, color=(0.70, 0.20, 0.16), band=(0.9, 0.88, 0.8), label="SOUP")
    return [
        *all_of(box((0.15, y), WORKTOP_M, (0.56, 0.48, 0.008))[:5], painted((0.08, 0.08, 0.09))),
        (cylinder((0.27, y + 0.1), WORKTOP_M + 0.008, 0.11, 0.14, 36), pot),
        (disc((0.27, y + 0.1, WORKTOP_M + 0.148), 0.11, 36), painted(_STEEL)),
        *all_of(towel, partial(materials.mottled, colors=_CLOTH, cell_m=0.05)),
    ]


def _on_the_worktop() -> list[Part]:
    """A board against the tiles, jars, a packet, a kettle, a bowl with fruit."""
    y = WIDTH_M / 2
    jars = [
        (cylinder((0.75 + 0.13 * i, y - 0.14), WORKTOP_M, 0.05, h, 28), label)
        for i, (h, label) in enumerate(((0.16, "TEA"), (0.2, "RICE"), (0.13, "SALT")))
    ]
    glazed = partial(materials.painted_metal, color=(0.86, 0.84, 0.78), band=(0.3, 0.42, 0.5))
    parts: list[Part] = [(surface, partial(glazed, label=label)) for surface, label in jars]
    parts += [
        (disc((0.75 + 0.13 * i, y - 0.14, WORKTOP_M + h), 0.05, 28), painted(_OAK))
        for i, h in enumerate((0.16, 0.2, 0.13))
    ]
    parts += all_of(
        box((-1.25, y - 0.05), WORKTOP_M, (0.3, 0.02, 0.38))[:5], partial(materials.planks, color=_OAK, width_m=0.1)
    )
    parts += all_of(box((1.5, 0.55), WORKTOP_M, (0.2, 0.07, 0.29), yaw_deg=70)[:5], printed("OATS"))
    parts += [
        (cylinder((1.45, 1.2), WORKTOP_M, 0.085, 0.2, 36), painted(_LACQUER, 0.98)),
        (disc((1.45, 1.2, WORKTOP_M + 0.2), 0.085, 36), painted(_IRON)),
        *all_of(box((1.45 - 0.1, 1.2), WORKTOP_M + 0.05, (0.03, 0.03, 0.14)), painted(_IRON)),
        (cylinder((1.45, 0.05), WORKTOP_M, 0.12, 0.07, 36), painted((0.30, 0.42, 0.55))),
    ]
    fruit = partial(materials.mottled, colors=_FRUIT, cell_m=0.02)
    return parts + [
        (sphere((1.45 + dx, 0.05 + dy, WORKTOP_M + 0.075), 0.042, 28), fruit)
        for dx, dy in ((-0.05, 0), (0.04, 0.04), (0.03, -0.05))
    ]


def _table(center: tuple[float, float], *, yaw_deg: float) -> list[Part]:
    at = turned(center, yaw_deg)
    x, y = at(-0.2, 0.08)
    return [
        *all_of(legs(at, (0.36, 0.26), (0.03, 0.03, 0.72), yaw_deg=yaw_deg), painted(_IRON)),
        *all_of(box(center, 0.72, (0.8, 0.6, 0.025), yaw_deg=yaw_deg), painted(_LACQUER)),
        *all_of(box(at(0.12, -0.05), 0.745, (0.3, 0.21, 0.012), yaw_deg=yaw_deg + 25)[:5], printed("NEWS")),
        (cylinder((x, y), 0.745, 0.04, 0.1, 28), partial(materials.mottled, colors=_CLOTH, cell_m=0.03)),
        (disc((x, y, 0.845), 0.04, 28), painted(_IRON)),
    ]


def _stool(center: tuple[float, float], *, yaw_deg: float) -> list[Part]:
    at = turned(center, yaw_deg)
    return [
        *all_of(legs(at, (0.14, 0.14), (0.03, 0.03, 0.44), yaw_deg=yaw_deg), painted(_IRON)),
        *all_of(
            box(center, 0.44, (0.34, 0.34, 0.03), yaw_deg=yaw_deg), partial(materials.planks, color=_OAK, width_m=0.09)
        ),
    ]
