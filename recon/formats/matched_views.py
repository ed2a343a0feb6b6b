"""The result of the matching stage: `matching/NAME.npz` for each training picture.

    intrinsics         [4] float64      fx fy cx cy, pixels of this size, half-pixel convention, no distortion
    world_from_camera  [4, 4] float64   OpenCV axes
    depth              [h, w] float32   along camera z, world units; 0 = unknown or sky
    normal             [h, w, 3] int8   127 times the unit normal in the world
    confidence         [h, w] uint8     255 = certain
    kind               [h, w] uint8     0 unknown, 1 matched, 2 plane, 3 sky

`np.load` opens them anywhere.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recon.formats.npz_arrays import arrays_of
from recon.geometry import Camera, MatchedView, View
from recon.workspace import Workspace, replace_file
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file

_MADE_BY = "python scripts/match.py workspace=..."
_KINDS = {
    "intrinsics": np.float64,
    "world_from_camera": np.float64,
    "depth": np.float32,
    "normal": np.int8,
    "confidence": np.uint8,
    "kind": np.uint8,
}


def write_matched_view(folder: Path, view: MatchedView) -> Path:
    """Write `folder`/NAME.npz, atomically; slashes of a name become underscores."""
    path = folder / file_name(view.name)
    camera = view.camera
    with replace_file(path) as temporary:
        np.savez(
            temporary,
            intrinsics=np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
            world_from_camera=view.world_from_camera,
            depth=view.depth.astype(np.float32),
            normal=np.rint(127 * view.normal).astype(np.int8),
            confidence=np.rint(255 * view.confidence).astype(np.uint8),
            kind=view.kind,
        )
    return path


def read_matched_view(folder: Path, name: str) -> MatchedView:
    """The matched view of the picture `name`. Raises `UserError` when its file is missing or damaged."""
    with arrays_of(folder / file_name(name), _KINDS, made_by=_MADE_BY) as arrays:
        h, w = arrays["depth"].shape
        fx, fy, cx, cy = map(float, arrays["intrinsics"])
        return MatchedView(
            name=name,
            camera=Camera("PINHOLE", (h, w), fx, fy, cx, cy),
            world_from_camera=arrays["world_from_camera"],
            depth=arrays["depth"],
            normal=_unit(arrays["normal"]),
            confidence=arrays["confidence"].astype(np.float32) / np.float32(255),
            kind=arrays["kind"],
        )


def read_matched_views(workspace: Workspace, views: Sequence[View]) -> Iterator[MatchedView]:
    """The matched views of those pictures that have one, one at a time; none where the stage did not run.

    `UserError` where they were matched with other poses than those of `views`: their depths would lie elsewhere.
    """
    for view in views:
        if not is_file(workspace.matching / file_name(view.name)):
            continue
        matched = read_matched_view(workspace.matching, view.name)
        if not np.allclose(matched.world_from_camera, view.world_from_camera, rtol=1e-6, atol=1e-6):
            raise UserError(
                f"{workspace.matching}: {view.name} was matched with another pose than it has in {workspace.cameras_json}. "
                f"Match again: {_MADE_BY}"
            )
        yield matched


def file_name(name: str) -> str:
    """The file in `matching/` of the picture `name`."""
    return f"{name.replace('/', '_')}.npz"


def _unit(stored: NDArray[np.int8]) -> NDArray[np.float32]:
    normal = stored.astype(np.float32)
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    return (normal / np.maximum(length, 1)).astype(np.float32)
