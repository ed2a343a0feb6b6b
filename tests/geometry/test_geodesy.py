"""The Earth: round trips, known lengths, and a placement that survives a change of frame."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from recon.geometry import Similarity
from recon.geometry.geodesy import Geo, GpsFix, enu_from_fixes, fix_from_enu

ANCHORS = [
    GpsFix(46.5, 7.98, 3454.0),
    GpsFix(-33.9, 151.2, 12.0),
    GpsFix(0.0, -179.9999, -3.0),
    GpsFix(89.99, 40.0, 0.0),
]


@pytest.mark.parametrize("anchor", ANCHORS, ids=str)
def test_there_and_back(anchor: GpsFix) -> None:
    rng = np.random.default_rng(0)
    enu = rng.uniform(-500, 500, (7, 3))
    fixes = [fix_from_enu(row, anchor) for row in enu]
    np.testing.assert_allclose(enu_from_fixes(fixes, anchor), enu, atol=1e-6)
    np.testing.assert_allclose(enu_from_fixes([anchor], anchor), 0, atol=1e-9)


def test_lengths_on_the_ellipsoid() -> None:
    """A second of arc: along the equator 1/1296000 of it, along the meridian by its radius of curvature."""
    second = 1 / 3600
    (east,) = enu_from_fixes([GpsFix(0.0, second, 0.0)], GpsFix(0.0, 0.0, 0.0))
    np.testing.assert_allclose(east, [2 * np.pi * 6378137 / 1296000, 0, 0], atol=1e-3)
    (north,) = enu_from_fixes([GpsFix(45.0 + second, 9.0, 0.0)], GpsFix(45.0, 9.0, 0.0))
    e2 = 0.00669437999014
    meridian = 6378137 * (1 - e2) / (1 - e2 / 2) ** 1.5
    np.testing.assert_allclose(north, [0, np.radians(second) * meridian, 0], atol=1e-3)


def test_unknown_heights_stay_unknown() -> None:
    anchor = GpsFix(47.0, 8.0, 400.0)
    enu = enu_from_fixes([GpsFix(47.001, 8.0, None), GpsFix(47.001, 8.0, 410.0)], anchor)
    assert np.isnan(enu[0, 2]) and enu[1, 2] == pytest.approx(10, abs=0.01)
    np.testing.assert_allclose(enu[0, :2], enu[1, :2], atol=0.01)
    assert fix_from_enu(np.zeros(3), GpsFix(47.0, 8.0, None)).altitude_m is None


@pytest.mark.parametrize("numbers", [(91.0, 0.0, 0.0), (0.0, 181.0, 0.0), (float("nan"), 0.0, None)])
def test_nowhere_is_refused(numbers: tuple) -> None:
    with pytest.raises(ValueError, match="not a place"):
        GpsFix(*numbers)


def test_a_placement_follows_its_world() -> None:
    rng = np.random.default_rng(1)
    east_from_world = Similarity(1.0, Rotation.from_euler("z", 30, degrees=True).as_matrix(), np.array([1.0, 2.0, 3.0]))
    geo = Geo(47.0, 8.0, 400.0, east_from_world, 0.5, 1.0)
    new_from_world = Similarity(0.3, Rotation.random(random_state=2).as_matrix(), rng.normal(size=3))
    points = rng.normal(size=(5, 3))
    np.testing.assert_allclose(
        geo.transformed(new_from_world).enu_from_world.points(new_from_world.points(points)),
        east_from_world.points(points),
    )
