"""XML on disk: indented, UTF-8, with its declaration; numbers short and exact enough."""

from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as xml


def write_xml(path: Path, root: xml.Element) -> None:
    """Write one document."""
    xml.indent(root)
    path.write_bytes(xml.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def numbers(values: Iterable[float]) -> str:
    """Values apart by spaces, to 9 digits (millimetres at the far end of a country)."""
    return " ".join(f"{value:.9g}" for value in values)
