"""Our own posed-capture file: `poses/cameras.json` with `poses/points.ply` and `poses/tracks.npz` beside it.

Image paths are stored relative to the run folder where the image lies inside it, else absolute. Conventions:
docs/conventions.md.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from recon.formats.points_ply import read_points, write_points
from recon.formats.tracks_npz import read_tracks, write_tracks
from recon.geometry.cameras import Camera
from recon.geometry.geodesy import Geo
from recon.geometry.points import Points
from recon.geometry.reconstruction import Reading, Reconstruction, Scale, View
from recon.geometry.tracks import Tracks
from recon.geometry.transforms import Similarity
from recon.workspace import Workspace, read_json, write_json
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file

FORMAT, VERSION = "recon-cameras", 1
_MADE_BY = "python scripts/poses.py workspace=..."


def write(path: Path, reconstruction: Reconstruction, *, root: Path) -> None:
    """Write `path` (cameras.json), tracks.npz and, where there are points, points.ply beside it; paths relative to `root`."""
    if reconstruction.points is not None:
        write_points(path.with_name("points.ply"), reconstruction.points)
    write_tracks(path.with_name("tracks.npz"), reconstruction.tracks)
    write_json(path, encode(reconstruction, root=root))


def read(path: Path, *, root: Path) -> Reconstruction:
    """The inverse of `write`. Raises `UserError` when the file is missing or is not ours."""
    reconstruction = decode(read_json(path, made_by=_MADE_BY), root=root, points=None, source=path)
    points_ply, tracks_npz = path.with_name("points.ply"), path.with_name("tracks.npz")
    points = read_points(points_ply) if is_file(points_ply) else None
    tracks = read_tracks(tracks_npz, n_views=len(reconstruction.views)) if is_file(tracks_npz) else Tracks()
    return replace(reconstruction, points=points, tracks=tracks)


def read_reconstruction(workspace: Workspace, *, needs_tracks: bool = False) -> Reconstruction:
    """The posed capture of a run folder, as the poses stage left it; every later stage starts here.

    needs_tracks: `UserError` where the poses are of a version of recon that kept no tracks.npz.
    """
    if not is_file(workspace.cameras_json):
        raise UserError(
            f"{workspace.root}: no poses yet ({workspace.cameras_json.name} is missing). Make them with "
            f"`python scripts/poses.py workspace={workspace.root}`, after capture.source=... or with dataset=..."
        )
    if needs_tracks and not is_file(workspace.tracks_npz):
        raise UserError(
            f"{workspace.root}: its poses have no {workspace.tracks_npz.name}, they were made by an older recon. Make them anew "
            f"with the same settings: `python scripts/poses.py workspace={workspace.root}` (what is in sfm/ is used again)."
        )
    return read(workspace.cameras_json, root=workspace.root)


def encode(reconstruction: Reconstruction, *, root: Path) -> dict[str, Any]:
    """The JSON value of a reconstruction (without its points); paths relative to `root` where they lie inside."""
    cameras = list(dict.fromkeys(view.camera for view in reconstruction.views))
    scale = reconstruction.scale
    return {
        "format": FORMAT,
        "version": VERSION,
        "conventions": "world_from_camera, OpenCV axes (x right, y down, z forward); centre of the top-left pixel at "
        "(0.5, 0.5); world right-handed, +z up when is_up_aligned; metres when scale is known",
        "is_up_aligned": reconstruction.is_up_aligned,
        "scale": scale and vars(scale),
        "world_from_capture": reconstruction.world_from_capture.matrix.tolist(),
        "geo": reconstruction.geo and encode_geo(reconstruction.geo),
        "cameras": [{**vars(camera), "size_hw": list(camera.size_hw)} for camera in cameras],
        "views": [
            {
                "name": view.name,
                "image": _relative(view.image, root),
                "mask": view.mask and _relative(view.mask, root),
                "camera": cameras.index(view.camera),
                "time_s": view.time_s,
                "split": view.split,
                "reading": None if view.reading == Reading() else vars(view.reading),
                "world_from_camera": view.world_from_camera.tolist(),
            }
            for view in reconstruction.views
        ],
    }


def decode(value: Any, *, root: Path, points: Points | None, source: Path) -> Reconstruction:
    """The inverse of `encode`; `source` names the file in errors."""
    try:
        if value["format"] != FORMAT or value["version"] != VERSION:
            raise UserError(
                f"{source}: expected format {FORMAT} version {VERSION}, found {value['format']} "
                f"version {value['version']}. Run the poses stage again."
            )
        cameras = [
            Camera(**{**camera, "size_hw": tuple(camera["size_hw"]), "distortion": tuple(camera["distortion"])})
            for camera in value["cameras"]
        ]
        views = tuple(
            View(
                name=view["name"],
                image=root / view["image"],
                camera=cameras[_place(view["camera"], cameras)],
                world_from_camera=np.array(view["world_from_camera"], dtype=np.float64),
                time_s=view["time_s"],
                mask=root / view["mask"] if view["mask"] else None,
                split=view["split"],
                reading=_reading(view.get("reading")),
            )
            for view in value["views"]
        )
        return Reconstruction(
            views=views,
            points=points,
            scale=Scale(**value["scale"]) if value["scale"] else None,
            is_up_aligned=bool(value["is_up_aligned"]),
            world_from_capture=Similarity.from_matrix(np.array(value["world_from_capture"])),
            geo=_decode_geo(value["geo"]) if value.get("geo") else None,
        )
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise UserError(f"{source}: not a valid cameras file ({error!r}). Run the poses stage again.") from error


def _place(number: Any, among: Sequence[Any]) -> int:
    """A place in a list, from 0; `ValueError` for a number that is none, as -1 is in other languages than Python."""
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(among):
        raise ValueError(f"expected one of the {len(among)} cameras, from 0, found {number!r}")
    return number


def _reading(value: dict[str, Any] | None) -> Reading:
    if value is None:
        return Reading()
    levels = value["levels"]
    return Reading(value["orientation"], None if levels is None else (float(levels[0]), float(levels[1])))


def encode_geo(geo: Geo) -> dict[str, Any]:
    """The JSON value of a place on the Earth: WGS84 anchor, and the 4x4 that leads to metres east, north, up of it."""
    return {**vars(geo), "enu_from_world": geo.enu_from_world.matrix.tolist()}


def _decode_geo(value: dict[str, Any]) -> Geo:
    return Geo(**{**value, "enu_from_world": Similarity.from_matrix(np.array(value["enu_from_world"], np.float64))})


def _relative(path: Path, root: Path) -> str:
    path, root = path.resolve(), root.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
