"""`mesh/mesh.npz`: a textured mesh to the last bit, as the export stage reads it. OBJ rounds its numbers, PLY and GLB to float32.

vertices  [v, 3] float64   world units     uvs      [v, 2] float32   origin at the bottom left; with a texture
faces     [f, 3] int32                     texture  the bytes of a PNG; absent without a texture
                                           colors   [v, 3] uint8     of vertices; absent without
"""

from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np

from recon.formats.npz_arrays import arrays_of
from recon.geometry.mesh import TriangleMesh
from recon.workspace import replace_file

_MADE_BY = "python scripts/mesh.py workspace=..."
_KINDS = {"vertices": np.float64, "faces": np.int32, "colors": np.uint8, "uvs": np.float32, "texture": np.uint8}


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
    with arrays_of(path, _KINDS, optional=("colors", "uvs", "texture"), made_by=_MADE_BY) as arrays:
        vertices, faces, colors = arrays["vertices"], arrays["faces"], arrays.get("colors")
        if not len(faces):
            raise ValueError("no faces")
        if "texture" not in arrays:
            return TriangleMesh(vertices, faces, colors)
        texture = iio.imread(arrays["texture"].tobytes(), plugin="pillow", extension=".png")
        if texture.dtype != np.uint8 or texture.ndim != 3 or texture.shape[2] != 3:
            raise ValueError("a texture that is no picture of three colours")
        return TriangleMesh(vertices, faces, colors, arrays["uvs"], texture)
