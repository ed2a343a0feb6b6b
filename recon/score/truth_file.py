"""truth.json: exact poses and mesh of a capture, read and checked."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recon.formats.meshes import read_ply
from recon.geometry import Camera, TriangleMesh
from recon.geometry.transforms import Array
from recon.workspace import read_json
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file


@dataclass(frozen=True)
class Truth:
    """Exact poses of a video's frames, in metres, and the mesh of the place."""

    camera: Camera
    times_s: NDArray[np.float64]  # [n], increasing
    indices: NDArray[np.int64]  # [n] frame of the video
    world_from_camera: Array  # [n, 4, 4]
    mesh: TriangleMesh | None


def read_truth(path: Path) -> Truth:
    """Read a truth.json and the mesh it names; `UserError` for anything that is not whole."""
    if not is_file(path):
        raise UserError(f"{path}: there is no such truth file. Name a truth.json with truth=..., or leave it null.")
    value = read_json(path, made_by="python scripts/make_sample.py")
    try:
        poses = np.array([frame["world_from_camera"] for frame in value["frames"]], dtype=np.float64)
        times_s = np.array([frame["time_s"] for frame in value["frames"]], dtype=np.float64)
        indices = np.array([frame["index"] for frame in value["frames"]], dtype=np.int64)
        h, w = (int(side) for side in value["size_hw"])
        fx, fy, cx, cy = (float(value["intrinsics"][name]) for name in ("fx", "fy", "cx", "cy"))
        camera = Camera("PINHOLE", (h, w), fx, fy, cx, cy)
        mesh_name = value.get("mesh")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UserError(
            f"{path}: not a truth file ({error!r}). Expected the layout of data/sample/truth.json."
        ) from error
    _check_poses(path, poses, times_s)
    return Truth(camera, times_s, indices, poses, _read_mesh(path, mesh_name))


def _check_poses(path: Path, poses: Array, times_s: NDArray[np.float64]) -> None:
    if poses.ndim != 3 or poses.shape[1:] != (4, 4) or not np.isfinite(poses).all():
        raise UserError(f"{path}: every frame needs a finite 4x4 world_from_camera, found shape {poses.shape}.")
    rotations = poses[:, :3, :3]
    if np.abs(np.swapaxes(rotations, 1, 2) @ rotations - np.eye(3)).max() > 1e-3 or np.linalg.det(rotations).min() < 0:
        raise UserError(
            f"{path}: a world_from_camera is not a rigid pose. Expected rotation and translation in metres."
        )
    if not np.isfinite(times_s).all() or (np.diff(times_s) <= 0).any():
        raise UserError(f"{path}: time_s must increase from frame to frame.")


def _read_mesh(path: Path, name: object) -> TriangleMesh | None:
    """The mesh beside the truth file; a name that leaves its folder is refused."""
    if name is None:
        return None
    mesh_path = path.parent / str(name)
    is_there = isinstance(name, str) and is_file(mesh_path)  # asked first: not every text can be the name of a file
    if not is_there or not mesh_path.resolve().is_relative_to(path.parent.resolve()):
        raise UserError(f"{path}: mesh {name!r} must be a file in the folder of the truth file.")
    return read_ply(mesh_path)
