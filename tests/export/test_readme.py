"""A package's README says how close its convex parts keep to what is seen, and where they do not."""

from pathlib import Path
from typing import Any

import pytest

from recon.export.manifest import Manifest
from recon.export.readme import write_readme

ZONES = [{"looser": looser, "tolerance": 0.05 * looser, "n_parts": 9} for looser in (4.0, 16.0)]


def value(zones: list[dict[str, Any]], *, reached: float = 0.02, kind: str = "floor") -> dict[str, Any]:
    near = {"looser": 1.0, "tolerance": reached, "n_parts": 9}
    collision = {
        "n_parts": 27,
        "asked_tolerance": 0.02,
        "relief_tolerance": 0.05,
        "tolerance": reached,
        "loosened_share": 0.0125,
        "filled": None,
        "slabs": {kind: 1},
        "zones": [near, *zones],
    }
    return {
        "name": "scene",
        "warnings": [],
        "skipped": {},
        "scale": None,
        "things": None,
        "reach": 15.0,
        "collision": collision,
    }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (value([]), "within 0.020 of the visual surface where something may stand or drive, 0.050 elsewhere;"),
        (value(ZONES[:1]), "drive, 0.050 elsewhere, 0.2 beyond 15.0 from the cameras;"),
        (value(ZONES), "drive, 0.050 elsewhere, 0.2 to 0.8 beyond 15.0 from the cameras;"),
        (value([], kind="wall"), "within 0.020 of the visual surface;"),
        (value([], reached=0.04), "where something may stand or drive (1.25% of it: 0.040), 0.050 elsewhere;"),
    ],
)
def test_the_readme_tells_every_tolerance(tmp_path: Path, given: dict[str, Any], told: str) -> None:
    write_readme(tmp_path, Manifest(given))
    assert told in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize(
    ("names", "told"),
    [(["box_00"], "1 thing is a body of its own (box_00)"), (["a", "b"], "2 things are bodies of their own (a, b)")],
)
def test_the_readme_counts_the_things(tmp_path: Path, names: list[str], told: str) -> None:
    things = {"are": "static", "density_kg_m3": 150.0, "bodies": dict.fromkeys(names)}
    write_readme(tmp_path, Manifest({**value([]), "things": things}))
    assert told in (tmp_path / "README.md").read_text()
