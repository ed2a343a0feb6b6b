"""What of a matched view is fused."""

import numpy as np
import pytest

from recon.geometry import Camera, Kind, MatchedView, look_at
from recon.mesh.matched_maps import matched_map

CAMERA = Camera("PINHOLE", (4, 8), 1000.0, 100.0, 4.0, -4.0)  # looks level, and shows what is 2.5 to 4.3 degrees below
ROAD = np.array([0.0, 0.0, 1.0])


def of_road(kind: Kind, normal: np.ndarray) -> MatchedView:
    """A road 2 below the camera, 27 to 44 ahead: cosines of .045 to .075."""
    center = np.array([0.0, 0.0, 2.0])
    pose = look_at(center, np.array([1.0, 0.0, 2.0]), np.array([0, 0, 1.0]))
    slope = (np.mgrid[:4, :8][0] + 0.5 + 4.0) / 100
    size = (4, 8)
    return MatchedView(
        name="a",
        camera=CAMERA,
        world_from_camera=pose,
        depth=(2 / slope).astype(np.float32),
        normal=np.broadcast_to(normal, (*size, 3)).astype(np.float32),
        confidence=np.ones(size, np.float32),
        kind=np.full(size, kind, np.uint8),
    )


@pytest.mark.parametrize(
    ("kind", "normal", "is_kept"),
    [
        (Kind.PLANE, ROAD, True),
        (Kind.MATCHED, ROAD, False),
        (Kind.PLANE, np.array([-0.05, 0.999, 0.0]), False),
    ],
)
def test_only_a_level_plane_may_be_seen_as_obliquely_as_a_driver_sees_the_road(
    kind: Kind, normal: np.ndarray, is_kept: bool
) -> None:
    """How a wall is turned that is seen so is a mistake more often than not, and would be drawn far into the air."""
    view = of_road(kind, normal)
    seen = matched_map(view, far=100, max_jump=0.5, max_side=100).unit_normals
    expected = normal @ view.world_from_camera[:3, :3] if is_kept else np.array([0.0, 0.0, -1.0])
    np.testing.assert_allclose(seen, np.broadcast_to(expected, seen.shape), atol=0.01)
