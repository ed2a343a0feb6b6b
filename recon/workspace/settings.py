"""Settings as typed values: a frozen dataclass for each group of `conf/`, read from plain values and checked at the border.

A field's annotation says what is possible, and `read_settings` reports everything that is wrong with a group in one error:

    @dataclass(frozen=True)
    class FilmSettings:
        fps: Annotated[float, above(0, up_to=1000)]
        max_frames: Annotated[int, at_least(1)] | None
        codec: Literal["h264", "vp9"]

Kinds: int, float, bool, str, `Literal`, `X | Y`, `X | None`, another settings class, and `Any` for a value of free form that
the class checks itself in `__post_init__`. Every number has a range with finite ends, so that -1, NaN and 1e300 are refused.
Fields have no defaults: the value lives in `conf/`.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from recon.workspace.errors import UserError

LARGE = 1e9  # the upper end of a range that names none: no setting of ours comes near it

Kind = Any  # a type as written in an annotation
T = TypeVar("T")


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`; `low` itself only where `holds_low`."""

    low: float
    high: float
    holds_low: bool = True

    def __post_init__(self) -> None:
        assert math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high, self

    def __contains__(self, number: float) -> bool:
        return (self.low <= number if self.holds_low else self.low < number) and number <= self.high

    def __str__(self) -> str:
        return f"from {self.low:g} to {self.high:g}" if self.holds_low else f"above {self.low:g}, up to {self.high:g}"


@dataclass(frozen=True)
class Form:
    """Text that matches `pattern` as a whole; `words` say so to a person."""

    pattern: str
    words: str


@dataclass(frozen=True)
class Chosen:
    """A settings class that the value under `key` chooses from a table."""

    key: str
    table: Callable[[], Mapping[str, type]]


def chosen_by(key: str, table: Callable[[], Mapping[str, type]]) -> Chosen:
    """One of several settings classes: `Annotated[Any, chosen_by("kind", lambda: {"hash_grid": HashGridSettings})]`."""
    return Chosen(key, table)


def at_least(low: float, *, up_to: float = LARGE) -> Range:
    """Numbers from `low` on."""
    return Range(low, up_to)


def above(low: float, *, up_to: float = LARGE) -> Range:
    """Numbers greater than `low`."""
    return Range(low, up_to, holds_low=False)


def between(low: float, high: float) -> Range:
    """Numbers from `low` to `high`, both included."""
    return Range(low, high)


def written(pattern: str, words: str) -> Form:
    """Text of a form: `written(r"[a-z]+", "small letters")`."""
    return Form(pattern, words)


def read_settings(cls: type[T], group: str, values: Mapping[str, Any]) -> T:
    """`values` as a `cls`; `group` is the name of the group in messages, "" for the top of the configuration.

    Raises one `UserError` that names every unknown key, missing key and impossible value, with what is expected and found.
    """
    problems: list[str] = []
    settings = _read_class(cls, group, values, problems)
    if problems:
        raise UserError("; ".join(dict.fromkeys(problems)) + ". See every key with --cfg job.")
    return settings  # type: ignore[return-value]


def _read_class(cls: type[T], group: str, values: Any, problems: list[str]) -> T | None:
    """A `cls`, or None where something was added to `problems`."""
    if not isinstance(values, Mapping):
        problems.append(f"{group}: expected a group of settings, found {_found(values)}")
        return None
    kinds = get_type_hints(cls, include_extras=True)
    names = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    before = len(problems)
    for unknown in sorted(set(map(str, values)) - set(names)):
        problems.append(f"{_key(group, unknown)}: no such setting; expected one of {', '.join(names)}")
    problems += [f"{_key(group, name)} is missing" for name in names if name not in values]
    read = {n: _read(kinds[n], _key(group, n), values[n], problems) for n in names if n in values}
    if len(problems) > before:
        return None
    try:
        return cls(**read)
    except UserError as error:  # of a value of free form, or of two that do not go together
        problems.append(str(error).rstrip("."))
        return None


def _read(kind: Kind, key: str, value: Any, problems: list[str]) -> Any:
    choice = next((limit for limit in _base(kind)[1] if isinstance(limit, Chosen)), None)
    if choice is not None:
        return _read_chosen(choice, key, value, problems)
    if is_dataclass(kind):
        return _read_class(kind, key, value, problems)  # type: ignore[arg-type]
    for option in _options(kind):
        possible, read = _convert(option, value)
        if possible:
            return read
    expected = " or ".join(_words(option) for option in _options(kind))
    problems.append(f"{key}={_found(value)}: expected {expected}")
    return None


def _read_chosen(choice: Chosen, key: str, value: Any, problems: list[str]) -> Any:
    """The group with the class that it names itself."""
    table = choice.table()
    if not isinstance(value, Mapping):
        problems.append(f"{key}: expected a group of settings, found {_found(value)}")
        return None
    named = value.get(choice.key)
    if not isinstance(named, str) or named not in table:
        problems.append(f"{_key(key, choice.key)}={_found(named)}: expected {', '.join(table)}")
        return None
    return _read_class(table[named], key, value, problems)


def _options(kind: Kind) -> Iterator[Kind]:
    """The alternatives of a union, or the kind itself."""
    if get_origin(kind) in (Union, UnionType):
        for option in get_args(kind):
            yield from _options(option)
    else:
        yield kind


def _convert(kind: Kind, value: Any) -> tuple[bool, Any]:
    """Whether `value` is of this kind, and the value as that kind."""
    base, limits = _base(kind)
    if base is Any:
        return True, value
    if get_origin(base) is Literal:
        return any(value == option and type(value) is type(option) for option in get_args(base)), value
    if base is NoneType:
        return value is None, None
    if base in (int, float):
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not _is_finite(value):
            return False, None
        whole = base is float or float(value).is_integer()
        return whole and all(value in limit for limit in limits), base(value)
    if base is str:
        fits = isinstance(value, str) and all(re.fullmatch(form.pattern, value) for form in limits)
        return fits and bool(value), value
    assert base is bool, f"{kind}: no such kind of setting"
    return isinstance(value, bool), value


def _is_finite(number: float) -> bool:
    """Whether it is one that a float can hold; whole numbers of 400 digits are not."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def _base(kind: Kind) -> tuple[Kind, tuple[Any, ...]]:
    """`Annotated[float, above(0)]` as `float` and its limits."""
    if get_origin(kind) is Annotated:
        base, *limits = get_args(kind)
        return base, tuple(limits)
    return kind, ()


def _words(kind: Kind) -> str:
    """What a person is told to give."""
    base, limits = _base(kind)
    if get_origin(base) is Literal:
        return ", ".join(str(option) for option in get_args(base))
    noun = {NoneType: "null", bool: "true or false", int: "a whole number", float: "a number", str: "text"}[base]
    return " ".join([noun, *(limit.words if isinstance(limit, Form) else str(limit) for limit in limits)])


def _key(group: str, name: str) -> str:
    return f"{group}.{name}" if group else name


def _found(value: Any) -> str:
    text = {True: "true", False: "false", None: "null"}[value] if isinstance(value, (bool, NoneType)) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def positive_number(name: str, text: str) -> float:
    """A number that a tool was given as `name=text` on the command line.

    Raises:
        UserError: it is no finite number above 0.
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise UserError(f"{name}={text}: expected a positive number.")
    return value
