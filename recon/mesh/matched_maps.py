"""Depth maps from what was matched between the pictures: a surface where they agree, free rays into the sky."""

import numpy as np

from recon.geometry import Evidence, Kind, MatchedView
from recon.mesh.depth_maps import DepthMap, at_jump, slopes
from recon.mesh.viewpoints import Viewpoint

_EVIDENCE_OF_KIND = np.zeros(max(Kind) + 1, np.uint8)
_EVIDENCE_OF_KIND[Kind.MATCHED] = Evidence.MATCHED
_EVIDENCE_OF_KIND[Kind.PLANE] = Evidence.PLANE
_SKY_CONFIDENCE = 0.5  # sky less sure than this carves nothing


def matched_map(view: MatchedView, *, far: float, max_jump: float) -> DepthMap:
    """One matched view as a depth map; its confidence is the weight. Depths beyond `far` are left out.

    At a jump of depth the matcher's window straddles two surfaces: such pixels count a quarter.
    """
    viewpoint = Viewpoint(view.camera, view.world_from_camera)
    depth = np.where(view.has_depth & (view.depth <= far), view.depth, 0).astype(np.float32)
    weight = np.where(at_jump(depth, max_jump), 0.25, 1) * view.confidence
    return DepthMap(
        viewpoint,
        depth,
        view.is_sky & (view.confidence >= _SKY_CONFIDENCE),
        weight.astype(np.float32),
        slopes(viewpoint, view.normal),
        _EVIDENCE_OF_KIND[view.kind],
    )
