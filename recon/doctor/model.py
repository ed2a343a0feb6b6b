"""What the model says of each frame and each point, read from the COLMAP model with its tracks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycolmap
import scipy.sparse
from numpy.typing import NDArray

from recon.doctor.matching import Floats, Ints
from recon.formats.frame_set import MIN_FRAMES, FrameSet

GRID = 8  # the picture is cut into GRID x GRID cells; the share of cells with a point is the picture covered


@dataclass(frozen=True)
class Model:
    """n frames by their place in the order of capture, p points. What a frame without a pose lacks is NaN or 0."""

    is_registered: NDArray[np.bool_]  # [n]
    world_from_camera: Floats  # [n, 4, 4] OpenCV axes
    error_px: Floats  # [n] median reprojection error of the points it sees
    occupancy: Floats  # [n] share of the picture that has points
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
    def centers(self) -> Floats:
        """[n, 3]"""
        return self.world_from_camera[:, :3, 3]

    def shared_points(self) -> Ints:
        """Points that two frames both see [n, n], symmetric, zero with itself."""
        shared = (self.sees @ self.sees.T).toarray().astype(np.int64)
        np.fill_diagonal(shared, 0)
        return shared


def largest_model(folder: Path) -> pycolmap.Reconstruction | None:
    """The model with the most frames of all that mapping has left anywhere below `folder`; None below MIN_FRAMES."""
    models = [pycolmap.Reconstruction(file.parent) for file in sorted(folder.rglob("images.bin"))]
    largest = max(models, key=lambda model: (model.num_reg_images(), model.num_points3D()), default=None)
    return largest if largest is not None and largest.num_reg_images() >= MIN_FRAMES else None


def read_model(reconstruction: pycolmap.Reconstruction | None, frames: FrameSet) -> Model:
    """The model as arrays; None (nothing was mapped) is a model of no frame."""
    n = len(frames.frames)
    poses, error, occupancy = np.full((n, 4, 4), np.nan), np.full(n, np.nan), np.zeros(n)
    if reconstruction is None or reconstruction.num_points3D() == 0:
        none = scipy.sparse.csr_matrix((n, 0), dtype=np.int32)
        return Model(np.zeros(n, bool), poses, error, occupancy, np.zeros((0, 3)), none, np.zeros(0))
    place = {image: i for i, image in enumerate(frames.images)}
    points = {point_id: p for p, point_id in enumerate(sorted(reconstruction.points3D))}
    positions = np.array([reconstruction.points3D[point_id].xyz for point_id in points])
    rows, columns = [], []
    for image in (reconstruction.image(image_id) for image_id in reconstruction.reg_image_ids()):
        i, camera_from_world = place[image.name], image.cam_from_world()
        poses[i] = np.vstack([camera_from_world.inverse().matrix(), [0, 0, 0, 1]])
        seen = image.get_observation_points2D()
        pixels = np.array([point.xy for point in seen]).reshape(-1, 2)
        ids = np.array([points[point.point3D_id] for point in seen], np.int64)
        assert image.camera is not None
        projected = image.camera.img_from_cam(camera_from_world * positions[ids])
        if len(ids):
            error[i] = np.nanmedian(np.linalg.norm(np.asarray(projected) - pixels, axis=1))
            occupancy[i] = _occupancy(pixels, frames.frames[i].size_hw)
        rows.append(np.full(len(np.unique(ids)), i))
        columns.append(np.unique(ids))
    row, column = np.concatenate(rows), np.concatenate(columns)
    sees = scipy.sparse.csr_matrix((np.ones(len(row), np.int32), (row, column)), shape=(n, len(points)))
    centers = poses[:, :3, 3]
    return Model(
        np.isfinite(centers).all(1), poses, error, occupancy, positions, sees, _widest(sees, positions, centers)
    )


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
