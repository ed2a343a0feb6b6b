"""Laws of rigid and similarity transforms and of quaternions."""

import numpy as np
import pytest

from recon.geometry import (
    Similarity,
    align_points,
    invert_rigid,
    look_at,
    opencv_from_opengl,
    opengl_from_opencv,
    rigid,
    rotation_between,
    rotation_from_wxyz,
    wxyz_from_rotation,
)
from recon.geometry.transforms import Array, cross, plane_axes


def rotations(n: int, seed: int = 0) -> Array:
    return rotation_from_wxyz(np.random.default_rng(seed).normal(size=(n, 4)))


def similarity(seed: int) -> Similarity:
    rng = np.random.default_rng(seed)
    return Similarity(float(np.exp(rng.normal())), rotations(1, seed)[0], rng.normal(size=3))


def turn(axis: Array, angle: float) -> Array:
    """Rodrigues' formula, written on its own."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


# ---- quaternions ---------------------------------------------------------------------------------------------------


def test_rotations_of_quaternions_are_rotations() -> None:
    m = rotations(50).reshape(5, 10, 3, 3)
    assert np.swapaxes(m, -1, -2) @ m == pytest.approx(np.broadcast_to(np.eye(3), m.shape), abs=1e-12)
    assert np.linalg.det(m) == pytest.approx(np.ones((5, 10)))


def test_quaternions_are_wxyz_about_their_axis() -> None:
    axis, angle = np.array([1.0, -2.0, 0.5]), 0.7
    half = axis / np.linalg.norm(axis) * np.sin(angle / 2)
    assert rotation_from_wxyz(np.array([np.cos(angle / 2), *half])) == pytest.approx(turn(axis, angle))


def test_length_and_sign_of_a_quaternion_do_not_matter() -> None:
    q = np.random.default_rng(1).normal(size=(7, 4))
    assert rotation_from_wxyz(-3.5 * q) == pytest.approx(rotation_from_wxyz(q))


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-3, 2.0, np.pi - 1e-7, np.pi])
def test_quaternion_round_trip_at_every_angle(angle: float) -> None:
    for axis in np.vstack([np.eye(3), np.random.default_rng(2).normal(size=(5, 3))]):
        q = wxyz_from_rotation(turn(axis, angle))
        assert np.linalg.norm(q) == pytest.approx(1) and q[0] >= 0
        assert rotation_from_wxyz(q) == pytest.approx(turn(axis, angle), abs=1e-12)


# ---- rigid ---------------------------------------------------------------------------------------------------------


def test_inverse_cancels() -> None:
    rng = np.random.default_rng(3)
    b_from_a = np.stack([rigid(r, t) for r, t in zip(rotations(6), rng.normal(size=(6, 3)), strict=True)])
    b_from_a = b_from_a.reshape(2, 3, 4, 4)
    a_from_b = invert_rigid(b_from_a)
    identity = np.broadcast_to(np.eye(4), b_from_a.shape)
    assert a_from_b @ b_from_a == pytest.approx(identity, abs=1e-12)
    assert b_from_a @ a_from_b == pytest.approx(identity, abs=1e-12)
    assert a_from_b == pytest.approx(np.linalg.inv(b_from_a))


def test_opengl_flips_y_and_z_of_the_camera_and_nothing_of_the_world() -> None:
    world_from_camera = rigid(rotations(1, 4)[0], np.array([1.0, 2.0, 3.0]))
    flipped = opencv_from_opengl(world_from_camera)
    assert flipped[:3, 0] == pytest.approx(world_from_camera[:3, 0])
    assert flipped[:3, 1:3] == pytest.approx(-world_from_camera[:3, 1:3])
    assert flipped[:, 3] == pytest.approx(world_from_camera[:, 3])
    assert np.linalg.det(flipped[:3, :3]) == pytest.approx(1)
    assert opengl_from_opencv(flipped) == pytest.approx(world_from_camera)


@pytest.mark.parametrize("seed", range(5))
def test_rotation_between_turns_a_onto_b_by_the_smallest_angle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=3), 3 * rng.normal(size=3)
    m = rotation_between(a, b)
    assert m.T @ m == pytest.approx(np.eye(3), abs=1e-12) and np.linalg.det(m) == pytest.approx(1)
    assert m @ a / np.linalg.norm(a) == pytest.approx(b / np.linalg.norm(b))
    axis = np.cross(a, b)
    assert m @ axis == pytest.approx(axis)  # nothing turns about the directions themselves


def test_rotation_between_same_and_opposite_directions() -> None:
    a = np.array([0.2, -0.5, 0.9])
    assert rotation_between(a, 2 * a) == pytest.approx(np.eye(3), abs=1e-12)
    for direction in (a, np.array([0.0, 0.0, 1.0])):
        m = rotation_between(direction, -direction)
        assert m @ direction == pytest.approx(-direction)
        assert np.linalg.det(m) == pytest.approx(1) and m.T @ m == pytest.approx(np.eye(3), abs=1e-12)


def test_look_at_puts_the_target_ahead_and_up_upwards() -> None:
    eye, target, up = np.array([2.0, -1.0, 1.5]), np.array([0.3, 0.4, 0.2]), np.array([0.0, 0.0, 1.0])
    camera_from_world = invert_rigid(look_at(eye, target, up))
    assert camera_from_world @ [*target, 1] == pytest.approx([0, 0, np.linalg.norm(target - eye), 1], abs=1e-12)
    assert camera_from_world @ [*eye, 1] == pytest.approx([0, 0, 0, 1], abs=1e-12)
    x, y, _ = camera_from_world[:3, :3] @ up
    assert x == pytest.approx(0, abs=1e-12) and y < 0  # y points down in the image


def test_look_at_straight_down_is_still_a_pose() -> None:
    m = look_at(np.array([1.0, 2.0, 5.0]), np.array([1.0, 2.0, 0.0]), np.array([0.0, 0.0, 1.0]))[:3, :3]
    assert m.T @ m == pytest.approx(np.eye(3), abs=1e-12) and np.linalg.det(m) == pytest.approx(1)
    assert m[:, 2] == pytest.approx([0, 0, -1])


# ---- similarities --------------------------------------------------------------------------------------------------


def test_similarities_are_a_group() -> None:
    b_from_a, c_from_b, d_from_c = similarity(0), similarity(1), similarity(2)
    points = np.random.default_rng(5).normal(size=(4, 5, 3))
    assert (c_from_b @ b_from_a).points(points) == pytest.approx(c_from_b.points(b_from_a.points(points)))
    assert (b_from_a.inverse() @ b_from_a).matrix == pytest.approx(np.eye(4), abs=1e-12)
    assert (b_from_a @ b_from_a.inverse()).matrix == pytest.approx(np.eye(4), abs=1e-12)
    left, right = d_from_c @ (c_from_b @ b_from_a), (d_from_c @ c_from_b) @ b_from_a
    assert left.matrix == pytest.approx(right.matrix)
    assert (b_from_a @ Similarity.identity()).matrix == pytest.approx(b_from_a.matrix)


def test_matrix_of_a_similarity_and_back() -> None:
    b_from_a, c_from_b = similarity(3), similarity(4)
    assert Similarity.from_matrix(b_from_a.matrix).matrix == pytest.approx(b_from_a.matrix)
    assert Similarity.from_matrix(b_from_a.matrix).scale == pytest.approx(b_from_a.scale)
    assert (c_from_b @ b_from_a).matrix == pytest.approx(c_from_b.matrix @ b_from_a.matrix)


def test_a_similarity_moves_cameras_with_what_they_see() -> None:
    """A point's place in the camera is scaled and nothing else, so its pixel stays."""
    b_from_a = similarity(6)
    a_from_camera = rigid(rotations(1, 7)[0], np.array([0.3, -1.0, 2.0]))
    points = np.random.default_rng(8).normal(size=(9, 3))
    b_from_camera = b_from_a.poses(a_from_camera)
    assert b_from_camera[:3, :3].T @ b_from_camera[:3, :3] == pytest.approx(np.eye(3), abs=1e-12)

    def in_camera(pose: Array, positions: Array) -> Array:
        return (positions - pose[:3, 3]) @ pose[:3, :3]

    moved = in_camera(b_from_camera, b_from_a.points(points))
    assert moved == pytest.approx(b_from_a.scale * in_camera(a_from_camera, points))


# ---- alignment -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 4, 30])
def test_alignment_recovers_the_similarity(n: int) -> None:
    b_from_a, a = similarity(9), np.random.default_rng(n).normal(size=(n, 3))
    assert align_points(a, b_from_a.points(a)).matrix == pytest.approx(b_from_a.matrix, abs=1e-9)


def test_alignment_never_mirrors() -> None:
    a = np.random.default_rng(10).normal(size=(12, 3))
    found = align_points(a, a * [1, 1, -1])
    assert np.linalg.det(found.rotation) == pytest.approx(1) and found.scale > 0


def test_alignment_is_the_least_squared_error() -> None:
    """No small change of the similarity brings noisy points closer."""
    rng, b_from_a = np.random.default_rng(11), similarity(12)
    a = rng.normal(size=(20, 3))
    b = b_from_a.points(a) + 0.1 * rng.normal(size=(20, 3))
    best = align_points(a, b)

    def error(candidate: Similarity) -> float:
        return float(((candidate.points(a) - b) ** 2).sum())

    for _ in range(50):
        scale = best.scale * float(np.exp(0.01 * rng.normal()))
        rotation = turn(rng.normal(size=3), 0.01) @ best.rotation
        translation = best.translation + 0.01 * rng.normal(size=3)
        assert error(Similarity(scale, best.rotation, best.translation)) >= error(best)
        assert error(Similarity(best.scale, best.rotation, translation)) >= error(best)
        assert error(Similarity(best.scale, rotation, b.mean(0) - best.scale * rotation @ a.mean(0))) >= error(best)


def test_the_axes_of_a_plane_are_a_right_handed_frame_with_its_normal() -> None:
    for normal in (*np.eye(3), *-np.eye(3), *rotations(20, seed=5)[:, 2]):
        u, v = plane_axes(normal)
        np.testing.assert_allclose(np.stack([u, v, normal]) @ np.stack([u, v, normal]).T, np.eye(3), atol=1e-12)
        np.testing.assert_allclose(np.cross(u, v), normal, atol=1e-12)


def test_cross_products_are_those_of_numpy_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(7, 5, 3)), rng.normal(size=(5, 3))
    assert (cross(a, b) == np.cross(a, b)).all() and (cross(b[0], a) == np.cross(b[0], a)).all()
    assert cross(a[:0], b).shape == (0, 5, 3)
