"""How sharp a picture is, comparable between pictures of about the same content."""

import cv2
import numpy as np
from numpy.typing import NDArray

# Standard deviations in pixels of the small grey picture: motion blur of phones spans one to ten of them.
_FINE, _COARSE = 1.0, 4.0
_FLOOR = 1.0  # grey levels; keeps a blank wall from dividing nothing by nothing


def measure_sharpness(gray: NDArray[np.uint8]) -> float:
    """Contrast of fine detail over contrast of coarse detail of uint8 [h, w], the lesser of across and down.

    A ratio of two scales, as richly textured scenes and bright exposures raise both and blur lowers the fine one only.
    Each axis by itself, as motion blurs along one direction and leaves the other crisp. About 0.2 (blurred) to 0.6 (crisp),
    meaningful between frames that show about the same things.
    """
    picture = gray.astype(np.float32)
    return min(_fine_over_coarse(picture), _fine_over_coarse(np.ascontiguousarray(picture.T)))


def _fine_over_coarse(picture: NDArray[np.float32]) -> float:
    """Ratio of two band passes along the rows."""
    fine_blur, coarse_blur = _blur_rows(picture, _FINE), _blur_rows(picture, _COARSE)
    fine = float(np.sqrt(np.mean((picture - fine_blur) ** 2)))
    coarse = float(np.sqrt(np.mean((fine_blur - coarse_blur) ** 2)))
    return fine / (coarse + _FLOOR)


def _blur_rows(picture: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    kernel = cv2.getGaussianKernel(int(6 * sigma) | 1, sigma)
    return np.asarray(cv2.sepFilter2D(picture, -1, kernel, np.ones(1)), np.float32)
