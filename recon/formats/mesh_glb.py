"""Binary glTF 2.0: meshes with one material, texture embedded. glTF is y-up: this exporter turns the mesh.

The material is unlit (KHR_materials_unlit) because a captured texture already holds the light of the place; readers
that do not know the extension fall back to a rough, non-metallic surface.
"""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray

from recon.geometry.mesh import TriangleMesh
from recon.workspace import replace_file

_FLOAT, _UINT, _UBYTE = 5126, 5125, 5121
_VERTICES, _INDICES = 34962, 34963  # buffer view targets
_JPEG_QUALITY = 95


def y_up_from_z_up(vectors: NDArray) -> NDArray:
    """Turn vectors [n, 3] from +z up to +y up: (x, y, z) -> (x, z, -y)."""
    return np.stack([vectors[:, 0], vectors[:, 2], -vectors[:, 1]], -1)


def write_glb(path: Path, mesh: TriangleMesh) -> None:
    """Write a z-up mesh with its texture (JPEG) or its vertex colours as y-up GLB, atomically; its node has the file's name.

    Positions are float32 world units.
    """
    write_glb_nodes(path, {path.stem: mesh})


def write_glb_nodes(path: Path, meshes: Mapping[str, TriangleMesh]) -> None:
    """Write several z-up meshes as nodes of one scene, in the order and with the names of `meshes`; they share one texture."""
    assert meshes and all(len(mesh.faces) for mesh in meshes.values()), "an empty mesh has no GLB"
    body = _Body()
    texture = next(iter(meshes.values())).texture
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "recon"},
        "extensionsUsed": ["KHR_materials_unlit"],
        "scene": 0,
        "scenes": [{"nodes": list(range(len(meshes)))}],
        "nodes": [{"mesh": number, "name": name} for number, name in enumerate(meshes)],
        "meshes": [{"name": name, "primitives": [_primitive(body, mesh)]} for name, mesh in meshes.items()],
        "materials": [_material(textured=texture is not None)],
    }
    if texture is not None:
        picture = io.BytesIO()
        iio.imwrite(picture, texture, plugin="pillow", extension=".jpg", quality=_JPEG_QUALITY, subsampling=0)
        document["images"] = [{"bufferView": body.add_bytes(picture.getvalue()), "mimeType": "image/jpeg"}]
        document["samplers"] = [{"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}]
        document["textures"] = [{"source": 0, "sampler": 0}]
    document |= {"accessors": body.accessors, "bufferViews": body.views, "buffers": [{"byteLength": len(body.data)}]}
    _write_chunks(path, document, bytes(body.data))


def _primitive(body: "_Body", mesh: TriangleMesh) -> dict[str, Any]:
    positions = np.ascontiguousarray(y_up_from_z_up(mesh.vertices), np.float32)
    attributes = {"POSITION": body.add(positions, _VERTICES, bounds=True)}
    attributes["NORMAL"] = body.add(vertex_normals(positions, mesh.faces), _VERTICES)
    if mesh.uvs is not None:
        flipped = np.stack([mesh.uvs[:, 0], 1 - mesh.uvs[:, 1]], -1)  # glTF counts v from the top
        attributes["TEXCOORD_0"] = body.add(flipped.astype(np.float32), _VERTICES)
    elif mesh.colors is not None:
        opaque = np.full((len(mesh.colors), 1), 255, np.uint8)
        attributes["COLOR_0"] = body.add(np.concatenate([mesh.colors, opaque], 1), _VERTICES, normalized=True)
    indices = body.add(mesh.faces.astype(np.uint32).reshape(-1), _INDICES)
    return {"attributes": attributes, "indices": indices, "material": 0, "mode": 4}


class _Body:
    """The binary chunk under construction, with its buffer views and accessors."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def add_bytes(self, content: bytes, target: int | None = None) -> int:
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content)})
        if target is not None:
            self.views[-1]["target"] = target
        self.data += content + b"\0" * (-len(content) % 4)
        return len(self.views) - 1

    def add(self, array: NDArray, target: int, *, bounds: bool = False, normalized: bool = False) -> int:
        kind = {np.dtype(np.float32): _FLOAT, np.dtype(np.uint32): _UINT, np.dtype(np.uint8): _UBYTE}[array.dtype]
        width = "SCALAR" if array.ndim == 1 else f"VEC{array.shape[1]}"
        view = self.add_bytes(np.ascontiguousarray(array).tobytes(), target)
        accessor = {"bufferView": view, "componentType": kind, "count": len(array), "type": width}
        if bounds:
            accessor |= {"min": array.min(0).tolist(), "max": array.max(0).tolist()}
        if normalized:
            accessor["normalized"] = True
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def _material(*, textured: bool) -> dict[str, Any]:
    surface: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 1.0}
    if textured:
        surface["baseColorTexture"] = {"index": 0}
    return {"name": "surface", "pbrMetallicRoughness": surface, "extensions": {"KHR_materials_unlit": {}}}


def vertex_normals(positions: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.float32]:
    """Unit vertex normals [v, 3], area weighted, smooth across texture seams (vertices at the same position)."""
    merged, index = np.unique(positions, axis=0, return_inverse=True)
    corners = merged.astype(np.float64)[index.reshape(-1)[faces]]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros((len(merged), 3))
    for corner in range(3):
        np.add.at(total, index.reshape(-1)[faces[:, corner]], across)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    unit = np.where(length > 1e-30, total / np.maximum(length, 1e-30), [0.0, 1.0, 0.0])
    return unit[index.reshape(-1)].astype(np.float32)


def _write_chunks(path: Path, document: dict[str, Any], body: bytes) -> None:
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    total = 12 + 8 + len(text) + 8 + len(body)
    with replace_file(path) as temporary, temporary.open("wb") as file:
        file.write(b"glTF" + np.array([2, total, len(text)], "<u4").tobytes() + b"JSON" + text)
        file.write(np.array([len(body)], "<u4").tobytes() + b"BIN\0" + body)
