"""`poses/tracks.npz`: which view saw which point where, as matching and training read it.

positions [p, 3] float64  world units          views   [m] int32      place of the view in cameras.json
colors    [p, 3] uint8                         indices [m] int64      place of the point
                                               pixels  [m, 2] float64 x, y
"""

from pathlib import Path

import numpy as np

from recon.formats.npz_arrays import arrays_of
from recon.geometry.points import Points
from recon.geometry.tracks import Tracks
from recon.workspace import replace_file

_MADE_BY = "python scripts/poses.py workspace=..."
_KINDS = {"positions": np.float64, "colors": np.uint8, "views": np.int32, "indices": np.int64, "pixels": np.float64}


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
    with arrays_of(path, _KINDS, made_by=_MADE_BY) as arrays:
        points = Points(arrays["positions"], arrays["colors"])
        tracks = Tracks(points, arrays["views"], arrays["indices"], arrays["pixels"])
        if len(tracks) and int(tracks.views.max()) >= n_views:
            raise ValueError(f"it names view {tracks.views.max()} of {n_views}")
        return tracks
