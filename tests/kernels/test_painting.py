"""A photo painted onto samples of a surface: the native kernel against its definition."""

import pytest
import torch

from recon.kernels import native
from recon.kernels.painting import OnFaces, Photo, add_photo_reference

H, W, N, VERTICES = 40, 57, 3000, 90


def photo(random: torch.Generator, depth_hw: tuple[int, int]) -> Photo:
    return Photo(
        torch.randint(0, 256, (H, W, 3), generator=random, dtype=torch.uint8),
        torch.rand(H, W, generator=random) < 0.9,
        torch.rand(depth_hw, generator=random) * (torch.rand(depth_hw, generator=random) < 0.8),
        torch.tensor([0.9, 1.0, 1.2]),
        torch.rand(VERTICES, generator=random),
    )


@pytest.mark.parametrize("depth_hw", [(H, W), (17, 23)])
@pytest.mark.parametrize("n_chosen", [0, 1, N])
def test_native_adds_what_the_definition_does(depth_hw, n_chosen):
    from recon.kernels.native import painting

    if reason := native.why_missing():
        pytest.skip(reason)
    random = torch.Generator().manual_seed(n_chosen)
    own, shares = photo(random, depth_hw), torch.rand(N, 3, generator=random)
    corners = torch.randint(0, VERTICES, (N, 3), generator=random, dtype=torch.int32)
    samples = OnFaces(corners, shares / shares.sum(1, keepdim=True))
    chosen = torch.randperm(N, generator=random)[:n_chosen].sort()[0]
    pixels = torch.rand(n_chosen, 2, generator=random) * torch.tensor([W + 8.0, H + 8.0]) - 4  # some outside
    depth = torch.rand(n_chosen, generator=random)
    wanted = torch.rand(N, 4, generator=random)
    before, found = wanted.clone(), wanted.clone()
    add_photo_reference(own, samples, chosen, pixels, depth, wanted, tolerance=0.1)
    painting.add_photo(own, samples, chosen, pixels, depth, found, 0.1)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    if n_chosen == N:
        assert 0.1 < (found[:, 3] > before[:, 3]).float().mean() < 0.9  # some are seen, others are not
