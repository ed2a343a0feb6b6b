"""The kinds of field, by the name that conf/field and checkpoints call them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from recon.field.hash_grid import FieldShape, RadianceField
from recon.field.interface import Field, FieldSettings
from recon.field.settings import HashGridSettings


@dataclass(frozen=True)
class FieldKind:
    """How a field is set up, and made again from a checkpoint."""

    settings: type[FieldSettings]
    shape: Callable[..., Any]
    field: Callable[[Any], Field]


KINDS: dict[str, FieldKind] = {
    "hash_grid": FieldKind(HashGridSettings, FieldShape, RadianceField),
}


def empty_field(kind: str, shape: dict[str, Any]) -> Field:
    """A field of this kind and shape, parameters as they come; `ValueError` where there is no such kind."""
    if kind not in KINDS:
        raise ValueError(f"a field of kind {kind!r}; this version knows {', '.join(KINDS)}")
    return KINDS[kind].field(KINDS[kind].shape(**shape))
