"""Our poses for other programs: `transforms.json` (nerfstudio, instant-ngp) and a COLMAP model, in our world frame."""

import os
from pathlib import Path

from recon.formats import colmap, transforms_json
from recon.geometry.reconstruction import Reconstruction

COLMAP = "colmap"


def write_exchange(folder: Path, reconstruction: Reconstruction, *, root: Path) -> None:
    """Write `folder/transforms.json` and, unless a model with tracks is there already, `folder/colmap/`.

    Paths of pictures in `root` (the run folder) are relative to the file, others absolute. The names in the COLMAP model
    are relative to `picture_folder(reconstruction)`.
    """
    transforms_json.write(folder / "transforms.json", reconstruction, root=root)
    if not (folder / COLMAP).exists():
        colmap.write(folder / COLMAP, reconstruction, images=picture_folder(reconstruction))


def picture_folder(reconstruction: Reconstruction) -> Path:
    """The deepest folder that holds all pictures: COLMAP's image path."""
    return Path(os.path.commonpath([view.image.resolve().parent for view in reconstruction.views]))
