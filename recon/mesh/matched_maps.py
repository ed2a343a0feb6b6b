"""Depth maps from what was matched between the pictures: a surface where they agree, free rays into the sky."""

from dataclasses import replace

import numpy as np

from recon.geometry import Evidence, Kind, MatchedView
from recon.mesh.depth_maps import MIN_COSINE, DepthMap, at_jump, camera_normals
from recon.mesh.viewpoints import Viewpoint

_EVIDENCE_OF_KIND = np.zeros(max(Kind) + 1, np.uint8)
_EVIDENCE_OF_KIND[Kind.MATCHED] = Evidence.MATCHED
_EVIDENCE_OF_KIND[Kind.PLANE] = Evidence.PLANE
_SKY_CONFIDENCE = 0.5  # sky less sure than this carves nothing
# Cosine between a level plane's normal and up, and how obliquely it may be seen: from a car a road is seen at .07 from 20 m on, and
# pixels that are taken to look at the camera would tear it to shreds. Matching itself finds nothing more oblique than MIN_COSINE,
# so little else is let in, also where up is not known and any plane may count as level.
_LEVEL, _MIN_COSINE_OF_ROADS = 0.94, 0.02


def matched_map(view: MatchedView, *, far: float, max_jump: float, max_side: int) -> DepthMap:
    """One matched view as a depth map; its confidence is the weight. Depths beyond `far` are left out.

    Of views larger than `max_side` every second (third, ...) pixel is taken. At
    a jump of depth the matcher's window straddles two surfaces: such pixels count a quarter.
    """
    step = -(-max(view.camera.size_hw) // max_side)
    start = step // 2
    depth, kind, confidence, normal = (
        a[start::step, start::step] for a in (view.depth, view.kind, view.confidence, view.normal)
    )
    camera = replace(
        view.camera,
        size_hw=depth.shape,
        fx=view.camera.fx / step,
        fy=view.camera.fy / step,
        cx=(view.camera.cx - start - 0.5) / step + 0.5,
        cy=(view.camera.cy - start - 0.5) / step + 0.5,
    )
    viewpoint = Viewpoint(camera, view.world_from_camera)
    depth = np.where((depth > 0) & (depth <= far), depth, 0).astype(np.float32)
    weight = np.where(at_jump(depth, max_jump), 0.25, 1) * confidence
    is_level = (kind == Kind.PLANE) & (normal[..., 2] > _LEVEL)
    least = np.where(is_level, _MIN_COSINE_OF_ROADS, MIN_COSINE)
    return DepthMap(
        viewpoint,
        depth,
        (kind == Kind.SKY) & (confidence >= _SKY_CONFIDENCE),
        weight.astype(np.float32),
        camera_normals(viewpoint, normal, least),
        _EVIDENCE_OF_KIND[kind],
    )
