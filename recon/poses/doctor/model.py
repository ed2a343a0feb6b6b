"""What the reconstruction and its tracks say of each frame and each point."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse
import torch
from numpy.typing import NDArray

from recon.formats.frame_set import FrameSet
from recon.geometry import Reconstruction, View, invert_rigid
from recon.geometry.transforms import apply_rigid
from recon.poses.doctor.matching import Floats, Ints
from recon.poses.doctor.own_focal import own_focal_change

GRID = 8  # the picture is cut into GRID x GRID cells; the share of cells with a point is the picture covered


@dataclass(frozen=True)
class Model:
    """n frames by their place in the order of capture, p points. What a frame without a pose lacks is NaN or 0."""

    is_registered: NDArray[np.bool_]  # [n]
    world_from_camera: Floats  # [n, 4, 4] OpenCV axes
    error_px: Floats  # [n] median reprojection error of the points it sees
    occupancy: Floats  # [n] share of the picture that has points
    focal_change: Floats  # [n] logarithm of the focal length its own points ask for, over its camera's
    positions: Floats  # [p, 3] world
    sees: scipy.sparse.csr_matrix  # [n, p] whether a frame sees a point: 0 or 1
    angles_deg: Floats  # [p] widest angle between two rays to the point

    @property
    def n_points(self) -> Ints:
        """Points that each frame sees [n]."""
        return np.asarray(self.sees.sum(1)).ravel().astype(np.int64)

    @property
    def n_views(self) -> Ints:
        """Frames that see each point [p]."""
        return np.asarray(self.sees.sum(0)).ravel().astype(np.int64)

    @property
    def focal_spread(self) -> float:
        """How far frames' own focal lengths are from the one they share, as a fraction: the mean, without the farthest tenth."""
        known = np.sort(np.abs(self.focal_change[np.isfinite(self.focal_change)]))
        kept = known[: len(known) - len(known) // 10]
        return float(kept.mean()) if len(kept) else 0.0

    @property
    def centers(self) -> Floats:
        """Camera centres [n, 3]."""
        return self.world_from_camera[:, :3, 3]

    def shared_points(self) -> Ints:
        """Points that two frames both see [n, n], symmetric, zero with itself."""
        shared = (self.sees @ self.sees.T).toarray().astype(np.int64)
        np.fill_diagonal(shared, 0)
        return shared


def read_model(reconstruction: Reconstruction | None, frames: FrameSet) -> Model:
    """What a reconstruction of the frames says, as arrays; None (nothing was mapped) is a model of no frame."""
    n = len(frames.frames)
    poses, occupancy = np.full((n, 4, 4), np.nan), np.zeros(n)
    error, focal_change = np.full(n, np.nan), np.full(n, np.nan)
    if reconstruction is None or not len(reconstruction.tracks.points):
        none = scipy.sparse.csr_matrix((n, 0), dtype=np.int32)
        return Model(np.zeros(n, bool), poses, error, occupancy, focal_change, np.zeros((0, 3)), none, np.zeros(0))
    place = {frame.name: i for i, frame in enumerate(frames.frames)}
    tracks, positions = reconstruction.tracks, reconstruction.tracks.points.positions
    rows, columns = [], []
    for k, view in enumerate(reconstruction.views):
        i, mine = place[view.name], tracks.views == k
        poses[i] = view.world_from_camera
        if mine.any():
            off = _projected(view, positions[tracks.indices[mine]]) - tracks.pixels[mine]
            error[i] = np.nanmedian(np.linalg.norm(off, axis=1))
            occupancy[i] = _occupancy(tracks.pixels[mine], frames.frames[i].size_hw)
            focal_change[i] = own_focal_change(view, positions[tracks.indices[mine]], tracks.pixels[mine])
        seen = tracks.seen_by(k)
        rows.append(np.full(len(seen), i))
        columns.append(seen)
    row, column = np.concatenate(rows), np.concatenate(columns)
    sees = scipy.sparse.csr_matrix((np.ones(len(row), np.int32), (row, column)), shape=(n, len(positions)))
    centers = poses[:, :3, 3]
    is_posed, angles = np.isfinite(centers).all(1), _widest(sees, positions, centers)
    return Model(is_posed, poses, error, occupancy, focal_change, positions, sees, angles)


def _projected(view: View, positions: Floats) -> Floats:
    """Pixels [k, 2] of world positions [k, 3]; NaN behind the camera."""
    local = apply_rigid(invert_rigid(view.world_from_camera), positions)
    return view.camera.project(torch.from_numpy(local)).numpy()


def _occupancy(pixels: Floats, size_hw: tuple[int, int]) -> float:
    """Share of the GRID x GRID cells that hold one of the pixels [k, 2] (x, y)."""
    h, w = size_hw
    cells = np.clip((pixels / [w, h] * GRID).astype(int), 0, GRID - 1)
    return len(np.unique(cells @ [1, GRID])) / GRID**2


def _widest(sees: scipy.sparse.csr_matrix, positions: Floats, centers: Floats) -> Floats:
    """The widest angle between two rays to each point [p], degrees; points with equally many views at a time."""
    views = sees.tocsc()
    counts = np.diff(views.indptr)
    angles = np.zeros(len(positions))
    for count in np.unique(counts[counts > 1]):
        chosen = np.flatnonzero(counts == count)
        seen_by = views.indices[views.indptr[chosen][:, None] + np.arange(count)]  # [k, count]
        rays = centers[seen_by] - positions[chosen][:, None]
        rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
        cosines = np.einsum("kax,kbx->kab", rays, rays).min((1, 2))
        angles[chosen] = np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))
    return angles
