"""`poses/tracks.npz`: which view saw which point where, as matching and training read it.

positions [p, 3] float64  world units          views   [m] int32      place of the view in cameras.json
colors    [p, 3] uint8                         indices [m] int64      place of the point
                                               pixels  [m, 2] float64 x, y
"""

import io
import zipfile
from pathlib import Path

import numpy as np

from recon.geometry.points import Points
from recon.geometry.tracks import Tracks
from recon.workspace import replace_file
from recon.workspace.errors import UserError
from recon.workspace.reading import MAX_MESH_BYTES, read_bytes

_DAMAGE = (ValueError, KeyError, EOFError, OSError, AssertionError, MemoryError, zipfile.BadZipFile)


def write_tracks(path: Path, tracks: Tracks) -> None:
    """Write tracks, atomically; `read_tracks` gives them back to the last bit."""
    points = tracks.points
    with replace_file(path) as temporary:
        np.savez(
            temporary,
            positions=points.positions,
            colors=points.colors,
            views=tracks.views,
            indices=tracks.indices,
            pixels=tracks.pixels,
        )


def read_tracks(path: Path, *, n_views: int) -> Tracks:
    """The tracks that `write_tracks` wrote, of `n_views` views; `UserError` where the file is damaged."""
    try:
        with np.load(io.BytesIO(read_bytes(path, at_most=MAX_MESH_BYTES))) as arrays:
            points = Points(arrays["positions"].astype(np.float64), arrays["colors"].astype(np.uint8))
            views, indices = arrays["views"].astype(np.int32), arrays["indices"].astype(np.int64)
            tracks = Tracks(points, views, indices, arrays["pixels"].astype(np.float64))
        if len(tracks) and int(tracks.views.max()) >= n_views:
            raise ValueError(f"it names view {tracks.views.max()} of {n_views}")
        if not np.isfinite(points.positions).all():
            raise ValueError("positions that are not finite")
        return tracks
    except _DAMAGE as error:
        found = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is damaged ({found}). Delete it and run the poses stage again.") from error
