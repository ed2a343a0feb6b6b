"""How alike two pictures are: PSNR, SSIM, MS-SSIM, FLIP, and LPIPS where its backbone is already on the machine.

Pictures are [h, w, 3] tensors in [0, 1] (sRGB as filmed, never linearised). A mask [h, w] is True where a pixel counts:

    psnr            mean over the pixels that count
    ssim, ms_ssim   mean over the windows all of whose pixels count
    flip            masked pixels of the render are replaced by the photo's, then the mean over the pixels that count

SSIM uses "valid" windows only (no padding), so its map is 10 pixels smaller than the picture each way.
"""

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

WINDOW, SIGMA = 11, 1.5  # Wang et al. 2004
C1, C2 = 0.01**2, 0.03**2  # stabilisers for pictures in [0, 1], same paper
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003, table 1


def psnr(
    a: Tensor,  # [h, w, 3]
    b: Tensor,  # [h, w, 3]
    mask: Tensor | None = None,  # [h, w] bool
) -> float:
    """-10 log10 of the mean squared error, in dB; infinite for equal pictures, NaN when no pixel counts.

    >>> round(psnr(torch.zeros(2, 3, 3), torch.full((2, 3, 3), 0.1)), 3)
    20.0
    """
    squared = (a - b).square().mean(-1)
    error = float((squared if mask is None else squared[mask]).mean())
    return math.inf if error == 0 else -10 * math.log10(error) if math.isfinite(error) else math.nan


def ssim(a: Tensor, b: Tensor, mask: Tensor | None = None) -> float:
    """Structural similarity (Wang et al. 2004): 11x11 Gaussian windows of sigma 1.5, mean over windows and channels.

    NaN when the picture is smaller than one window or no window lies inside the mask.
    """
    if min(a.shape[:2]) < WINDOW:
        return math.nan
    luminance, structure = _ssim_maps(a, b)
    return float(_mean_over_windows(luminance * structure, mask))


def n_scales(size_hw: tuple[int, int]) -> int:
    """How many of the five scales of `ms_ssim` fit: the coarsest must still hold one 11x11 window."""
    return sum(min(size_hw) // 2**scale >= WINDOW for scale in range(len(SCALE_WEIGHTS)))


def ms_ssim(a: Tensor, b: Tensor, mask: Tensor | None = None) -> float:
    """Multi-scale SSIM (Wang et al. 2003): product over scales of structure^weight, luminance at the coarsest only.

    Scales halve by 2x2 means, an odd last row or column being dropped. A picture under 176 pixels has fewer than five
    scales (`n_scales`); the remaining weights are then rescaled to sum to 1. Negative structure counts as 0.
    """
    n = n_scales((a.shape[0], a.shape[1]))
    weights = [weight / sum(SCALE_WEIGHTS[:n]) for weight in SCALE_WEIGHTS[:n]]
    product = 1.0 if n else math.nan
    for scale, weight in enumerate(weights):
        luminance, structure = _ssim_maps(a, b)
        term = _mean_over_windows(luminance * structure if scale == n - 1 else structure, mask)
        product *= float(term.clamp_min(0)) ** weight
        a, b = _halve(a), _halve(b)
        mask = None if mask is None else _halve(mask[..., None].to(a.dtype))[..., 0] == 1
    return product


def flip_map(render: Tensor, photo: Tensor) -> NDArray[np.float32]:
    """FLIP error [h, w] in [0, 1] (Andersson et al. 2020, LDR, 67 pixels a degree: a desktop screen at 0.7 m)."""
    import flip_evaluator

    test, reference = (np.ascontiguousarray(x.detach().cpu().float().clamp(0, 1).numpy()) for x in (render, photo))
    errors, _, _ = flip_evaluator.evaluate(reference, test, "LDR", applyMagma=False, computeMeanError=False)
    return np.asarray(errors, np.float32).reshape(reference.shape[:2])


def flip(render: Tensor, photo: Tensor, mask: Tensor | None = None) -> float:
    """Mean FLIP error, 0 for equal pictures."""
    if mask is None:
        return float(flip_map(render, photo).mean())
    if not bool(mask.any()):
        return math.nan
    errors = flip_map(torch.where(mask[..., None], render, photo), photo)
    return float(errors[mask.cpu().numpy()].mean())


def image_scores(render: Tensor, photo: Tensor, mask: Tensor | None = None) -> dict[str, float | None]:
    """Every score of one picture; `lpips` is None where `lpips_model` has no model."""
    network, _ = lpips_model()
    return {
        "psnr": psnr(render, photo, mask),
        "ssim": ssim(render, photo, mask),
        "ms_ssim": ms_ssim(render, photo, mask),
        "flip": flip(render, photo, mask),
        "lpips": network(render if mask is None else torch.where(mask[..., None], render, photo), photo)
        if network
        else None,
    }


@cache
def lpips_model() -> tuple[Callable[[Tensor, Tensor], float] | None, str]:
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
    def distance(a: Tensor, b: Tensor) -> float:
        batch = [(x.detach().cpu().float().permute(2, 0, 1)[None] * 2 - 1) for x in (a, b)]
        return float(network(*batch))

    return distance, ""


def _ssim_maps(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The luminance and the contrast-structure map, each [3, h - 10, w - 10]."""
    stack = torch.stack([a, b, a * a, b * b, a * b]).permute(0, 3, 1, 2)  # [5, 3, h, w]
    mean_a, mean_b, mean_aa, mean_bb, mean_ab = _blur(stack)
    variance_a, variance_b = mean_aa - mean_a**2, mean_bb - mean_b**2
    covariance = mean_ab - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    return luminance, (2 * covariance + C2) / (variance_a + variance_b + C2)


def _blur(pictures: Tensor) -> Tensor:
    """Gaussian means of every whole window: [n, c, h, w] -> [n, c, h - 10, w - 10], one axis after the other."""
    offsets = torch.arange(WINDOW, dtype=pictures.dtype, device=pictures.device) - WINDOW // 2
    kernel = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    kernel = kernel / kernel.sum()
    planes = pictures.flatten(0, 1)[:, None]
    planes = F.conv2d(F.conv2d(planes, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))
    return planes[:, 0].unflatten(0, pictures.shape[:2])


def _mean_over_windows(values: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of [c, h - 10, w - 10] over the windows that lie wholly inside the mask [h, w]."""
    if mask is None:
        return values.mean()
    hidden = (~mask).to(values.dtype)[None]
    return values[:, F.max_pool2d(hidden, WINDOW, stride=1)[0] == 0].mean()


def _halve(picture: Tensor) -> Tensor:
    """[h, w, c] -> [h // 2, w // 2, c] by 2x2 means; as it is when a side has one pixel."""
    if min(picture.shape[:2]) < 2:
        return picture
    return F.avg_pool2d(picture.permute(2, 0, 1), 2).permute(1, 2, 0)
