"""The settings of conf/scale: what a person knows of the size of things; what each means is told there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from recon.poses.world_frame.scale.marker_dictionaries import DICTIONARIES
from recon.workspace.errors import UserError
from recon.workspace.settings import LARGE, above, between

_PICKS = "two ends, each [frame, x, y] or several of them: [[[00003,120,88],[00010,140,90]],[[00003,300,92]]]"


@dataclass(frozen=True)
class ScaleSettings:
    """Lengths are metres."""

    source: Literal["auto", "none", "distance", "markers", "gps", "camera_height", "given", "depth"]
    known_distance_m: Annotated[float, above(0)] | None
    known_distance_error_m: Annotated[float, between(0, 1_000_000)]
    between: Any  # two frames
    points: Any  # two positions
    pixels: Any  # two ends, picked in pictures
    pixel_error_px: Annotated[float, above(0, up_to=10_000)]
    marker_m: Annotated[float, above(0, up_to=1000)] | None
    marker_error_m: Annotated[float, between(0, 1000)]
    marker_dictionary: str
    camera_height_m: Annotated[float, above(0, up_to=1_000_000)] | None
    camera_height_error_m: Annotated[float, between(0, 1_000_000)]
    given_relative_error: Annotated[float, between(0, 1)]
    depth_factor: Annotated[float, above(0, up_to=1_000_000)]
    depth_relative_error: Annotated[float, between(0, 1)]

    def __post_init__(self) -> None:
        _check_form("between", self.between, "two frames like [00000,00042]", _is_frame)
        _check_form("points", self.points, "two positions like [[0,0,0],[1,0,0]]", _is_position)
        _check_form("pixels", self.pixels, _PICKS, _is_end)
        if self.marker_dictionary not in ("auto", *DICTIONARIES):
            raise UserError(
                f"scale.marker_dictionary={self.marker_dictionary}: expected one of auto, {', '.join(DICTIONARIES)}"
            )
        self._check_distance()
        self._check_source()

    def _check_distance(self) -> None:
        where = [name for name in ("between", "points", "pixels") if getattr(self, name) is not None]
        if where and self.known_distance_m is None:
            raise UserError(
                f"scale.{where[0]} says where, but not how far: set scale.known_distance_m=... (metres) too"
            )
        if len(where) > 1:
            raise UserError(
                f"scale.{where[0]} and scale.{where[1]} both say where scale.known_distance_m lies: keep one of them"
            )

    def _check_source(self) -> None:
        """A source that is asked for by name needs its setting."""
        needed = {"distance": "known_distance_m", "markers": "marker_m", "camera_height": "camera_height_m"}
        key = needed.get(self.source)
        if key is not None and getattr(self, key) is None:
            raise UserError(f"scale.source={self.source} needs scale.{key}=... (metres)")


def _check_form(name: str, value: Any, expected: str, is_one: Callable[[Any], bool]) -> None:
    """`value` is None, or two of what `is_one` holds for."""
    if value is not None and not (_is_list(value) and len(value) == 2 and all(map(is_one, value))):
        raise UserError(f"scale.{name}={value!r}: expected {expected}")


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGE


def _is_frame(value: Any) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _is_position(value: Any) -> bool:
    return _is_list(value) and len(value) == 3 and all(map(_is_number, value))


def _is_pick(value: Any) -> bool:
    return _is_list(value) and len(value) == 3 and _is_frame(value[0]) and all(map(_is_number, value[1:]))


def _is_end(value: Any) -> bool:
    return _is_pick(value) or (_is_list(value) and len(value) > 0 and all(map(_is_pick, value)))
