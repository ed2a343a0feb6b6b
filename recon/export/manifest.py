"""manifest.json and CHANGELOG.md of a world package: units, axes, where the scale came from, and a digest of every file."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import recon
from recon.export.place import STATIC_GLB, VISUAL_GLB
from recon.export.settings import ExportSettings
from recon.export.units import Lengths
from recon.formats.cameras_json import encode_geo
from recon.geometry.reconstruction import Reconstruction
from recon.geometry.transforms import Array
from recon.workspace import write_json

FORMAT, VERSION = "recon-world", 3
_NOT_SEALED = {"manifest.json", "stage.json"}  # itself, and the run's own note that the stage finished
UNKNOWN_SCALE = (
    "The scale of this capture is unknown. Simulators read one unit as one metre, which is a convention here and "
    "not a measurement: sizes, speeds and forces are not physical until the world is scaled."
)


@dataclass(frozen=True)
class Manifest:
    """The value of manifest.json, but for the list of files."""

    value: dict[str, Any]

    def seal(self, folder: Path) -> None:
        """Write manifest.json with size and sha256 of every file of the package now in `folder`."""
        files = {
            path.relative_to(folder).as_posix(): {
                "bytes": path.stat().st_size,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name not in _NOT_SEALED
        }
        write_json(folder / "manifest.json", {**self.value, "files": files})


def make_manifest(
    settings: ExportSettings,
    *,
    reconstruction: Reconstruction,
    lengths: Lengths,
    origin: Array,
    entries: Mapping[str, Any],
) -> Manifest:
    """Gather what a simulator, or its user, must know.

    lengths: of the package; origin: [3] of the package in the world; entries: what else the manifest says, by its keys.
    """
    scale = reconstruction.scale
    warnings = [] if lengths.is_metric else [UNKNOWN_SCALE]
    if not reconstruction.is_up_aligned:
        warnings.append("The up direction of this capture is unknown: gravity along -z may be wrong.")
    return Manifest(
        {
            "format": FORMAT,
            "version": VERSION,
            "generator": f"recon {recon.__version__}",
            "name": settings.name,
            "license": settings.license,
            "units": "metre" if lengths.is_metric else "unknown (read as metre)",
            "up_axis": "z",
            "up_axis_of": {VISUAL_GLB: "y", STATIC_GLB: "y"},
            "is_up_aligned": reconstruction.is_up_aligned,
            "metres_per_unit": scale and scale.metres_per_unit,
            "scale": scale and {"source": scale.source, "relative_error": scale.relative_error},
            "length_scale": lengths.scale,
            "geo": reconstruction.geo and encode_geo(reconstruction.geo),
            "origin_in_world": {"position": origin.tolist(), "why": "numbers near zero keep their millimetres"},
            "world_from_capture": reconstruction.world_from_capture.matrix.tolist(),
            "friction": settings.friction,
            "gravity": [0, 0, -9.81],
            **entries,
            "warnings": warnings,
        }
    )


def write_changelog(folder: Path, manifest: Manifest) -> None:
    """CHANGELOG.md, for a package that is kept and edited after it was made."""
    day = datetime.now(UTC).date().isoformat()
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n- {day}: exported by {manifest.value['generator']}.\n")
