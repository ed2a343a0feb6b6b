"""Fusing depth maps: a plane is exact from any angle, free rays carve, hidden voxels keep quiet; native equals reference."""

import numpy as np
import pytest

from recon.geometry import invert_rigid, look_at
from recon.kernels import native
from recon.kernels.tsdf import TsdfView, TsdfVolume, integrate, integrate_reference

SIZE, INTRINSICS = (33, 64), (50.0, 52.0, 31.0, 17.5)


def floor_view(eye: tuple[float, float, float], **changes: object) -> TsdfView:
    """A view of the plane z = 0.03, from above."""
    pose = look_at(np.array(eye), np.zeros(3), np.array([0.0, 0.0, 1.0]))
    fx, fy, cx, cy = INTRINSICS
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    rays = np.stack([(x - cx) / fx, (y - cy) / fy, np.ones(SIZE)], -1) @ pose[:3, :3].T
    depth = np.where(rays[..., 2] < -0.05, (0.03 - eye[2]) / np.minimum(rays[..., 2], -0.05), 0)
    values = {
        "intrinsics": INTRINSICS,
        "camera_from_world": invert_rigid(pose),
        "depth": depth.astype(np.float32),
        "weight": np.ones(SIZE, np.float32),
        "normal": np.broadcast_to(pose[2, :3], (*SIZE, 3)).astype(np.float32),
        "is_free": depth == 0,
        "far": 20.0,
    }
    return TsdfView(**{**values, **changes})  # type: ignore[arg-type]


def volume(reach: int = 2) -> TsdfVolume:
    steps = np.arange(-reach, reach)
    blocks = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
    return TsdfVolume.empty(blocks.astype(np.int32), voxel=0.02, truncation=0.08)


def heights(of: TsdfVolume) -> np.ndarray:
    """z of every voxel, as `of.distance` is laid out."""
    z = (of.blocks[:, 2, None] * 8 + np.arange(8)) * of.voxel
    return np.broadcast_to(z[:, :, None, None], of.distance.shape)


@pytest.mark.parametrize("eye", [(0.1, -0.2, 2.0), (2.5, 0.3, 0.5)])
def test_a_plane_is_exact_from_above_and_from_aside(eye: tuple[float, float, float]) -> None:
    fused = volume()
    integrate(fused, floor_view(eye))
    near = (fused.weight > 0) & (np.abs(heights(fused) - 0.03) < 0.07)
    assert near.sum() > 1000
    assert fused.distance[near] * fused.truncation == pytest.approx(heights(fused)[near] - 0.03, abs=1e-5)
    assert (heights(fused)[fused.weight > 0] > 0.03 - 0.081).all()  # what is hidden is not spoken of


def test_free_rays_outweigh_a_lone_surface() -> None:
    fused = volume(1)
    everything_free = {"depth": np.zeros(SIZE, np.float32), "is_free": np.ones(SIZE, bool)}
    integrate(fused, floor_view((0, 0, 2)))
    before = fused.distance.copy()
    integrate(fused, floor_view((0, 0, 2), **everything_free, weight=np.full(SIZE, 3, np.float32)))
    behind = (before < -0.3) & (fused.weight > 1)
    assert behind.any() and (fused.distance[behind] > 0).all()


def test_pixels_that_know_nothing_say_nothing() -> None:
    fused = volume(1)
    blind = {"depth": np.zeros(SIZE, np.float32), "is_free": np.zeros(SIZE, bool)}
    integrate(fused, floor_view((0, 0, 2), **blind))
    assert not fused.weight.any()


@pytest.mark.skipif(native.why_missing() is not None, reason="native kernels are not built")
def test_native_equals_reference() -> None:
    rng = np.random.default_rng(0)
    fused, expected = volume(3), volume(3)
    for eye in [(0.3, -0.2, 1.0), (1.5, 0.3, 0.4), (0.0, 2.0, 0.3)]:
        clean = floor_view(eye)
        depth = clean.depth * (1 + 0.03 * rng.normal(size=SIZE)) * (rng.random(SIZE) > 0.1)
        view = floor_view(
            eye,
            depth=depth.astype(np.float32),
            normal=rng.normal(size=(*SIZE, 3)).astype(np.float32),
            weight=rng.random(SIZE).astype(np.float32),
            is_free=rng.random(SIZE) > 0.5,
        )
        integrate(fused, view)
        integrate_reference(expected, view)
    # a voxel on the border between two pixels may be read from either: rounding differs
    same = (np.abs(fused.weight - expected.weight) < 1e-4) & (np.abs(fused.distance - expected.distance) < 1e-3)
    assert same.mean() > 0.999 and (fused.weight > 0).mean() > 0.2
