"""faces.npz: what is written is read, and damage is named."""

from pathlib import Path

import numpy as np
import pytest

from recon.formats.face_evidence import read_face_evidence, write_face_evidence
from recon.geometry import Evidence, FaceEvidence
from recon.workspace.errors import UserError


def test_what_is_written_is_read(tmp_path: Path) -> None:
    evidence = np.array([Evidence.MATCHED, Evidence.FILLED, Evidence.PLANE], np.uint8)
    faces = FaceEvidence(evidence, np.array([0.01, 0.2, 0.03], np.float32))
    write_face_evidence(tmp_path / "faces.npz", faces)
    again = read_face_evidence(tmp_path / "faces.npz")
    assert (again.evidence == evidence).all() and (again.expected_error == faces.expected_error).all()
    assert again.is_confirmed.tolist() == [True, False, True]


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing"):
        read_face_evidence(tmp_path / "faces.npz")
    (tmp_path / "faces.npz").write_bytes(b"PK no zip")
    with pytest.raises(UserError, match="damaged"):
        read_face_evidence(tmp_path / "faces.npz")
