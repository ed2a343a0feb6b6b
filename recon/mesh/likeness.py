"""How much the textured mesh looks like the place: held-out photos against pictures of the mesh."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.formats.images import fit_within
from recon.formats.photos import read_photo
from recon.geometry import Camera, View
from recon.geometry.transforms import Array
from recon.mesh.photos import PhotoWithDepth
from recon.mesh.picture import MeshScene
from recon.workspace.console import progress

SAMPLES = 2  # rays of a pixel, across and down


@dataclass(frozen=True)
class Likeness:
    """PSNR of held-out photos; None without views."""

    psnr: float | None  # over the pixels that the mesh covers wholly
    covered: float  # share of the valid pixels that it covers
    psnr_all_pixels: float | None  # over all valid pixels, `behind` where there is no mesh


def likeness_of_views(
    scene: MeshScene,
    views: Sequence[View],
    *,
    behind: NDArray[np.float32],
    gain_fn: Callable[[View], NDArray[np.float32]],
    max_side: int,
) -> Likeness:
    """How like the held-out photos the mesh looks; `behind` [3] in [0, 1] is the colour of what it leaves open.

    `gain_fn` gives the exposure [3] of a photo without a look at it: that of its neighbours in time. An object that is cut out is
    judged before white, its outline with it. A photo's pixel is the mean of what it covers, and so is a pixel of the picture:
    `SAMPLES` x `SAMPLES` rays.

    The three belong together: a mesh of one well-seen wall has a fine PSNR where it covers, and covers little.
    """
    covering, everywhere = [], []
    covered, valid = 0, 0
    with progress("mesh: held-out views", len(views)) as bar:
        for view in views:
            photo = read_photo(view, fit_within(view.camera.size_hw, max_side))
            color, hit = _smooth_picture(scene, photo.view.camera, view.world_from_camera)
            gain = gain_fn(view)
            color = np.minimum(gain * color, 1)
            wanted, background = photo.over(1.0), gain * behind if photo.alpha is None else np.ones(3, np.float32)
            off_covered, off = (((c - wanted) ** 2).mean(-1) for c in (color, hit * color + (1 - hit) * background))
            is_valid = np.ones(off.shape, bool) if photo.mask is None else photo.mask
            both = is_valid & (hit[..., 0] == 1)
            covered, valid = covered + int(both.sum()), valid + int(is_valid.sum())
            covering += [_psnr(off_covered[both])] if both.any() else []
            everywhere += [_psnr(off[is_valid])] if is_valid.any() else []
            bar.advance()
    means = [float(np.mean(values)) if values else None for values in (covering, everywhere)]
    return Likeness(means[0], covered / max(valid, 1), means[1])


def _smooth_picture(
    scene: MeshScene, camera: Camera, world_from_camera: Array
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean colour [h, w, 3] of a pixel's rays that hit the mesh, and the share [h, w, 1] of them that do."""
    h, w = camera.size_hw
    fine = scene.render(camera.resized((SAMPLES * h, SAMPLES * w)), world_from_camera)
    is_hit = fine.is_hit[..., None].astype(np.float32)
    # the mean over blocks of pixels, far faster than numpy's over two short axes
    blocks = (cv2.resize(a, (w, h), interpolation=cv2.INTER_AREA) for a in (is_hit * fine.color, is_hit))
    color, covered = (np.asarray(block, np.float32).reshape(h, w, -1) for block in blocks)
    return (color / np.maximum(covered, np.float32(1e-6))).astype(np.float32), covered


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
