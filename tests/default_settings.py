"""The settings of conf/ for tests, with changes: `default_settings(MeshSettings, "mesh", max_faces=100)`."""

from pathlib import Path
from typing import Any, TypeVar

import yaml

from recon.workspace.settings import read_settings

CONF = Path(__file__).resolve().parent.parent / "conf"
T = TypeVar("T")


def default_settings(cls: type[T], group: str, choice: str = "default", **changes: Any) -> T:
    return read_settings(cls, group, {**read_choice(group, choice), **changes})


def read_choice(group: str, choice: str) -> dict[str, Any]:
    """The keys of conf/GROUP/CHOICE.yaml, those of the files that its `defaults` name included, as Hydra composes them."""
    values = yaml.safe_load((CONF / group / f"{choice}.yaml").read_text())
    bases = [base.removesuffix("@_here_") for base in values.pop("defaults", []) if base != "_self_"]
    return {key: value for base in bases for key, value in read_choice(group, base).items()} | values
