"""`mesh/mesh.npz`: a textured mesh to the last bit, as the export stage reads it. OBJ rounds its numbers, PLY and GLB to float32.

vertices  [v, 3] float64   world units     uvs      [v, 2] float32   origin at the bottom left; with a texture
faces     [f, 3] int32                     texture  the bytes of a PNG; absent without a texture
                                           colors   [v, 3] uint8     of vertices; absent without
"""

import io
import zipfile
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np

from recon.geometry.mesh import TriangleMesh
from recon.workspace import replace_file
from recon.workspace.errors import UserError
from recon.workspace.reading import MAX_MESH_BYTES, is_file, read_bytes

_MADE_BY = "python scripts/mesh.py workspace=..."
_DAMAGE = (ValueError, KeyError, EOFError, OSError, AssertionError, MemoryError, SyntaxError, zipfile.BadZipFile)


def write_npz(path: Path, mesh: TriangleMesh) -> None:
    """Write a mesh, atomically; `read_npz` gives it back to the last bit."""
    arrays: dict[str, Any] = {"vertices": mesh.vertices.astype(np.float64), "faces": mesh.faces.astype(np.int32)}
    if mesh.uvs is not None and mesh.texture is not None:
        png = iio.imwrite("<bytes>", mesh.texture, plugin="pillow", extension=".png", compress_level=4)
        arrays |= {"uvs": mesh.uvs.astype(np.float32), "texture": np.frombuffer(png, np.uint8)}
    if mesh.colors is not None:
        arrays["colors"] = mesh.colors
    with replace_file(path) as temporary:
        np.savez(temporary, **arrays)


def read_npz(path: Path) -> TriangleMesh:
    """The mesh that `write_npz` wrote; `UserError` where it is missing or damaged."""
    if not is_file(path):
        raise UserError(f"{path} is missing. Make it with: {_MADE_BY}")
    try:
        with np.load(io.BytesIO(read_bytes(path, at_most=MAX_MESH_BYTES))) as arrays:
            vertices, faces = arrays["vertices"].astype(np.float64), arrays["faces"].astype(np.int32)
            if not len(faces) or not np.isfinite(vertices).all():
                raise ValueError("no faces, or positions that are not finite")
            colors = arrays["colors"].astype(np.uint8) if "colors" in arrays else None
            if "texture" not in arrays:
                return TriangleMesh(vertices, faces, colors)
            texture = iio.imread(arrays["texture"].tobytes(), plugin="pillow", extension=".png").astype(np.uint8)
            assert texture.ndim == 3 and texture.shape[2] == 3, "a texture that is no picture"
            return TriangleMesh(vertices, faces, colors, arrays["uvs"].astype(np.float32), texture)
    except _DAMAGE as error:
        found = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is damaged ({found}). Delete its folder and run: {_MADE_BY}") from error
