"""`mesh/faces.npz`: how each face of mesh.ply, mesh.obj and mesh.glb is known (the order of faces is the same in all).

evidence         [f] uint8     0 invented, 1 filled, 2 seen, 3 plane, 4 matched, 5 sensor, 6 cut out (`recon.geometry.Evidence`)
expected_error   [f] float32   world units: expected distance from the true surface
"""

from pathlib import Path

import numpy as np

from recon.formats.npz_arrays import arrays_of
from recon.geometry import FaceEvidence
from recon.workspace import replace_file

_MADE_BY = "python scripts/mesh.py workspace=..."


def write_face_evidence(path: Path, faces: FaceEvidence) -> None:
    """Write faces.npz, atomically."""
    with replace_file(path) as temporary:
        np.savez_compressed(temporary, evidence=faces.evidence, expected_error=faces.expected_error.astype(np.float32))


def read_face_evidence(path: Path) -> FaceEvidence:
    """Read faces.npz; `UserError` when it is missing or damaged."""
    with arrays_of(path, {"evidence": np.uint8, "expected_error": np.float32}, made_by=_MADE_BY) as arrays:
        return FaceEvidence(arrays["evidence"], arrays["expected_error"])
