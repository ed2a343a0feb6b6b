"""Pixels against the texture that they see: the native kernel against its definition, and the definition against its matrix."""

import numpy as np
import pytest
import torch

from recon.kernels import native
from recon.kernels.texels import OUTLIER, SeenTexels, add_corrections_reference

ROW, ROWS = 31, 17


def seen_texels(n: int, seed: int) -> SeenTexels:
    rng = np.random.default_rng(seed)
    left, top = rng.integers(0, ROW - 1, n), rng.integers(0, ROWS - 1, n)
    shares = rng.random((n, 4))
    return SeenTexels(
        ROW,
        torch.from_numpy((top * ROW + left).astype(np.int32)),
        torch.from_numpy((shares / shares.sum(1, keepdims=True)).astype(np.float32)),
        torch.from_numpy(rng.integers(0, 256, (n, 3)).astype(np.uint8)),
        torch.tensor([0.9, 1.0, 1.2]),
        torch.from_numpy(rng.random(n).astype(np.float32)),
    )


def texture(seed: int) -> torch.Tensor:
    colors = torch.rand(ROW * ROWS, 3, generator=torch.Generator().manual_seed(seed))
    return torch.cat([colors, torch.zeros(len(colors), 1)], 1)


@pytest.mark.parametrize("n", [0, 1, 255, 1000])
def test_native_adds_what_the_definition_does(n):
    from recon.kernels.native import texels

    if reason := native.why_missing():
        pytest.skip(reason)
    seen, colors = seen_texels(n, seed=n), texture(n)
    wanted = torch.rand(ROW * ROWS, 4, generator=torch.Generator().manual_seed(n))
    found = wanted.clone()
    add_corrections_reference(seen, colors, wanted)
    texels.add_corrections(seen, colors, found, OUTLIER)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_the_definition_is_the_matrix_product():
    n, seen, colors = 200, seen_texels(200, seed=3), texture(4)
    matrix = np.zeros((n, ROW * ROWS))
    for k, step in enumerate((0, 1, ROW, ROW + 1)):
        matrix[np.arange(n), seen.texels.numpy() + step] += seen.shares[:, k].numpy()
    missing = seen.color.numpy() / 255 * seen.gain.numpy() - matrix @ colors[:, :3].numpy()
    weight = seen.weight.numpy() * np.exp(-((np.abs(missing).max(1) / OUTLIER) ** 2))
    sums = torch.zeros(ROW * ROWS, 4)
    add_corrections_reference(seen, colors, sums)
    np.testing.assert_allclose(sums[:, :3], matrix.T @ (weight[:, None] * missing), atol=1e-5)
    np.testing.assert_allclose(sums[:, 3], matrix.T @ weight, atol=1e-5)
