"""What is said of a surface: near the cameras by itself, where something stands far behind."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recon.geometry import Camera, Evidence, FaceEvidence, Reconstruction, TriangleMesh, View
from recon.mesh.surface import KnownSurface
from recon.mesh.verdict import judge_surface

CAMERA = Camera("PINHOLE", (48, 64), 60.0, 60.0, 32.0, 24.0)


def road_and_tower() -> KnownSurface:
    """A square metre 2 ahead, right to 1 cm, and three square metres 100 ahead, right to 1."""
    square = np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]])
    ahead, far_off = np.array([0, 0, 2.0]), np.array([0, 0, 100.0])
    vertices = np.concatenate([square + ahead, square * np.array([3, 1, 1]) + far_off])
    faces = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    evidence = FaceEvidence(np.full(4, Evidence.MATCHED, np.uint8), np.array([0.01, 0.01, 1, 1], np.float32))
    nothing = np.zeros(4)
    return KnownSurface(TriangleMesh(vertices, faces), evidence, nothing, [], nothing > 0, 0.01, 0.01, near=10.0)


def test_the_road_is_told_from_the_towers_behind_it() -> None:
    reconstruction = Reconstruction((View("a", Path("a.png"), CAMERA, np.eye(4)),))
    verdict = judge_surface(road_and_tower(), reconstruction, distance=50.0)
    assert verdict.expected_near == pytest.approx(0.01) and verdict.expected_error == pytest.approx(0.7525)
    assert (
        "expected accuracy 0.01 units (no scale is known) within 10 units of the cameras, 0.752 units" in verdict.words
    )
    whole = judge_surface(replace(road_and_tower(), near=np.inf), reconstruction, distance=50.0)
    assert whole.expected_near == whole.expected_error and "within" not in whole.words
