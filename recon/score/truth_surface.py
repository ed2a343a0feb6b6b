"""Score a mesh against an exact one, both in metres and in one frame.

    accuracy       distance from a point of our surface to the exact surface
    completeness   distance from a point of the exact surface, where a camera saw it, to our surface
    precision      share of our surface with accuracy under a threshold
    recall         share of the seen exact surface with completeness under a threshold
    f_score        2 precision recall / (precision + recall)      (Knapitsch et al. 2017, Tanks and Temples)
    normal_consistency  mean |cosine| between the normals of nearest points, both ways     (Mescheder et al. 2019)
    floor_rms      height of our surface over the exact floor where the cameras walked, root of the mean square

Distances are exact, point to triangle. Points are spread evenly over area: by area on our mesh, one per voxel on what the
cameras see.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from recon.geometry import TriangleMesh
from recon.geometry.face_graph import pieces_by_vertices
from recon.geometry.mesh import chosen
from recon.geometry.surface import Surface, sample_surface
from recon.geometry.transforms import Array
from recon.score.truth_floor import floor_scores
from recon.workspace.errors import UserError

THRESHOLDS_M = (0.02, 0.05, 0.10, 0.20)
MARGIN_M = 0.25  # our surface farther than this outside the exact mesh's box is sky or a neighbour's house: not scored
WRONG_M = 0.10  # surface farther than this from every exact one is wrong whatever the threshold


def score_surface(
    ours: TriangleMesh,
    exact: TriangleMesh,
    seen: Array,  # [n, 3] points of the exact surface that some camera sees
    *,
    centers: Array,  # [k, 3] where the cameras were
    max_distance_m: float,
    n_samples: int,
    seed: int,
) -> dict[str, Any]:
    """Every score of the surface `ours` against the `exact` one, from `n_samples` random points; both in the truth's metres.

    Judged are the faces inside the truth's box and within `max_distance_m` of a camera, as is what should be there; what lies
    outside counts in `outside_fraction`, and in the largest wrong patch where it is near. A mesh with nothing inside scores 0.

    seed: of the random points.
    """
    if len(seen) == 0:
        raise UserError("truth: the cameras see nothing of the exact mesh. Does truth.json belong to this mesh?")
    area = float(ours.face_areas.sum())
    near = _within(ours, centers, max_distance_m)
    ours = _inside(near, exact)
    outside = 1 - float(ours.face_areas.sum()) / area if area else 1.0
    scores = {"outside_fraction": outside, "seen_points": len(seen)}
    points, faces = sample_surface(ours, n_samples, seed=seed)
    if not len(points):
        return {f"f_score_{_cm(t)}": 0.0 for t in THRESHOLDS_M} | scores
    asked = Surface(exact)
    there, back, seen_there = asked.nearest(points), Surface(ours).nearest(seen), asked.nearest(seen)
    for threshold in THRESHOLDS_M:
        scores |= _f_score(there.distance, back.distance, threshold)
    normals = np.abs((ours.face_normals[faces] * exact.face_normals[there.faces]).sum(1))
    normals_back = np.abs((ours.face_normals[back.faces] * exact.face_normals[seen_there.faces]).sum(1))
    return scores | {
        "accuracy_m": float(there.distance.mean()),
        "accuracy_median_m": float(np.median(there.distance)),
        "completeness_m": float(back.distance.mean()),
        "completeness_median_m": float(np.median(back.distance)),
        "normal_consistency": float(normals.mean() + normals_back.mean()) / 2,
        "largest_wrong_patch_m2": largest_wrong_patch(near, asked),
        **floor_scores(ours, asked, seen, centers),
    }


def _within(ours: TriangleMesh, centers: Array, max_distance_m: float) -> TriangleMesh:
    """The faces whose middles lie within `max_distance_m` of a camera."""
    middles = ours.vertices[ours.faces].mean(1)
    is_near = cKDTree(centers).query(middles)[0] <= max_distance_m if len(middles) else np.zeros(0, bool)
    return chosen(ours, is_near)


def _inside(ours: TriangleMesh, exact: TriangleMesh) -> TriangleMesh:
    """The faces whose middles lie inside the exact mesh's box, with some room."""
    middles = ours.vertices[ours.faces].mean(1)
    low, high = exact.vertices.min(0) - MARGIN_M, exact.vertices.max(0) + MARGIN_M
    return chosen(ours, ((middles >= low) & (middles <= high)).all(-1))


def _f_score(accuracy: NDArray, completeness: NDArray, threshold_m: float) -> dict[str, float]:
    precision, recall = float((accuracy < threshold_m).mean()), float((completeness < threshold_m).mean())
    f_score = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    name = _cm(threshold_m)
    return {f"f_score_{name}": f_score, f"precision_{name}": precision, f"recall_{name}": recall}


def _cm(threshold_m: float) -> str:
    return f"{100 * threshold_m:.0f}cm"


def largest_wrong_patch(ours: TriangleMesh, exact: Surface) -> float:
    """Area, in square metres, of the largest connected patch of our faces whose middles lie beyond `WRONG_M`."""
    middles = ours.vertices[ours.faces].mean(1)
    wrong = np.flatnonzero(exact.nearest(middles).distance > WRONG_M)
    if not len(wrong):
        return 0.0
    return float(np.bincount(pieces_by_vertices(ours.faces[wrong]), ours.face_areas[wrong]).max())
