"""How well the photos see each face: the scores that choose photos for the texture; and how each face is known, in colour."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recon.geometry import FaceEvidence, TriangleMesh
from recon.mesh.atlas import SurfaceSamples, samples_on_faces
from recon.mesh.photos import PhotoWithDepth, project
from recon.mesh.picture import dot

# Of each `Evidence`: invented, filled, seen, plane, matched, sensor, cut out.
_COLORS = np.array(
    [[178, 24, 43], [244, 130, 60], [253, 219, 120], [70, 130, 200], [26, 140, 80], [0, 90, 50], [120, 180, 60]]
)

# Where a face is asked for: its middle, then near its corners (a large face may be hidden in its middle only).
_MIDDLE = (1 / 3, 1 / 3)
_PLACES = (_MIDDLE, (0.1, 0.1), (0.8, 0.1), (0.1, 0.8))


def face_centers(mesh: TriangleMesh) -> SurfaceSamples:
    """One sample in the middle of each face."""
    return _one_per_face(mesh, _MIDDLE)


def face_scores(
    mesh: TriangleMesh, photos: Sequence[PhotoWithDepth], *, min_cosine: float, tolerance: float
) -> NDArray[np.float32]:
    """[photos, f]: mean of `view_scores` over four places of each face; above 0 where a photo sees any of them."""
    scores = np.zeros((len(photos), len(mesh.faces)), np.float32)
    for place in _PLACES:
        samples = _one_per_face(mesh, place)
        scores += view_scores(samples, photos, min_cosine=min_cosine, tolerance=tolerance) / len(_PLACES)
    return scores


def view_scores(
    samples: SurfaceSamples, photos: Sequence[PhotoWithDepth], *, min_cosine: float, tolerance: float
) -> NDArray[np.float32]:
    """[photos, n]: pixels per squared world unit that a photo has of the surface there; 0 where it does not see it."""
    return np.stack([sample_scores(samples, photo, min_cosine=min_cosine, tolerance=tolerance) for photo in photos])


def count_views(
    mesh: TriangleMesh, photos: Sequence[PhotoWithDepth], *, min_cosine: float, tolerance: float
) -> NDArray[np.int64]:
    """How many photos see the middle of each face [f] at an angle of at least `min_cosine`."""
    return (view_scores(face_centers(mesh), photos, min_cosine=min_cosine, tolerance=tolerance) > 0).sum(0)


def sample_scores(
    samples: SurfaceSamples, photo: PhotoWithDepth, *, min_cosine: float, tolerance: float
) -> NDArray[np.float32]:
    """[n] cosine * (focal / depth)^2 where the photo sees the front of the surface at an angle it can use, else 0."""
    towards = photo.center - samples.positions
    cosine = dot(towards, samples.normals) / np.maximum(np.sqrt(dot(towards, towards)), 1e-12)
    facing = np.flatnonzero(cosine >= min_cosine)  # only these need be looked for in the picture
    projection = project(samples.positions[facing], photo, tolerance=tolerance)
    seen, depth = facing[projection.is_visible], projection.depth[projection.is_visible]
    scores = np.zeros(len(samples), np.float32)
    scores[seen] = cosine[seen] * (photo.camera.fx / depth) ** 2
    return scores


def _one_per_face(mesh: TriangleMesh, barycentric: tuple[float, float]) -> SurfaceSamples:
    n = len(mesh.faces)
    return samples_on_faces(mesh, np.arange(n), np.broadcast_to(np.array(barycentric), (n, 2)))


def seen_fraction(mesh: TriangleMesh, n_seeing: NDArray[np.int64], *, min_views: int) -> float:
    """Share of the area whose faces at least `min_views` photos see."""
    areas = mesh.face_areas
    return float(areas[n_seeing >= min_views].sum() / max(areas.sum(), 1e-30))


def evidence_mesh(mesh: TriangleMesh, faces: FaceEvidence) -> TriangleMesh:
    """The mesh coloured by how its faces are known (mean over a vertex's faces): red invented to green matched or measured."""
    total, count = np.zeros((len(mesh.vertices), 3)), np.zeros((len(mesh.vertices), 1))
    of_face = _COLORS[faces.evidence]
    for corner in range(3):
        np.add.at(total, mesh.faces[:, corner], of_face)
        np.add.at(count, mesh.faces[:, corner], 1)
    return TriangleMesh(mesh.vertices, mesh.faces, np.round(total / np.maximum(count, 1)).astype(np.uint8))
