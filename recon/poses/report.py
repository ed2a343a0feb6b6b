"""What poses/report.json says in the same words of poses that were found and of poses that were given."""

from typing import Any

import numpy as np

from recon.geometry.reconstruction import Reconstruction


def camera_report(reconstruction: Reconstruction) -> dict[str, Any]:
    """How many cameras there are, their median focal length, and distortion and size of the first."""
    cameras = list(dict.fromkeys(view.camera for view in reconstruction.views))
    return {
        "count": len(cameras),
        "focal_px": float(np.median([camera.fx for camera in cameras])),
        "distortion": list(cameras[0].distortion),
        "size_hw": list(cameras[0].size_hw),
    }
