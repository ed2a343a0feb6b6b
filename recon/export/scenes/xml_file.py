"""XML on disk: indented, UTF-8, with its declaration; numbers short and exact enough."""

from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as xml

import numpy as np
from numpy.typing import NDArray

DRAKE = "http://drake.mit.edu"
# N/m, s/m: hard matter; fast bodies are held by a step of 1 ms, with Drake's own as well
_DRAKE_STIFFNESS, _DRAKE_DISSIPATION = 1e6, 1.0


def write_xml(path: Path, root: xml.Element) -> None:
    """Write one document."""
    xml.indent(root)
    path.write_bytes(xml.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def numbers(values: Iterable[float]) -> str:
    """Values apart by spaces, to 9 digits (millimetres at the far end of a country)."""
    return " ".join(f"{value:.9g}" for value in values)


def roll_pitch_yaw(rotation: NDArray[np.float64]) -> tuple[float, float, float]:
    """Angles about the fixed x, y, z axes, in that order, of a rotation [3, 3]: what URDF and SDF call rpy."""
    pitch = -np.arcsin(np.clip(rotation[2, 0], -1.0, 1.0))
    if abs(rotation[2, 0]) > 1 - 1e-12:  # roll and yaw turn about one axis: all of it is yaw
        return 0.0, float(pitch), float(np.arctan2(-rotation[0, 1], rotation[1, 1]))
    roll = np.arctan2(rotation[2, 1], rotation[2, 2])
    return float(roll), float(pitch), float(np.arctan2(rotation[1, 0], rotation[0, 0]))


def inertia_entries(inertia: NDArray[np.float64]) -> dict[str, str]:
    """The six numbers of an inertia tensor [3, 3] by the names that URDF and SDF give them."""
    places = {"ixx": (0, 0), "ixy": (0, 1), "ixz": (0, 2), "iyy": (1, 1), "iyz": (1, 2), "izz": (2, 2)}
    return {name: f"{inertia[place]:.6g}" for name, place in places.items()}


def drake_contact(friction: float) -> dict[str, str]:
    """Drake's proximity properties by tag: of hard, rough matter that nothing bounces off."""
    return {
        "point_contact_stiffness": f"{_DRAKE_STIFFNESS:g}",
        "hunt_crossley_dissipation": f"{_DRAKE_DISSIPATION:g}",
        "mu_dynamic": f"{friction:g}",
        "mu_static": f"{friction:g}",
    }
