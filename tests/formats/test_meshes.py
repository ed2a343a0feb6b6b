"""Mesh files: round trips, axes, what other readers see, and junk."""

import json
from dataclasses import replace

import numpy as np
import pytest
import trimesh

from recon.formats.meshes import (
    read_npz,
    read_obj,
    read_ply,
    write_glb,
    write_npz,
    write_obj,
    write_ply,
    y_up_from_z_up,
)
from recon.formats.ply import RGB
from recon.geometry import TriangleMesh
from recon.workspace.errors import UserError


@pytest.fixture
def colored() -> TriangleMesh:
    """A tetrahedron with its tip up (z) and four colours."""
    vertices = np.array([[0, 0, 0], [2, 0, 0], [0, 3, 0], [0.5, 0.5, 4.0]])
    faces = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]], np.int32)
    return TriangleMesh(vertices, faces, colors=np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 8, 7]], np.uint8))


@pytest.fixture
def textured() -> TriangleMesh:
    """Two triangles of a wall, split along the diagonal: six vertices on four positions."""
    vertices = np.array([[0, 0, 0], [3, 0, 0], [3, 0, 2], [0, 0, 0], [3, 0, 2], [0, 0, 2.0]])
    uvs = np.array([[0, 0], [0.9, 0], [0.9, 0.6], [0.05, 0.3], [0.8, 1], [0.05, 1]], np.float32)
    texture = np.random.default_rng(0).integers(0, 255, (24, 40, 3), dtype=np.uint8)
    return TriangleMesh(vertices, np.array([[0, 1, 2], [3, 4, 5]], np.int32), uvs=uvs, texture=texture)


def test_ply_round_trip(tmp_path, colored):
    write_ply(tmp_path / "a.ply", colored)
    back = read_ply(tmp_path / "a.ply")
    np.testing.assert_array_equal(back.vertices, colored.vertices)
    np.testing.assert_array_equal(back.faces, colored.faces)
    np.testing.assert_array_equal(back.colors, colored.colors)
    assert [p.name for p in tmp_path.iterdir()] == ["a.ply"]


def test_ply_is_what_trimesh_reads_and_writes(tmp_path, colored):
    write_ply(tmp_path / "a.ply", colored)
    other = trimesh.load(tmp_path / "a.ply", process=False)
    np.testing.assert_allclose(other.vertices, colored.vertices)
    np.testing.assert_array_equal(other.visual.vertex_colors[:, :3], colored.colors)
    other.export(tmp_path / "b.ply")
    np.testing.assert_array_equal(read_ply(tmp_path / "b.ply").colors, colored.colors)


@pytest.mark.parametrize("encoding", ["ascii", "binary_big_endian"])
def test_a_mesh_as_text_or_big_endian_is_the_same(tmp_path, colored, encoding):
    order = {"ascii": None, "binary_big_endian": ">"}[encoding]
    head = f"ply\nformat {encoding} 1.0\nelement vertex {len(colored.vertices)}\n"
    head += "".join(f"property double {axis}\n" for axis in "xyz") + "".join(f"property uchar {c}\n" for c in RGB)
    head += f"element face {len(colored.faces)}\nproperty list uchar int vertex_index\nend_header\n"
    vertices = [(*map(float, v), *map(int, c)) for v, c in zip(colored.vertices, colored.colors, strict=True)]
    faces = [(3, *map(int, face)) for face in colored.faces]
    if order is None:
        body = "".join(" ".join(map(repr, row)) + "\n" for row in (*vertices, *faces)).encode()
    else:
        body = np.array(vertices, ",".join([f"{order}f8"] * 3 + ["u1"] * 3)).tobytes()
        body += np.array(faces, f"u1,{order}i4,{order}i4,{order}i4").tobytes()
    (tmp_path / "a.ply").write_bytes(head.encode() + body)
    back = read_ply(tmp_path / "a.ply")
    np.testing.assert_array_equal(back.vertices, colored.vertices)
    np.testing.assert_array_equal(back.faces, colored.faces)
    np.testing.assert_array_equal(back.colors, colored.colors)
    (tmp_path / "a.ply").write_bytes(head.encode() + body[:-3])
    with pytest.raises(UserError, match="PLY of triangles"):
        read_ply(tmp_path / "a.ply")


@pytest.mark.parametrize("kind", ["colored", "textured"])
def test_npz_keeps_every_bit(tmp_path, kind, request):
    given = request.getfixturevalue(kind)
    given = replace(given, vertices=given.vertices + np.pi * 1e5)
    write_npz(tmp_path / "a.npz", given)
    back = read_npz(tmp_path / "a.npz")
    for name in ("vertices", "faces", "colors", "uvs", "texture"):
        ours, theirs = getattr(given, name), getattr(back, name)
        assert (ours is None) == (theirs is None)
        assert ours is None or (ours.dtype == theirs.dtype and ours.tobytes() == theirs.tobytes()), name


def test_a_damaged_npz_is_a_user_error(tmp_path, textured):
    path = tmp_path / "a.npz"
    with pytest.raises(UserError, match="is missing"):
        read_npz(path)
    write_npz(path, textured)
    data = path.read_bytes()
    for place in range(0, len(data), 97):
        damaged = bytearray(data)
        damaged[place] ^= 0x21
        path.write_bytes(damaged)
        try:
            read_npz(path)  # a byte that says nothing
        except UserError as error:
            assert "a.npz" in str(error) and "\n" not in str(error)
    for keep in (0, 30, len(data) // 2, len(data) - 5):
        path.write_bytes(data[:keep])
        with pytest.raises(UserError, match="damaged"):
            read_npz(path)
    np.savez(path, vertices=np.zeros((3, 3)), faces=np.array([[0, 1, 7]]))
    with pytest.raises(UserError, match="damaged"):
        read_npz(path)


def test_an_edited_obj_becomes_what_export_reads(tmp_path, textured):
    """As docs/pipeline.md says to do it."""
    write_obj(tmp_path / "edited.obj", textured)
    write_npz(tmp_path / "mesh.npz", read_obj(tmp_path / "edited.obj"))
    back = read_npz(tmp_path / "mesh.npz")
    np.testing.assert_allclose(back.vertices[back.faces], textured.vertices[textured.faces], atol=1e-6)
    np.testing.assert_array_equal(back.texture, textured.texture)


def test_obj_round_trip_keeps_axes_texture_and_closed_seams(tmp_path, textured):
    write_obj(tmp_path / "wall.obj", textured)
    text = (tmp_path / "wall.obj").read_text()
    assert "mtllib wall.mtl" in text
    assert text.count("\nv ") == 4  # seam vertices share their position
    assert "map_Kd wall.png" in (tmp_path / "wall.mtl").read_text()
    back = read_obj(tmp_path / "wall.obj")
    np.testing.assert_array_equal(back.texture, textured.texture)
    for mesh_array in ("vertices", "uvs"):
        corner = [getattr(mesh, mesh_array)[mesh.faces] for mesh in (back, textured)]
        np.testing.assert_allclose(*corner, atol=1e-6)


def test_the_shape_of_an_obj_wants_no_picture(tmp_path, textured):
    write_obj(tmp_path / "wall.obj", textured)
    (tmp_path / "wall.png").write_bytes(b"not read")
    shape = read_obj(tmp_path / "wall.obj", is_shape_only=True)
    assert shape.texture is None and shape.uvs is None
    np.testing.assert_allclose(shape.vertices[shape.faces], textured.vertices[textured.faces], atol=1e-6)


def test_obj_is_what_trimesh_reads(tmp_path, textured):
    write_obj(tmp_path / "wall.obj", textured)
    other = trimesh.load(tmp_path / "wall.obj", process=False)
    assert len(other.faces) == 2
    np.testing.assert_allclose(other.extents, [3, 0, 2])  # z stays up
    np.testing.assert_array_equal(np.asarray(other.visual.material.image.convert("RGB")), textured.texture)


def test_obj_without_texture_has_vertex_colors(tmp_path, colored):
    write_obj(tmp_path / "a.obj", colored)
    other = trimesh.load(tmp_path / "a.obj", process=False)
    np.testing.assert_array_equal(other.visual.vertex_colors[:, :3], colored.colors)
    np.testing.assert_allclose(read_obj(tmp_path / "a.obj").vertices, colored.vertices)


def test_glb_is_y_up_with_the_same_handedness(tmp_path, colored):
    write_glb(tmp_path / "a.glb", colored)
    other = trimesh.load(tmp_path / "a.glb", process=False).to_geometry()
    np.testing.assert_allclose(other.vertices[3], [0.5, 4.0, -0.5])
    assert other.volume == pytest.approx(4.0)  # a mirror would turn it negative
    np.testing.assert_allclose(y_up_from_z_up(np.eye(3)), [[1, 0, 0], [0, 0, -1], [0, 1, 0]])


def test_glb_carries_texture_and_valid_geometry(tmp_path, textured):
    write_glb(tmp_path / "wall.glb", textured)
    data = (tmp_path / "wall.glb").read_bytes()
    assert data[:4] == b"glTF"
    assert int.from_bytes(data[8:12], "little") == len(data)
    document = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
    assert document["extensionsUsed"] == ["KHR_materials_unlit"]
    assert all(view["byteOffset"] % 4 == 0 for view in document["bufferViews"])
    other = trimesh.load(tmp_path / "wall.glb", process=False).to_geometry()
    np.testing.assert_allclose(other.visual.uv, textured.uvs, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(other.vertex_normals, axis=1), 1, atol=1e-5)
    picture = np.asarray(other.visual.material.baseColorTexture.convert("RGB"))
    assert picture.shape == textured.texture.shape


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"ply\nformat ascii 1.0\nelement vertex 1\nend_header\n",
        b"ply\nformat binary_little_endian 1.0\nelement vertex 4000000000\nproperty float x\nproperty float y\n"
        b"property float z\nelement face 0\nproperty list uchar int vertex_indices\nend_header\n",
        b"ply\nformat binary_little_endian 1.0\nelement vertex -1\nproperty float x\nend_header\n",
        b"ply\nformat binary_little_endian 1.0\nelement vertex x\nproperty floaty x\nend_header\n",
        b"ply\nproperty float x\nend_header\n",
        b"\x00" * 500,
    ],
)
def test_junk_ply_is_a_user_error(tmp_path, content):
    (tmp_path / "junk.ply").write_bytes(content)
    with pytest.raises(UserError, match=r"junk\.ply"):
        read_ply(tmp_path / "junk.ply")


def test_ply_with_bad_indices_or_nan_is_a_user_error(tmp_path, colored):
    write_ply(tmp_path / "a.ply", colored)
    data = (tmp_path / "a.ply").read_bytes()
    (tmp_path / "index.ply").write_bytes(data[:-4] + np.int32(77).tobytes())
    start = data.index(b"end_header\n") + 11
    (tmp_path / "nan.ply").write_bytes(data[:start] + np.float32(np.nan).tobytes() + data[start + 4 :])
    for name in ("index.ply", "nan.ply"):
        with pytest.raises(UserError, match=name):
            read_ply(tmp_path / name)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "v 1 2 x\n",
        "v 0 0 0\nf 1 2 3\n",
        "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 0\nf 1 2 3 4\n",
        "mtllib ../../secret.mtl\nv 0 0 0\nf 1 1 1\n",
        "mtllib absent.mtl\nv 0 0 0\nf 1 1 1\n",
        "v nan 0 0\nf 1 1 1\n",
    ],
)
def test_junk_obj_is_a_user_error(tmp_path, content):
    (tmp_path / "junk.obj").write_text(content)
    with pytest.raises(UserError, match=r"junk\.obj"):
        read_obj(tmp_path / "junk.obj")


def test_missing_files_are_user_errors(tmp_path):
    with pytest.raises(UserError, match="gone"):
        read_ply(tmp_path / "gone.ply")
    with pytest.raises(UserError, match="gone"):
        read_obj(tmp_path / "gone.obj")
