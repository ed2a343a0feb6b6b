"""How alike two pictures are: PSNR, SSIM, MS-SSIM, FLIP, and LPIPS where its backbone is already on the machine.

Pictures are float [h, w, 3] in [0, 1] (sRGB as filmed, never linearised). A mask [h, w] is True where a pixel counts:

    psnr            mean over the pixels that count
    ssim, ms_ssim   mean over the windows all of whose pixels count
    flip, lpips     masked pixels of the render are replaced by the photo's; flip is the mean over the pixels that count
"""

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from recon.score.flip import flip_map
from recon.score.ssim import structural_similarity

Picture = NDArray[np.floating]
Mask = NDArray[np.bool_]


def psnr(a: Picture, b: Picture, mask: Mask | None = None) -> float:
    """-10 log10 of the mean squared error, in dB; infinite for equal pictures, NaN when no pixel counts.

    >>> round(psnr(np.zeros((2, 3, 3)), np.full((2, 3, 3), 0.1)), 3)
    20.0
    """
    squared = np.square(a - b)
    counted = squared if mask is None else squared[mask]
    error = float(counted.mean(dtype=np.float64)) if counted.size else math.nan
    return math.inf if error == 0 else -10 * math.log10(error) if math.isfinite(error) else math.nan


def flip(render: Picture, photo: Picture, mask: Mask | None = None) -> float:
    """Mean FLIP error, 0 for equal pictures; NaN when no pixel counts."""
    if mask is None:
        return float(flip_map(render, photo).mean())
    errors = flip_map(_shown(render, photo, mask), photo)[mask]
    return float(errors.mean()) if errors.size else math.nan


def image_scores(render: Picture, photo: Picture, mask: Mask | None = None) -> dict[str, float | None]:
    """Every score of one picture; `lpips` is None where `lpips_model` has no model."""
    network, _ = lpips_model()
    similarity = structural_similarity(render, photo, mask)
    return {
        "psnr": psnr(render, photo, mask),
        "ssim": similarity.ssim,
        "ms_ssim": similarity.ms_ssim,
        "flip": flip(render, photo, mask),
        "lpips": network(render if mask is None else _shown(render, photo, mask), photo) if network else None,
    }


def _shown(render: Picture, photo: Picture, mask: Mask) -> Picture:
    """The render, and the photo where pixels do not count."""
    return np.where(mask[..., None], render, photo)


@cache
def lpips_model() -> tuple[Callable[[Picture, Picture], float] | None, str]:
    """LPIPS (Zhang et al. 2018, AlexNet) as a function, or None and the reason. Nothing is ever downloaded."""
    checkpoints = Path(torch.hub.get_dir()) / "checkpoints"
    if not list(checkpoints.glob("alexnet-owt-7be5be79.pth")):
        return None, "the AlexNet weights alexnet-owt-7be5be79.pth are not in the torch hub cache"
    try:
        import lpips  # pulls torchvision, which fails to import beside some torch builds

        network = lpips.LPIPS(net="alex", verbose=False).eval()
    except (ImportError, RuntimeError, OSError) as error:
        return None, f"the lpips package does not load ({error})"

    @torch.no_grad()
    def distance(a: Picture, b: Picture) -> float:
        batch = [torch.from_numpy(x).float().permute(2, 0, 1)[None] * 2 - 1 for x in (a, b)]
        return float(network(*batch))

    return distance, ""
