"""A living room as people have them: white walls and ceiling, a plain floor, white furniture, thin legs, few pictures.

5.2 m x 4.2 m, 2.5 m high, +x along the longer side, floor at z = 0. Nearly everything large is blank: what matching between
pictures can hold on to are edges, four pictures, a rug, cushions, books and what stands on the table.
"""

from collections.abc import Sequence
from functools import partial

from recon.bench.synthetic import drawing, materials, prints
from recon.bench.synthetic.drawing import Color
from recon.bench.synthetic.light import Daylight, lit_world
from recon.bench.synthetic.noise import Rng
from recon.bench.synthetic.parts import Part, albedos_of, all_of, legs, painted, printed, turned
from recon.bench.synthetic.renderer import Image, TexturedWorld
from recon.bench.synthetic.surfaces import box, cylinder, disc, rectangle, sphere

LENGTH_M, WIDTH_M, HEIGHT_M = 5.2, 4.2, 2.5


_WHITE: Color = (0.90, 0.89, 0.87)
_LACQUER: Color = (0.93, 0.93, 0.92)
_LAMINATE: Color = (0.74, 0.68, 0.60)
_CLOTH: Color = (0.46, 0.49, 0.54)
_STEEL: Color = (0.22, 0.22, 0.24)
_OAK: Color = (0.66, 0.50, 0.33)
_LEAVES: tuple[Color, ...] = ((0.18, 0.36, 0.13), (0.30, 0.48, 0.20), (0.12, 0.26, 0.11))
_PATTERN: tuple[Color, ...] = ((0.80, 0.30, 0.20), (0.92, 0.80, 0.40), (0.20, 0.38, 0.60), (0.88, 0.86, 0.80))
# The sun stands low behind the window; most light is what the room itself throws back.
_DAYLIGHT = Daylight(
    sun_direction=(-0.25, 0.85, 0.55),
    sun_color=(0.60, 0.56, 0.48),
    sky_color=(1.60, 1.66, 1.75),
    bounce_color=(0.74, 0.73, 0.71),
    n_sky_rays=384,
)


def furnished_room(*, seed: int, texel_m: float) -> TexturedWorld:
    """The room of a seed with textures of `texel_m` metres per texel."""
    parts = [
        *_shell(),
        *_window(),
        *_door(),
        *_pictures(),
        *_table((0.15, 0.1), yaw_deg=12),
        *_chair((0.15, -0.72), yaw_deg=5),
        *_chair((-0.75, 0.55), yaw_deg=-118),
        *_sofa((-0.7, -1.62)),
        *_cupboard((2.36, 0.75)),
        *_sideboard((1.3, -1.86)),
        *_lamp((-2.2, 1.7)),
        *_plant((2.2, -1.65)),
    ]
    albedos = albedos_of(parts, seed=seed, texel_m=texel_m)
    surfaces = [surface for surface, _ in parts]
    light_texel_m = max(0.04, texel_m)
    return lit_world(surfaces, albedos, texel_m=texel_m, daylight=_DAYLIGHT, light_texel_m=light_texel_m)


def _shell() -> list[Part]:
    """Floor with two rugs, ceiling, three whole walls (that of the window is `_window`), skirting boards."""
    x, y, z = LENGTH_M / 2, WIDTH_M / 2, HEIGHT_M
    skirting = [
        *box((0, -y + 0.008), 0, (2 * x, 0.016, 0.07)),
        *box((0, y - 0.008), 0, (2 * x, 0.016, 0.07)),
        *box((x - 0.008, 0), 0, (0.016, 2 * y, 0.07)),
        *box((-x + 0.008, 0), 0, (0.016, 2 * y, 0.07)),
    ]
    return [
        (rectangle((-x, -y, 0), (2 * x, 0, 0), (0, 2 * y, 0)), _floor),
        (rectangle((-x, y, z), (2 * x, 0, 0), (0, -2 * y, 0)), painted(_WHITE, 1.03)),
        (rectangle((x, y, 0), (0, -2 * y, 0), (0, 0, z)), painted(_WHITE, 0.95)),
        (rectangle((x, -y, 0), (-2 * x, 0, 0), (0, 0, z)), painted(_WHITE, 1.0)),
        (rectangle((-x, -y, 0), (0, 2 * y, 0), (0, 0, z)), painted(_WHITE, 0.92)),
        *all_of(skirting, painted(_LACQUER, 0.9)),
    ]


def _floor(size_hw: tuple[int, int], texel_m: float, rng: Rng) -> Image:
    picture = materials.painted(size_hw, texel_m, rng, color=_LAMINATE)
    plain = materials.painted((round(1.3 / texel_m), round(1.0 / texel_m)), texel_m, rng, color=(0.90, 0.88, 0.84))
    woven = prints.rug((round(0.9 / texel_m), round(1.5 / texel_m)), rng)
    drawing.paste(picture, plain, top=round(0.9 / texel_m), left=round(0.5 / texel_m))
    drawing.paste(picture, woven, top=round(2.5 / texel_m), left=round(1.5 / texel_m))
    return picture


def _window() -> list[Part]:
    """The wall at +y round an opening of 1.8 m x 1.25 m, with sill, frame and a mullion; the sky is behind it."""
    x, y, z = LENGTH_M / 2, WIDTH_M / 2, HEIGHT_M
    left, right, low, high = -0.9, 0.9, 0.9, 2.15
    wall = [
        rectangle((-x, y, 0), (2 * x, 0, 0), (0, 0, low)),
        rectangle((-x, y, high), (2 * x, 0, 0), (0, 0, z - high)),
        rectangle((-x, y, low), (x + left, 0, 0), (0, 0, high - low)),
        rectangle((right, y, low), (x - right, 0, 0), (0, 0, high - low)),
    ]
    frame = [
        *box((left + 0.03, y + 0.06), low, (0.06, 0.12, high - low)),
        *box((right - 0.03, y + 0.06), low, (0.06, 0.12, high - low)),
        *box((0, y + 0.08), low, (0.05, 0.05, high - low)),
        *box((0, y + 0.06), high - 0.06, (right - left, 0.12, 0.06)),
        *box((0, y - 0.05), low - 0.04, (right - left + 0.2, 0.24, 0.04)),
    ]
    return [*all_of(wall, painted(_WHITE, 0.88)), *all_of(frame, painted(_LACQUER))]


def _door() -> list[Part]:
    x = LENGTH_M / 2
    leaf = box((-x + 0.02, -0.9), 0, (0.04, 0.86, 2.02))
    posts = [*box((-x + 0.03, -1.37), 0, (0.06, 0.07, 2.08)), *box((-x + 0.03, -0.43), 0, (0.06, 0.07, 2.08))]
    handle = box((-x + 0.07, -0.56), 1.02, (0.05, 0.12, 0.025))
    return [
        *all_of(leaf, painted(_LACQUER, 0.97)),
        *all_of(posts, painted(_LACQUER, 0.86)),
        *all_of(handle, painted(_STEEL)),
    ]


def _pictures() -> list[Part]:
    """Framed prints, 2 cm off the wall; each hangs alone on a blank wall."""
    x, y = LENGTH_M / 2, WIDTH_M / 2
    hung: Sequence[tuple[tuple[float, float], tuple[float, float], float, str]] = (
        ((x - 0.01, -0.55), (0.02, 0.7), 1.15, "ALPEN"),
        ((-0.75, -y + 0.01), (1.0, 0.02), 1.25, "HARBOUR"),
        ((1.35, -y + 0.01), (0.55, 0.02), 1.3, "JAZZ"),
        ((-x + 0.01, 0.75), (0.02, 0.8), 1.1, "LISBOA"),
    )
    parts: list[Part] = []
    for (px, py), (dx, dy), base, title in hung:
        sides = box((px, py), base, (dx, dy, 0.72))
        parts += all_of(sides, printed(title))
    return parts


def _table(center: tuple[float, float], *, yaw_deg: float) -> list[Part]:
    at = turned(center, yaw_deg)
    things: list[Part] = [
        *all_of(
            box(at(-0.35, 0.1), 0.74, (0.26, 0.18, 0.13), yaw_deg=yaw_deg + 25)[:5],
            partial(materials.crate_side, color=(0.62, 0.26, 0.20), label="ATLAS"),
        ),
        (cylinder(at(0.3, -0.08), 0.74, 0.06, 0.2, 32), partial(materials.mottled, colors=_PATTERN, cell_m=0.05)),
        (disc((*at(0.3, -0.08), 0.94), 0.06, 32), painted(_STEEL)),
    ]
    return [
        *all_of(legs(at, (0.62, 0.32), (0.035, 0.035, 0.71), yaw_deg=yaw_deg), painted(_STEEL)),
        *all_of(box(center, 0.71, (1.4, 0.8, 0.03), yaw_deg=yaw_deg), painted(_LACQUER)),
        *things,
    ]


def _chair(center: tuple[float, float], *, yaw_deg: float) -> list[Part]:
    at = turned(center, yaw_deg)
    feet = legs(at, (0.19, 0.19), (0.025, 0.025, 0.45), yaw_deg=yaw_deg)
    seat = box(center, 0.45, (0.42, 0.42, 0.03), yaw_deg=yaw_deg)
    back = box(at(0, -0.2), 0.52, (0.42, 0.025, 0.38), yaw_deg=yaw_deg)
    return [*all_of(feet, painted(_STEEL)), *all_of([*seat, *back], painted(_OAK))]


def _sofa(center: tuple[float, float]) -> list[Part]:
    x, y = center
    cloth = [
        *box((x, y), 0.08, (1.9, 0.85, 0.34)),
        *box((x, y - 0.33), 0.42, (1.9, 0.2, 0.38)),
        *box((x - 0.86, y), 0.42, (0.18, 0.85, 0.2)),
        *box((x + 0.86, y), 0.42, (0.18, 0.85, 0.2)),
    ]
    cushions = [
        *box((x - 0.5, y - 0.12), 0.42, (0.42, 0.14, 0.38), yaw_deg=8),
        *box((x + 0.45, y - 0.12), 0.42, (0.4, 0.14, 0.36), yaw_deg=-11),
    ]
    return [
        *all_of(cloth, painted(_CLOTH)),
        *all_of(cushions, partial(materials.mottled, colors=_PATTERN, cell_m=0.09)),
    ]


def _cupboard(center: tuple[float, float]) -> list[Part]:
    """White, 1.9 m high, with two gaps between its doors and a box on it."""
    x, y = center
    body = box(center, 0.06, (0.46, 1.2, 1.84))
    gaps = [*box((x - 0.231, y), 0.1, (0.004, 0.006, 1.76)), *box((x - 0.231, y), 1.1, (0.004, 1.16, 0.006))]
    top = box((x, y + 0.2), 1.90, (0.34, 0.5, 0.26), yaw_deg=6)[:5]
    return [
        *all_of(body, painted(_LACQUER, 0.96)),
        *all_of(gaps, painted(_STEEL)),
        *all_of(top, partial(materials.crate_side, color=(0.72, 0.60, 0.42), label="WINTER")),
    ]


def _sideboard(center: tuple[float, float]) -> list[Part]:
    """Low and white, on thin feet, with books and a ball on it."""
    x, y = center
    feet = [side for dx in (-0.5, 0.5) for side in box((x + dx, y), 0, (0.03, 0.3, 0.12))[:4]]
    parts = [
        *all_of(feet, painted(_STEEL)),
        *all_of(box(center, 0.12, (1.2, 0.4, 0.5)), painted(_LACQUER, 0.94)),
    ]
    for i, (width, height) in enumerate(((0.05, 0.24), (0.035, 0.21), (0.06, 0.26), (0.04, 0.22), (0.05, 0.25))):
        book = box((x - 0.45 + 0.062 * i, y), 0.62, (width, 0.17, height))[:5]
        colors = (_PATTERN[i % 4], _PATTERN[(i + 1) % 4])
        parts += all_of(book, partial(materials.mottled, colors=colors, cell_m=0.03))
    parts.append((sphere((x + 0.3, y, 0.75), 0.13, 32), partial(materials.mottled, colors=_PATTERN, cell_m=0.08)))
    return parts


def _lamp(center: tuple[float, float]) -> list[Part]:
    return [
        (cylinder(center, 0, 0.14, 0.03, 32), painted(_STEEL)),
        (disc((*center, 0.03), 0.14, 32), painted(_STEEL)),
        (cylinder(center, 0.03, 0.012, 1.5, 12), painted(_STEEL)),
        (cylinder(center, 1.42, 0.19, 0.26, 36), painted((0.92, 0.88, 0.78))),
    ]


def _plant(center: tuple[float, float]) -> list[Part]:
    x, y = center
    return [
        (cylinder(center, 0, 0.17, 0.34, 36), painted((0.86, 0.84, 0.82))),
        (disc((x, y, 0.32), 0.17, 36), painted((0.24, 0.18, 0.13))),
        (sphere((x, y, 0.72), 0.36, 40), partial(materials.mottled, colors=_LEAVES, cell_m=0.06)),
    ]
