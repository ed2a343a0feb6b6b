"""The settings of conf/scale: what a person knows of the size of things, checked before any work is done."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from recon.errors import UserError
from recon.world_frame.scale.marker_dictionaries import DICTIONARIES

SOURCES = ("distance", "markers", "gps", "camera_height", "given")


@dataclass(frozen=True)
class ScaleSettings:
    """The keys of conf/scale/default.yaml; their meaning is told there. Raises `UserError` for impossible values."""

    source: str
    known_distance_m: float | None
    known_distance_error_m: float
    between: Sequence[Any] | None
    points: Sequence[Sequence[float]] | None
    pixels: Sequence[Any] | None
    pixel_error_px: float
    marker_m: float | None
    marker_error_m: float
    marker_dictionary: str
    camera_height_m: float | None
    camera_height_error_m: float
    given_relative_error: float

    def __post_init__(self) -> None:
        if self.source not in ("auto", "none", *SOURCES):
            raise UserError(f"scale.source={self.source}: expected one of auto, none, {', '.join(SOURCES)}.")
        for name in ("known_distance_m", "marker_m", "camera_height_m"):
            if getattr(self, name) is not None:
                _check_number(name, getattr(self, name), unit="metres", is_zero_allowed=False)
        for name in ("known_distance_error_m", "marker_error_m", "camera_height_error_m"):
            _check_number(name, getattr(self, name), unit="metres", is_zero_allowed=True)
        _check_number("pixel_error_px", self.pixel_error_px, unit="pixels", is_zero_allowed=False)
        _check_number("given_relative_error", self.given_relative_error, unit="parts of one", is_zero_allowed=True)
        if self.marker_dictionary != "auto" and self.marker_dictionary not in DICTIONARIES:
            raise UserError(
                f"scale.marker_dictionary={self.marker_dictionary}: expected auto or one of {', '.join(DICTIONARIES)}."
            )
        self._check_distance()
        self._check_source()

    def _check_distance(self) -> None:
        where = [name for name in ("between", "points", "pixels") if getattr(self, name) is not None]
        if where and self.known_distance_m is None:
            raise UserError(
                f"scale.{where[0]} says where, but not how far: set scale.known_distance_m=... (metres) too."
            )
        if len(where) > 1:
            raise UserError(
                f"scale.{where[0]} and scale.{where[1]} both say where scale.known_distance_m lies: keep one of them."
            )

    def _check_source(self) -> None:
        """A source that is asked for by name needs its setting."""
        needed = {"distance": "known_distance_m", "markers": "marker_m", "camera_height": "camera_height_m"}
        key = needed.get(self.source)
        if key is not None and getattr(self, key) is None:
            raise UserError(f"scale.source={self.source} needs scale.{key}=... (metres).")


def scale_settings(scale: Mapping[str, Any]) -> ScaleSettings:
    """The `scale` group as `ScaleSettings`; `UserError` names unknown and missing keys."""
    keys = [field.name for field in fields(ScaleSettings)]
    unknown, missing = sorted(set(scale) - set(keys)), [key for key in keys if key not in scale]
    if unknown:
        raise UserError(f"scale.{unknown[0]}: no such setting; expected one of {', '.join(keys)}.")
    if missing:
        raise UserError(f"scale.{missing[0]} is missing: conf/scale/default.yaml holds every key.")
    return ScaleSettings(**scale)


def _check_number(name: str, value: Any, *, unit: str, is_zero_allowed: bool) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if is_number and (value > 0 or (value == 0 and is_zero_allowed)):
        return
    expected = "0 or more" if is_zero_allowed else "a positive number of"
    raise UserError(f"scale.{name} must be {expected} {unit}, found {value!r}.")
