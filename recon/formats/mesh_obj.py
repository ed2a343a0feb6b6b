"""Wavefront OBJ with its MTL and PNG beside it. Axes as in the world (+z up); file names inside are relative."""

from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import numpy as np

from recon.formats.images import read_image, write_image
from recon.geometry.mesh import TriangleMesh
from recon.workspace import replace_file
from recon.workspace.errors import UserError
from recon.workspace.reading import MAX_MESH_BYTES, check_readable, is_file, read_text

_MOST = 1 << 31  # corners: faces are held in 32 bits
_DIGITS = 8  # significant, of a position that lies within its object's own size of the origin


def write_obj(path: Path, mesh: TriangleMesh, *, material_of: str | None = None) -> None:
    """Write `path`, and for a textured mesh the .mtl and .png of the same stem beside it; each file atomically.

    `material_of`: stem of another OBJ in the folder whose .mtl and .png hold this mesh's texture too. Without a texture,
    vertex colours go behind the positions (the common extension of the format).
    """
    if mesh.texture is not None and material_of is None:
        with replace_file(path.with_suffix(".png")) as temporary:
            write_image(temporary, mesh.texture)
        with replace_file(path.with_suffix(".mtl")) as temporary:
            temporary.write_text(
                f"newmtl surface\nKa 0 0 0\nKd 1 1 1\nKs 0 0 0\nd 1\nillum 1\nmap_Kd {path.stem}.png\n"
            )
    with replace_file(path) as temporary, temporary.open("w") as file:
        _write_geometry(file, path.stem, mesh, material_of or path.stem)


def _write_geometry(file: TextIO, name: str, mesh: TriangleMesh, material: str) -> None:
    corners = mesh.faces.astype(np.int64) + 1
    number = f"%.{_digits(mesh.vertices)}g"
    if mesh.texture is None or mesh.uvs is None:
        columns = [mesh.vertices] if mesh.colors is None else [mesh.vertices, mesh.colors / 255.0]
        fmt = [number] * 3 + ["%.4g"] * (3 if len(columns) > 1 else 0)
        np.savetxt(file, np.concatenate(columns, 1), fmt="v " + " ".join(fmt))
        np.savetxt(file, corners, fmt="f %d %d %d")
        return
    # OBJ indexes positions and uvs apart: seam vertices share one position, so the surface stays closed.
    positions, position_of = np.unique(mesh.vertices, axis=0, return_inverse=True)
    file.write(f"mtllib {material}.mtl\no {name}\n")
    np.savetxt(file, positions, fmt=f"v {number} {number} {number}")
    np.savetxt(file, mesh.uvs, fmt="vt %.7f %.7f")
    file.write("usemtl surface\n")
    indices = np.stack([position_of.reshape(-1)[mesh.faces] + 1, corners], -1).reshape(-1, 6)
    np.savetxt(file, indices, fmt="f %d/%d %d/%d %d/%d")


def write_obj_objects(path: Path, meshes: Mapping[str, TriangleMesh]) -> None:
    """Write several untextured meshes as objects of one file, atomically; the keys name them."""
    with replace_file(path) as temporary, temporary.open("w") as file:
        first = 1
        for name, mesh in meshes.items():
            file.write(f"o {name}\n")
            np.savetxt(file, mesh.vertices, fmt="v " + " ".join([f"%.{_digits(mesh.vertices)}g"] * 3))
            np.savetxt(file, mesh.faces.astype(np.int64) + first, fmt="f %d %d %d")
            first += len(mesh.vertices)


def _digits(positions: np.ndarray) -> int:
    """More of them for an object that lies far out, so that UTM coordinates keep their millimetres."""
    size, reach = float(np.ptp(positions, axis=0).max()), float(np.abs(positions).max())
    return _DIGITS + int(np.clip(np.ceil(np.log10(reach / size)), 0, 8)) if size > 0 else _DIGITS + 8


def read_obj(path: Path, *, is_shape_only: bool = False) -> TriangleMesh:
    """Read triangles with one texture, as `write_obj` makes them (normals, groups and objects are ignored).

    is_shape_only: the picture of the texture is left unread.

    Raises `UserError` for junk, for polygons other than triangles, and for file names that leave the folder.
    """
    positions: list[list[float]] = []
    uvs: list[list[float]] = []
    corners: list[tuple[int, int]] = []  # (position, uv or 0), one-based
    texture = None
    check_readable(path, at_most=MAX_MESH_BYTES)
    try:
        with path.open(encoding="utf-8", errors="strict") as file:
            for line in file:
                match line.split():
                    case ["v", x, y, z, *_]:
                        positions.append([float(x), float(y), float(z)])
                    case ["vt", u, v, *_]:
                        uvs.append([float(u), float(v)])
                    case ["f", a, b, c]:
                        corners += [_corner(word) for word in (a, b, c)]
                    case ["f", *words]:
                        raise ValueError(f"a face of {len(words)} corners")
                    case ["mtllib", name] if not is_shape_only:
                        texture = _read_texture(path, name)
    except OSError as error:
        raise UserError(f"{path}: cannot read the mesh ({error.strerror}).") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: expected an OBJ of triangles, found {error}. Export it again so.") from error
    return _assemble(path, np.array(positions, float).reshape(-1, 3), np.array(uvs, float), corners, texture)


def _corner(word: str) -> tuple[int, int]:
    position, _, rest = word.partition("/")
    uv = rest.partition("/")[0]
    numbers = int(position), int(uv) if uv else 0
    if max(map(abs, numbers)) > _MOST:
        raise ValueError(f"a face that names corner {word[:40]}")
    return numbers


def _assemble(
    path: Path, positions: np.ndarray, uvs: np.ndarray, corners: list[tuple[int, int]], texture: np.ndarray | None
) -> TriangleMesh:
    table = np.array(corners, np.int64).reshape(-1, 2)
    if not len(table) or not np.isfinite(positions).all():
        raise UserError(f"{path}: expected an OBJ of triangles, found no faces or positions that are not finite.")
    if not 1 <= table[:, 0].min() <= table[:, 0].max() <= len(positions):
        raise UserError(f"{path}: expected faces that name existing vertices, found others. Export it again.")
    if texture is None or not len(uvs):
        return TriangleMesh(positions, (table[:, 0] - 1).reshape(-1, 3).astype(np.int32))
    if not 1 <= table[:, 1].min() <= table[:, 1].max() <= len(uvs):
        raise UserError(f"{path}: expected every face corner to have a texture coordinate. Export it again.")
    pairs, corner_of = np.unique(table - 1, axis=0, return_inverse=True)
    return TriangleMesh(
        positions[pairs[:, 0]],
        corner_of.reshape(-1, 3).astype(np.int32),
        uvs=uvs[pairs[:, 1]].astype(np.float32),
        texture=texture,
    )


def _read_texture(obj: Path, material_name: str) -> np.ndarray | None:
    """The map_Kd picture [h, w, 3] of the material file, or None where it names none."""
    material = _beside(obj, material_name)
    if not is_file(material):
        raise UserError(f"{obj}: its material {material_name} is not beside it. Put it there, or delete the line.")
    lines = read_text(material).splitlines()
    words = (line.split(maxsplit=1) for line in lines if line.startswith("map_Kd"))
    names = [pair[1].strip() for pair in words if len(pair) == 2 and pair[1].strip()]
    return read_image(_beside(obj, names[0]))[..., :3] if names else None


def _beside(obj: Path, name: str) -> Path:
    if Path(name).name != name:
        raise UserError(f"{obj}: expected file names without folders inside it, found {name!r}.")
    return obj.with_name(name)
