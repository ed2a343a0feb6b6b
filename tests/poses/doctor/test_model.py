"""Reading COLMAP's database and model, against a synthetic data set whose every number is known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pycolmap
import pytest

from recon.formats.frame_set import FrameImage, FrameSet
from recon.geometry import Camera, View
from recon.poses.doctor.coverage import is_near, measure_coverage, one_sided
from recon.poses.doctor.matching import no_matching, read_matching
from recon.poses.doctor.model import Model, read_model
from recon.poses.doctor.own_focal import own_focal_change
from recon.poses.sfm.colmap_model import largest_model, reconstruction_of
from tests.poses import room, synthetic
from tests.poses.doctor.findings import walk_model

N_FRAMES, N_POINTS, N_EXTRA = 7, 60, 11
SIZE_HW = (480, 640)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pycolmap.Reconstruction, FrameSet]:
    """A database, its true model, and frames in an order that is not the database's."""
    pycolmap.set_random_seed(3)
    options = pycolmap.SyntheticDatasetOptions()
    options.num_rigs, options.num_frames_per_rig, options.num_points3D = 1, N_FRAMES, N_POINTS
    options.num_points2D_without_point3D = N_EXTRA
    options.camera_height, options.camera_width = SIZE_HW
    options.camera_params = [600.0, 320.0, 240.0, 0.02]
    folder = tmp_path_factory.mktemp("synthetic")
    with pycolmap.Database.open(folder / "database.db") as database:
        model = pycolmap.synthesize_dataset(options, database)
    images = sorted((image.name for image in model.images.values()), reverse=True)
    frames = tuple(FrameImage(name, name, None, None, SIZE_HW) for name in images)
    return folder / "database.db", model, FrameSet("photos", frames, is_camera_shared=True)


def model_of(made: tuple, reconstruction: pycolmap.Reconstruction | None = None) -> Model:
    database, model, frames = made
    return read_model(reconstruction_of(reconstruction or model, frames, database.parent), frames)


def test_matches_and_features_are_counted_by_place(made: tuple) -> None:
    database, model, frames = made
    matching = read_matching(database, frames)
    images = {image.name: image for image in model.images.values()}
    np.testing.assert_array_equal(matching.features, [images[name].num_points2D() for name in frames.images])
    assert len(matching.pairs) == N_FRAMES * (N_FRAMES - 1) // 2 and (matching.pairs[:, 0] < matching.pairs[:, 1]).all()
    seen = [{p.point3D_id for p in images[name].get_observation_points2D()} for name in frames.images]
    for (i, j), inliers in zip(matching.pairs, matching.inliers, strict=True):
        assert inliers == len(seen[i] & seen[j])
    np.testing.assert_array_equal(matching.weights(), matching.weights().T)


def test_matched_pixels_of_neighbours_show_the_same_points(made: tuple) -> None:
    database, model, frames = made
    matching = read_matching(database, frames)
    images = {image.name: image for image in model.images.values()}
    for i, (earlier, later) in enumerate(matching.neighbours):
        a, b = (images[frames.images[k]] for k in (i, i + 1))
        ids = {tuple(p.xy): p.point3D_id for p in a.get_observation_points2D()}
        for pixel, other in zip(earlier[:5], later[:5], strict=True):
            nearest = min(ids, key=lambda xy: np.hypot(*(np.array(xy) - pixel)))
            assert np.allclose(b.project_point(model.points3D[ids[nearest]].xyz), other, atol=0.01)


def test_a_database_that_is_not_there_is_nothing_found(made: tuple, tmp_path: Path) -> None:
    _, _, frames = made
    matching = read_matching(tmp_path / "none.db", frames)
    assert matching.features.tolist() == no_matching(N_FRAMES).features.tolist() == [0] * N_FRAMES
    assert matching.weights().sum() == 0 and len(matching.neighbours) == N_FRAMES - 1


def test_a_true_model_fits_exactly(made: tuple) -> None:
    _, reconstruction, frames = made
    model = model_of(made)
    images = {image.name: image for image in reconstruction.images.values()}
    assert model.is_registered.all() and np.nanmax(model.error_px) < 1e-6
    np.testing.assert_array_equal(model.n_points, [images[name].num_points3D for name in frames.images])
    np.testing.assert_array_equal(model.n_views, [p.track.length() for _, p in sorted(reconstruction.points3D.items())])
    for i, name in enumerate(frames.images):
        np.testing.assert_allclose(model.centers[i], images[name].projection_center())
    assert ((model.occupancy > 0) & (model.occupancy <= 1)).all()


@pytest.mark.parametrize("ratio", [0.9, 1.0, 1.04])
def test_the_focal_length_of_a_frame_is_found_though_its_pose_makes_up_for_it(ratio: float) -> None:
    given = synthetic.scene(room.walk(3)[1:2], points=3000, noise_px=0.3)
    h, w = synthetic.SIZE_HW
    camera = Camera("PINHOLE", (h, w), synthetic.FOCAL_PX / ratio, synthetic.FOCAL_PX / ratio, w / 2, h / 2)
    pose = given.poses[0].copy()
    pose[:3, 3] += 2.0 * (1 - 1 / ratio) * pose[:3, 2]  # nearer or farther, as a model would put it
    view = View("a", Path("a.png"), camera, pose)
    positions = given.points[given.seen[0]]
    found = own_focal_change(view, positions, given.pixels[0])
    assert np.exp(found) == pytest.approx(ratio, rel=0.004)
    assert np.isnan(own_focal_change(view, positions[:20], given.pixels[0][:20]))


def test_a_shift_of_all_pixels_is_the_error(made: tuple) -> None:
    _, reconstruction, _frames = made
    shifted = pycolmap.Reconstruction(reconstruction)
    camera = next(iter(shifted.cameras.values()))
    camera.params = [600.0, 323.0, 244.0, 0.02]
    np.testing.assert_allclose(model_of(made, shifted).error_px, 5.0, rtol=1e-6)


def test_widest_angles_are_those_of_the_two_outermost_rays(made: tuple) -> None:
    model = model_of(made)
    sees = model.sees.toarray() > 0
    for p in range(0, N_POINTS, 7):
        rays = model.centers[sees[:, p]] - model.positions[p]
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        expected = max(np.degrees(np.arccos(np.clip(a @ b, -1, 1))) for a in rays for b in rays)
        assert model.angles_deg[p] == pytest.approx(expected, abs=1e-5)


def test_shared_points_are_sets_that_overlap(made: tuple) -> None:
    model = model_of(made)
    sees = model.sees.toarray() > 0
    assert model.shared_points()[1, 4] == (sees[1] & sees[4]).sum() and model.shared_points()[2, 2] == 0


def test_nothing_mapped_is_a_model_of_no_frame(made: tuple, tmp_path: Path) -> None:
    assert largest_model(tmp_path, made[2], made[0].parent) is None
    model = read_model(None, made[2])
    assert not model.is_registered.any() and model.shared_points().shape == (N_FRAMES, N_FRAMES)
    assert measure_coverage(model) is None


def test_the_largest_model_below_a_folder_is_taken(made: tuple, tmp_path: Path) -> None:
    _, reconstruction, _ = made
    smaller = pycolmap.Reconstruction(reconstruction)
    smaller.deregister_frame(next(iter(smaller.frames)))
    for model, name in ((smaller, "rung/0"), (reconstruction, "rung/1/deep")):
        (tmp_path / name).mkdir(parents=True)
        model.write(tmp_path / name)
    found = largest_model(tmp_path, made[2], made[0].parent)
    assert found is not None and len(found.views) == N_FRAMES
    for frame_id in list(smaller.frames)[1 : N_FRAMES - 2]:
        smaller.deregister_frame(frame_id)
    (tmp_path / "alone").mkdir()
    smaller.write(tmp_path / "alone")
    assert smaller.num_reg_images() == 2 and largest_model(tmp_path / "alone", made[2], made[0].parent) is None, (
        "two frames are no model"
    )


# ---- coverage ------------------------------------------------------------------------------------------------------


def test_every_near_point_is_in_the_map_or_beyond_its_edge() -> None:
    model = walk_model(20)
    coverage = measure_coverage(model)
    assert coverage is not None and is_near(model).all()
    assert 0.9 * len(model.positions) <= coverage.points.sum() <= len(model.positions)
    rows, columns = coverage.points.shape
    assert columns == 36 and rows < columns  # a walk along x
    assert np.nanmax(coverage.angles_deg) == np.nanmin(coverage.angles_deg) == 15.0


def test_the_skyline_is_not_complained_about() -> None:
    model = walk_model(20)
    positions, angles = model.positions.copy(), model.angles_deg.copy()
    far = np.arange(0, len(positions), 4)
    positions[far, 1], angles[far] = 500.0, 0.5
    model = replace(model, positions=positions, angles_deg=angles)
    coverage = measure_coverage(model)
    assert coverage is not None and one_sided(coverage) == ()
    assert coverage.low[1] + coverage.cell * coverage.points.shape[0] < 10


def test_the_side_that_was_seen_from_one_direction_is_found() -> None:
    model = walk_model(20)
    left = model.positions[:, 0] < np.percentile(model.positions[:, 0], 36)
    coverage = measure_coverage(replace(model, angles_deg=np.where(left, 1.8, 20.0)))
    assert coverage is not None
    assert [(side.name, side.axis, side.is_above) for side in one_sided(coverage)] == [("left", 0, False)]
