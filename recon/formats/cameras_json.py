"""Our own posed-capture file: `poses/cameras.json` with `poses/points.ply` beside it.

Image paths are stored relative to the run folder where the image lies inside it, else absolute. Conventions:
docs/conventions.md.
"""

from pathlib import Path
from typing import Any

import numpy as np

from recon.errors import UserError
from recon.geometry.cameras import Camera
from recon.geometry.reconstruction import Points, Reconstruction, Scale, View
from recon.geometry.transforms import Similarity

FORMAT, VERSION = "recon-cameras", 1


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
        "cameras": [{**vars(camera), "size_hw": list(camera.size_hw)} for camera in cameras],
        "views": [
            {
                "name": view.name,
                "image": _relative(view.image, root),
                "mask": view.mask and _relative(view.mask, root),
                "camera": cameras.index(view.camera),
                "time_s": view.time_s,
                "split": view.split,
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
                camera=cameras[view["camera"]],
                world_from_camera=np.array(view["world_from_camera"], dtype=np.float64),
                time_s=view["time_s"],
                mask=root / view["mask"] if view["mask"] else None,
                split=view["split"],
            )
            for view in value["views"]
        )
        return Reconstruction(
            views=views,
            points=points,
            scale=Scale(**value["scale"]) if value["scale"] else None,
            is_up_aligned=bool(value["is_up_aligned"]),
            world_from_capture=Similarity.from_matrix(np.array(value["world_from_capture"])),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise UserError(f"{source}: not a valid cameras file ({error!r}). Run the poses stage again.") from error


def _relative(path: Path, root: Path) -> str:
    path, root = path.resolve(), root.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
