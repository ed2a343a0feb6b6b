"""Typed settings: what is read, what is refused, and that one error names everything wrong."""

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest

from recon.workspace.errors import UserError
from recon.workspace.settings import Range, above, at_least, between, read_settings, written


@dataclass(frozen=True)
class Lens:
    focal_px: Annotated[float, above(0)] | None


@dataclass(frozen=True)
class Film:
    n_frames: Annotated[int, at_least(1)]
    rate: Literal["auto"] | Annotated[float, between(0.5, 240)]
    name: Annotated[str, written(r"\w+", "of letters and digits")]
    is_color: bool
    lens: Lens
    marks: Any

    def __post_init__(self) -> None:
        if self.marks is not None and not isinstance(self.marks, list):
            raise UserError(f"film.marks={self.marks}: expected a list or null.")


GOOD = {
    "n_frames": 3,
    "rate": "auto",
    "name": "walk",
    "is_color": True,
    "lens": {"focal_px": None},
    "marks": [1],
}


def read(**changes: Any) -> Film:
    return read_settings(Film, "film", {**GOOD, **changes})


def test_values_become_those_of_their_kind() -> None:
    film = read(n_frames=3.0, rate=24, lens={"focal_px": 500})
    assert film == Film(3, 24.0, "walk", True, Lens(500.0), [1])
    assert type(film.n_frames) is int and type(film.rate) is float and type(film.lens.focal_px) is float


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("n_frames", 0, "a whole number from 1 to 1e+09"),
        ("n_frames", 1.5, "a whole number"),
        ("n_frames", True, "a whole number"),
        ("n_frames", "3", "a whole number"),
        ("n_frames", None, "a whole number"),
        ("n_frames", 10**12, "a whole number"),
        ("n_frames", 10**400, "a whole number"),
        ("rate", -(10**400), "auto or a number from 0.5 to 240"),
        ("rate", math.nan, "auto or a number from 0.5 to 240"),
        ("rate", math.inf, "auto or a number from 0.5 to 240"),
        ("rate", "Auto", "auto or a number from 0.5 to 240"),
        ("rate", True, "auto or a number"),
        ("name", "a b", "text of letters and digits"),
        ("name", "", "text of letters and digits"),
        ("name", 7, "text of letters and digits"),
        ("is_color", 1, "true or false"),
        ("lens", 5, "a group of settings"),
        ("lens", {"focal_px": 0}, "a number above 0, up to 1e\\+09 or null"),
        ("marks", "all", "a list or null"),
    ],
)
def test_impossible_values_are_refused(key: str, value: object, expected: str) -> None:
    with pytest.raises(UserError, match=rf"film\.{key}.*expected {expected.replace('1e+09', '1e.09')}"):
        read(**{key: value})


def test_one_error_names_every_problem() -> None:
    values = {**GOOD, "n_frames": -1, "lens": {"focal": 3}, "extra": 0}
    del values["name"]
    with pytest.raises(UserError) as caught:
        read_settings(Film, "film", values)
    message = str(caught.value)
    for part in (
        "film.n_frames=-1: expected a whole number",
        "film.lens.focal: no such setting; expected one of focal_px",
        "film.lens.focal_px is missing",
        "film.extra: no such setting",
        "film.name is missing",
    ):
        assert part in message
    assert "\n" not in message


def test_ranges_are_finite_and_not_empty() -> None:
    for low, high in ((0, math.inf), (math.nan, 1), (2, 1)):
        with pytest.raises(AssertionError):
            Range(low, high)
    assert 0 not in above(0) and 0 in at_least(0) and 1 in between(0, 1) and 1e300 not in at_least(0)
