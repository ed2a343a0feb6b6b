"""Ground that bends gets a relief that lies on it, in tiles where it bends much; ground that does not stays one plane."""

import numpy as np
import pytest

from recon.kernels.planes import ScenePlane
from recon.matching.scene_planes import find_local_planes
from recon.matching.sheets import laid_out
from recon.matching.voxels import Voxels

SCALE = 12.0  # so that the planes are 0.12 thick


def road(height_fn, n: int = 6000) -> Voxels:
    """Matter of a road 80 long and 8 wide, right to 1 cm."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 80, n), rng.uniform(-4, 4, n)
    z = height_fn(x) + rng.normal(0, 0.01, n)
    slope = (height_fn(x + 0.1) - height_fn(x - 0.1)) / 0.2
    normals = np.stack([-slope, np.zeros(n), np.ones(n)], -1)
    return Voxels(np.stack([x, y, z], -1), normals / np.linalg.norm(normals, axis=1, keepdims=True), np.ones(n))


def hill(x: np.ndarray) -> np.ndarray:
    """Rises by 0.4 over the middle third."""
    return np.asarray(0.2 * np.tanh((x - 40) / 10))


def heights(planes: list[ScenePlane], x: float, y: float) -> list[float]:
    """Of the planes that hold for the place (x, y)."""
    found = []
    for plane in planes:
        z = (plane.offset - plane.normal[0] * x - plane.normal[1] * y) / plane.normal[2]
        point = np.array([x, y, z])
        column, row = ((np.array([point @ plane.across, point @ plane.along]) - plane.low) / plane.cell).astype(int)
        rows, columns = plane.distances.shape
        if 0 <= row < rows and 0 <= column < columns and plane.distances[row, column] < 1:
            found.append(z)
    return found


def test_a_road_over_a_hill_becomes_tiles_that_lie_on_it() -> None:
    matter = road(hill)
    planes = find_local_planes(matter, typical_depth=SCALE, seed=0)
    tiles = [tile for plane in planes for tile in laid_out(plane, matter)]
    assert 10 < len(tiles) < 100
    for x in np.linspace(2, 78, 39):
        nearest = min(heights(tiles, x, 1.0), key=lambda z: abs(z - hill(x)))
        assert nearest == pytest.approx(hill(x), abs=0.03)
    middle = min(abs(z - hill(55.0)) for z in heights(tiles, 55.0, 0.0))
    plain = min(abs(z - hill(55.0)) for z in heights(planes, 55.0, 0.0))
    assert middle < 0.5 * plain, "a plane alone is farther off"


def test_flat_ground_stays_one_plane() -> None:
    matter = road(lambda x: 0.03 * x)
    (plane,) = find_local_planes(matter, typical_depth=SCALE, seed=0)
    (laid,) = laid_out(plane, matter)
    assert laid.normal is plane.normal and laid.distances is plane.distances


@pytest.mark.parametrize("rise", [0.02, 0.2])
def test_a_driver_sees_the_road_where_it_is(rise: float) -> None:
    """Rays from 1.5 above the road meet it within a centimetre, though the planes are 12 cm thick."""
    matter = road(lambda x: rise / 0.2 * hill(x))
    (tiles,) = (laid_out(plane, matter) for plane in find_local_planes(matter, typical_depth=SCALE, seed=0)[:1])
    seen = 0
    for x in np.arange(2.0, 60.0, 3.0):
        center = np.array([x, 0.0, rise / 0.2 * hill(x) + 1.5])
        forward = np.array([[1.0, a, -1.5 / ahead] for ahead in (3, 6, 12) for a in (-0.2, 0.0, 0.2)])
        for tile in tiles:
            depth, normal = tile.surface(forward, center)
            places = center + depth[:, None] * forward
            column, row = (
                np.floor((places @ np.stack([tile.across, tile.along], 1) - tile.low) / tile.cell).astype(int).T
            )
            rows, columns = tile.distances.shape
            inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns) & (depth > 0)
            inside[inside] = tile.distances[row[inside], column[inside]] < 0.1
            inside &= (np.abs(places[:, 1]) < 3.5) & (places[:, 0] < 78)
            assert np.abs(places[inside, 2] - rise / 0.2 * hill(places[inside, 0])).max(initial=0) < 0.01
            assert np.allclose(np.linalg.norm(normal, axis=1), 1)
            seen += inside.sum()
    assert seen > 100


def test_little_matter_is_not_bent() -> None:
    matter = road(hill, 200)
    plane = find_local_planes(matter, typical_depth=SCALE, seed=0)[0]
    assert laid_out(plane, matter) == [plane]
