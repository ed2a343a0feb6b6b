"""Which depths come first: matched ones, but of an object that is cut out the field's."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from recon.geometry import Evidence, Kind, MatchedView, Reconstruction
from recon.mesh.depth_maps import DepthMap
from recon.mesh.settings import MeshSettings
from recon.mesh.surface import build_surface
from recon.mesh.trusted_depths import trusted_depths
from recon.mesh.verdict import judge_surface
from recon.mesh.viewpoints import small_pinhole, typical_distance
from recon.workspace.errors import UserError
from tests.default_settings import default_settings

TOO_FAR = 1.06  # depths that matching gets wrong alike in all views, as of a plain ball
SMALL = {"voxel_size": 0.06, "max_faces": 2000, "field_max_side": 48, "fusion_max_side": 64, "fusion_views": 24}


def settings(**changes: object) -> MeshSettings:
    return default_settings(MeshSettings, "mesh", **{**SMALL, **changes})


@pytest.fixture
def ball(worlds):
    return worlds.World(worlds.cast_sphere)


@pytest.fixture
def filmed(ball, worlds, capture) -> Reconstruction:
    return capture(ball, worlds.sphere_poses(12), size_hw=(60, 80), write_photos=True)


def matched(ball, reconstruction: Reconstruction) -> list[MatchedView]:
    """All of the ball, too far, and nothing round it."""
    found = []
    for view in reconstruction.training_views:
        camera = small_pinhole(view.camera, max_side=80)
        seen = ball.render(camera, view.world_from_camera)
        kind = np.where(seen.depth > 0, Kind.MATCHED, Kind.SKY).astype(np.uint8)
        sure = np.full(seen.depth.shape, 0.9, np.float32)
        found.append(
            MatchedView(view.name, camera, view.world_from_camera, TOO_FAR * seen.depth, seen.normal, sure, kind)
        )
    return found


def cut_out(ball, reconstruction: Reconstruction) -> None:
    """Make transparent what is round the ball."""
    for view in reconstruction.views:
        picture = np.array(Image.open(view.image).convert("RGBA"))
        picture[..., 3] = np.where(ball.render(view.camera, view.world_from_camera).depth > 0, 255, 0)
        Image.fromarray(picture).save(view.image)


def of_field(maps: list[DepthMap]) -> list[DepthMap]:
    return [view for view in maps if np.isin(view.evidence, (Evidence.SEEN, Evidence.CUT_OUT)).any()]


def test_matched_depths_come_first_where_nothing_is_cut_out(ball, filmed: Reconstruction) -> None:
    depths = trusted_depths(filmed, matched(ball, filmed), [], ball.render, settings())
    assert not of_field(depths.maps) and len(depths.maps) == len(filmed.training_views) and not depths.is_object


def test_of_an_object_that_is_cut_out_the_field_alone_is_fused(ball, filmed: Reconstruction) -> None:
    cut_out(ball, filmed)
    depths = trusted_depths(filmed, matched(ball, filmed), [], ball.render, settings())
    assert depths.is_object and len(of_field(depths.maps)) == len(depths.maps)
    assert all((view.weight == 1).all() for view in depths.maps)
    surface = build_surface(depths, distance=typical_distance(filmed), settings=settings())
    radii = np.linalg.norm(surface.mesh.vertices, axis=1)
    assert np.median(radii) == pytest.approx(1, abs=0.03)
    known = surface.faces.evidence == Evidence.CUT_OUT
    assert known.mean() > 0.6 and (surface.faces.evidence[~known] == Evidence.INVENTED).all()
    verdict = judge_surface(surface, filmed, distance=typical_distance(filmed))
    assert "outlines and colours" in verdict.words and verdict.confirmed_fraction > 0.6


def test_of_an_object_every_pixel_speaks_what_few_views_see_too(ball, filmed: Reconstruction) -> None:
    """Depths that too few others confirm are kept; of a place they go."""
    cut_out(ball, filmed)
    depths = trusted_depths(filmed, [], [], ball.render, settings(min_agreeing=8))
    assert depths.is_object
    for view in depths.maps:
        seen = ball.render(view.viewpoint.camera, view.viewpoint.world_from_camera)
        assert (view.is_free == (seen.opacity < 0.5)).all()
        assert (view.depth > 0).sum() > 0.9 * (seen.depth > 0).sum()
    for view in filmed.views:
        Image.open(view.image).convert("RGB").save(view.image)
    with pytest.raises(UserError, match="depths that agree"):
        trusted_depths(filmed, [], [], ball.render, settings(min_agreeing=8))


def test_an_object_is_fused_finely_and_not_laid_onto_planes() -> None:
    given = settings(max_faces=None)
    place, thing = given.detail(of_object=False), given.detail(of_object=True)
    assert thing.voxel_footprints < place.voxel_footprints and thing.max_faces > place.max_faces
    assert settings(max_faces=500, voxel_footprints=3).detail(of_object=True).max_faces == 500


def test_an_object_whose_views_do_not_agree_is_said_to_be_ragged(ball, filmed: Reconstruction, capsys) -> None:
    cut_out(ball, filmed)
    ball.depth_noise = 0.3
    assert trusted_depths(filmed, [], [], ball.render, settings()).is_object
    said = capsys.readouterr()
    assert "ragged" in said.out + said.err


def test_a_field_of_fog_alone_shows_no_surface(ball, filmed: Reconstruction) -> None:
    ball.depth_noise = 0.5
    with pytest.raises(UserError, match="depths that agree"):
        trusted_depths(filmed, [], [], ball.render, settings())


def test_an_object_keeps_its_size_though_free_rays_eat_its_outline(ball, filmed: Reconstruction) -> None:
    """A ball of a few voxels: without growth the rays that pass it make it smaller."""
    cut_out(ball, filmed)
    depths = trusted_depths(filmed, [], [], ball.render, settings(voxel_size=0.15))
    radii = [
        np.median(
            np.linalg.norm(build_surface(some, distance=3.0, settings=settings(voxel_size=0.15)).mesh.vertices, axis=1)
        )
        for some in (depths, replace(depths, is_object=False))
    ]
    assert radii[1] < radii[0] < 1.05
