"""Blank regions and the planes that their borders tell: a white table of exact size, of which only the edges are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from recon.geometry import Camera, View, look_at
from recon.geometry.pinhole import rays_of_pixels
from recon.kernels.planes import ScenePlane
from recon.matching.confirm import Confirmed
from recon.matching.pictures import Picture
from recon.matching.region_planes import MIN_PICTURES, region_planes
from recon.matching.regions import SHELL_DOUBT, UNKNOWN, BlankRegions, blank_regions
from recon.matching.scene_planes import thing_plane
from recon.matching.voxels import Voxels

UP = np.array([0.0, 0.0, 1.0])
TOP, HALF = 0.7, np.array([0.6, 0.4])  # height of the table's top, and half its sides
CAMERA = Camera("PINHOLE", (120, 160), 140.0, 140.0, 80.0, 60.0)
NOTHING = np.zeros(CAMERA.size_hw, bool)


def pose(angle: float) -> np.ndarray:
    return look_at(np.array([2 * np.cos(angle), 2 * np.sin(angle), 1.8]), np.array([0, 0, TOP]), UP)


def table_picture(angle: float, name: str) -> tuple[Picture, Confirmed, Confirmed, np.ndarray]:
    """A white top over a grained floor; the floor is confirmed, the edges of the top are known. And which pixels see it."""
    from_camera = pose(angle)
    center, rays = from_camera[:3, 3], rays_of_pixels(CAMERA) @ from_camera[:3, :3].T
    to_top, to_floor = (TOP - center[2]) / rays[..., 2], -center[2] / rays[..., 2]
    place = np.abs((center + rays * to_top[..., None])[..., :2])
    is_top = (place < HALF).all(-1)
    is_edge = is_top & (place > HALF - 0.03).any(-1)
    depth = np.where(is_top, to_top, to_floor).astype(np.float32)
    grain = np.random.default_rng(0).integers(60, 160, CAMERA.size_hw)
    color = np.where(is_top, 230, grain).astype(np.uint8)[..., None].repeat(3, -1)
    view = View(name, Path(f"{name}.png"), CAMERA, from_camera)
    picture = Picture(view, CAMERA, color, ~NOTHING)
    normal = np.broadcast_to(UP.astype(np.float16), (*CAMERA.size_hw, 3))
    hint = Confirmed(depth * ~(is_top & ~is_edge), normal, np.ones_like(depth))
    return picture, hint.without(is_top), hint, is_top


def level(height: float, *, half: float = 2.0) -> ScenePlane:
    spots = np.stack([*np.meshgrid(*[np.linspace(-half, half, 30)] * 2), np.full((30, 30), height)], -1).reshape(-1, 3)
    matter = Voxels(spots, np.broadcast_to(UP, spots.shape), np.ones(len(spots)))
    return thing_plane(UP, matter, typical_depth=2.5)


def regions_of(angle: float) -> tuple[BlankRegions, np.ndarray]:
    picture, confirmed, hint, is_top = table_picture(angle, "one")
    return blank_regions(picture, confirmed, hint, NOTHING), is_top


def test_a_white_top_is_one_region_and_its_border_is_known_in_space() -> None:
    regions, is_top = regions_of(0.3)
    assert regions.number.max() == 1 and (regions.number[is_top] == 1).mean() > 0.85
    assert not regions.number[~is_top].any()
    points, pixels = regions.points(1)
    heights = points[:, 2]
    assert len(points) == len(pixels) > 100
    assert (np.minimum(np.abs(heights - TOP), np.abs(heights)) < 1e-5).all(), "on the top or on the floor"


def test_the_border_lies_on_the_top_and_less_on_what_is_elsewhere() -> None:
    regions, _ = regions_of(0.3)
    floor, top, wrong = level(0.0), level(TOP), level(0.45)
    off = regions.off_border([floor, top, wrong])
    assert off.shape == (2, 3) and (off[0] == UNKNOWN).all()
    assert off[1, 1] == 0 and off[1, 2] > 0.9
    shell = ScenePlane(**{**vars(wrong), "is_shell": True})
    np.testing.assert_allclose(regions.off_border([shell])[:, 0], SHELL_DOUBT * off[:, 2])


def test_a_gap_in_an_edge_joins_no_two_regions() -> None:
    """A white cupboard before a white wall: their edge fades over a few pixels, through which they would be one."""
    picture, _, hint, _ = table_picture(0.3, "one")
    middle, gap = CAMERA.size_hw[1] // 2, np.s_[60:63]
    color = np.full((*CAMERA.size_hw, 3), 200, np.uint8)
    color[:, middle:] = 230
    color[gap] = np.clip(200 + 3 * (np.arange(CAMERA.size_hw[1]) - middle + 5), 200, 230)[None, :, None]
    faded, nothing = replace(picture, color=color), hint.without(~NOTHING)
    number = blank_regions(faded, nothing, nothing, NOTHING).number
    left, right = number[:, : middle - 8], number[:, middle + 8 :]
    assert left.min() == left.max() > 0 and right.min() == right.max() > 0
    assert left.min() != right.min()
    color[20:100] = color[61]
    assert blank_regions(replace(picture, color=color), nothing, nothing, NOTHING).number.max() == 1, "no gap: no edge"


def test_what_is_closed_or_confirmed_is_in_no_region() -> None:
    picture, confirmed, hint, is_top = table_picture(0.3, "one")
    assert not blank_regions(picture, confirmed, hint, is_top).number.any()
    assert not blank_regions(picture, hint.without(NOTHING), hint, NOTHING).number[is_top & (hint.depth > 0)].any()
    empty = blank_regions(picture, hint, hint.without(~NOTHING), ~NOTHING)
    assert empty.off_border([level(0.0)]).shape == (1, 1) and len(empty.depths) == 0


def test_a_top_that_only_its_edges_show_is_proposed_by_enough_pictures() -> None:
    angles = np.linspace(0, 2 * np.pi, MIN_PICTURES + 2, endpoint=False)
    regions = [regions_of(angle)[0] for angle in angles]
    floor = level(0.0)
    found = region_planes(regions, [floor], typical_depth=2.5)
    tops = [plane for plane in found if plane.normal @ UP > 0.999]
    assert len(tops) == 1 and abs(tops[0].offset - TOP) < 0.01
    at = ((np.zeros(2) - tops[0].low) / tops[0].cell).astype(int)
    assert 0 < tops[0].distances[at[1], at[0]] < 3, "the middle of the top is not far from its edges"
    few = region_planes(regions[: MIN_PICTURES - 1], [floor], typical_depth=2.5)
    assert not any(plane.normal @ UP > 0.999 for plane in few)
    known = region_planes(regions, [floor, level(TOP)], typical_depth=2.5)
    assert not any(plane.normal @ UP > 0.999 for plane in known), "it is known already"
    assert region_planes(regions, [], typical_depth=2.5) == []
