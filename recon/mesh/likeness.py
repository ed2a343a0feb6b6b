"""How much the textured mesh looks like the place: held-out photos against pictures of the mesh."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.formats.images import fit_within
from recon.formats.photos import read_photo
from recon.geometry import View
from recon.mesh.photos import PhotoWithDepth
from recon.mesh.picture import MeshScene
from recon.workspace.console import progress


@dataclass(frozen=True)
class Likeness:
    """PSNR of held-out photos; None without views."""

    psnr: float | None  # over the pixels that the mesh covers
    covered: float  # share of the valid pixels that it covers
    psnr_all_pixels: float | None  # over all valid pixels, `behind` where there is no mesh


def likeness_of_views(
    scene: MeshScene, views: Sequence[View], *, behind: NDArray[np.float32], max_side: int
) -> Likeness:
    """How like the held-out photos the mesh looks; `behind` [3] in [0, 1] is the colour of what it leaves open.

    An object that is cut out is judged before white, its outline with it.

    The three belong together: a mesh of one well-seen wall has a fine PSNR where it covers, and covers little.
    """
    covering, everywhere = [], []
    covered, valid = 0, 0
    with progress("mesh: held-out views", len(views)) as bar:
        for view in views:
            photo = read_photo(view, fit_within(view.camera.size_hw, max_side))
            picture = scene.render(photo.view.camera, view.world_from_camera)
            color = np.where(picture.is_hit[..., None], picture.color, behind if photo.alpha is None else 1)
            squared = ((color - photo.over(1.0)) ** 2).mean(-1)
            is_valid = np.ones(squared.shape, bool) if photo.mask is None else photo.mask
            both = is_valid & picture.is_hit
            covered, valid = covered + int(both.sum()), valid + int(is_valid.sum())
            covering += [_psnr(squared[both])] if both.any() else []
            everywhere += [_psnr(squared[is_valid])] if is_valid.any() else []
            bar.advance()
    means = [float(np.mean(values)) if values else None for values in (covering, everywhere)]
    return Likeness(means[0], covered / max(valid, 1), means[1])


def color_behind(photos: Sequence[PhotoWithDepth]) -> NDArray[np.float32]:
    """Median colour [3] in [0, 1] of the pixels of the training photos that the mesh leaves open: sky, or what is far."""
    found = [np.zeros((0, 3), np.uint8)]
    for photo in photos:
        h, w = photo.depth.shape
        small = cv2.resize(photo.color, (w, h), interpolation=cv2.INTER_AREA)
        valid = cv2.resize(photo.is_valid.astype(np.uint8), (w, h), interpolation=cv2.INTER_NEAREST) > 0
        found.append(small[(photo.depth == 0) & valid][::17])
    open_colors = np.concatenate(found)
    return (np.median(open_colors, axis=0) / 255 if len(open_colors) else np.ones(3)).astype(np.float32)


def _psnr(squared: NDArray) -> float:
    return float(-10 * np.log10(max(float(squared.mean()), 1e-10)))
