"""A field seen in part shows there what it shows as a whole."""

from pathlib import Path

import numpy as np
import pytest
import torch

from recon import kernels
from recon.field.field_file import load_trained_field
from recon.geometry import Camera
from tests.field.test_checkpoint import parts, write_parts

CAMERA = Camera("PINHOLE", (18, 24), 20.0, 21.0, 12.5, 8.5)


@pytest.mark.parametrize("backend", ["reference", "native"])
def test_wanted_pixels_are_those_of_the_whole_view(tmp_path: Path, backend: str) -> None:
    trained = load_trained_field(write_parts(tmp_path, parts()), device="cpu", backend=backend)
    with torch.no_grad():
        for parameter in trained.field.parameters():
            parameter.uniform_(-1, 1, generator=torch.Generator().manual_seed(3))
    pose = np.eye(4)
    whole = trained.render(CAMERA, pose)
    wanted = np.random.default_rng(0).random(CAMERA.size_hw) < 0.3
    part = trained.render(CAMERA, pose, wanted)
    assert whole.opacity.max() > 0.5
    for name in ("color", "opacity", "depth"):
        np.testing.assert_allclose(
            getattr(part, name)[wanted], getattr(whole, name)[wanted], atol=2e-3
        )  # rays end on float32 sums
    assert not part.opacity[~wanted].any() and not part.depth[~wanted].any()
    kernels.use("reference")
