"""The families of printed square markers that OpenCV knows, by the names people use."""

import cv2

# In the order in which `auto` tries them: the sets most often printed, the smallest of each grid. A larger set of the
# same grid (4x4_100, ...) begins with the same markers but tells them apart less surely, so it must be asked for.
AUTO = ("4x4_50", "5x5_100", "6x6_250", "7x7_250", "original", "apriltag_36h11", "apriltag_25h9")
DICTIONARIES: dict[str, int] = {
    **{
        f"{n}x{n}_{size}": getattr(cv2.aruco, f"DICT_{n}X{n}_{size}")
        for n in (4, 5, 6, 7)
        for size in (50, 100, 250, 1000)
    },
    "original": cv2.aruco.DICT_ARUCO_ORIGINAL,
    "apriltag_16h5": cv2.aruco.DICT_APRILTAG_16h5,
    "apriltag_25h9": cv2.aruco.DICT_APRILTAG_25h9,
    "apriltag_36h10": cv2.aruco.DICT_APRILTAG_36h10,
    "apriltag_36h11": cv2.aruco.DICT_APRILTAG_36h11,
}


def dictionary(name: str) -> cv2.aruco.Dictionary:
    """OpenCV's dictionary of that name (a key of `DICTIONARIES`)."""
    return cv2.aruco.getPredefinedDictionary(DICTIONARIES[name])
