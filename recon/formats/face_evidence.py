"""`mesh/faces.npz`: how each face of mesh.ply, mesh.obj and mesh.glb is known (the order of faces is the same in all).

evidence         [f] uint8     0 invented, 1 filled, 2 seen, 3 plane, 4 matched, 5 sensor (`recon.geometry.Evidence`)
expected_error   [f] float32   world units: two thirds of the faces lie nearer than that to the true surface
"""

import zipfile
from pathlib import Path

import numpy as np

from recon.geometry import FaceEvidence
from recon.workspace import replace_file
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file


def write_face_evidence(path: Path, faces: FaceEvidence) -> None:
    """Write faces.npz, atomically."""
    with replace_file(path) as temporary:
        np.savez_compressed(temporary, evidence=faces.evidence, expected_error=faces.expected_error.astype(np.float32))


def read_face_evidence(path: Path) -> FaceEvidence:
    """Read faces.npz; `UserError` when it is missing or damaged."""
    made_by = "python scripts/mesh.py workspace=..."
    if not is_file(path):
        raise UserError(f"{path} is missing. Make it with: {made_by}")
    try:
        with np.load(path) as arrays:
            return FaceEvidence(arrays["evidence"], arrays["expected_error"].astype(np.float32))
    except (ValueError, KeyError, EOFError, OSError, AssertionError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is damaged ({error}). Delete it and run: {made_by}") from error
