"""How sharp a picture is, comparable between pictures of about the same content."""

import cv2
import numpy as np
from numpy.typing import NDArray

# Standard deviations in pixels of the small grey picture: motion blur of phones spans one to ten of them.
_FINE, _COARSE = 1.0, 4.0
_FLOOR = 1.0  # grey levels; keeps a blank wall from dividing nothing by nothing


def measure_sharpness(gray: NDArray[np.uint8]) -> float:
    """Contrast of fine detail over contrast of coarse detail, both band-passed, of uint8 [h, w].

    A ratio of two scales, as richly textured scenes and bright exposures raise both and blur lowers the fine one only.
    About 0.2 (blurred) to 1.5 (crisp); meaningful between frames that show about the same things.
    """
    picture = gray.astype(np.float32)
    fine_blur = cv2.GaussianBlur(picture, (0, 0), _FINE)
    coarse_blur = cv2.GaussianBlur(picture, (0, 0), _COARSE)
    fine = float(np.sqrt(np.mean((picture - fine_blur) ** 2)))
    coarse = float(np.sqrt(np.mean((fine_blur - coarse_blur) ** 2)))
    return fine / (coarse + _FLOOR)
