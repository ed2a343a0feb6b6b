"""Bundle adjustment of one model gives one result, to the last digit, whatever threads are there."""

import numpy as np
import pycolmap

from recon.poses.sfm.adjustment import adjust_bundle

N_CAMERAS, N_POINTS = 8, 5000  # 80,000 residuals: COLMAP's own limit for one thread is 50,000


def noisy_model() -> pycolmap.Reconstruction:
    options = pycolmap.SyntheticDatasetOptions()
    options.num_rigs, options.num_cameras_per_rig, options.num_frames_per_rig = 1, 1, N_CAMERAS
    options.num_points3D = N_POINTS
    pycolmap.set_random_seed(0)
    model = pycolmap.synthesize_dataset(options)
    rng = np.random.default_rng(0)
    for place in sorted(model.points3D):
        point = model.points3D[place]
        point.xyz = point.xyz + 0.01 * rng.normal(size=3)
    return model


def test_the_same_model_comes_out_to_the_last_digit() -> None:
    start, found = noisy_model(), []
    for _ in range(3):
        model = pycolmap.Reconstruction(start)
        adjust_bundle(model, threads=4)
        poses = [model.image(i).cam_from_world().matrix() for i in sorted(model.images)]
        points = [model.point3D(i).xyz for i in sorted(model.points3D)]
        found.append((np.stack(poses), np.stack(points)))
    assert start.compute_num_observations() > 30_000
    assert np.abs(found[0][1] - np.stack([start.point3D(i).xyz for i in sorted(start.points3D)])).max() > 1e-3
    for poses, points in found[1:]:
        np.testing.assert_array_equal(poses, found[0][0])
        np.testing.assert_array_equal(points, found[0][1])
