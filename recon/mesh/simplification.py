"""Fewer faces, same shape: quadric edge collapse (Garland and Heckbert 1997) to a face budget."""

import numpy as np

from recon.geometry import TriangleMesh
from recon.geometry.surface import Surface
from recon.mesh.cleaning import drop_bad_faces

_N_JUDGED = 20_000  # vertices of the full mesh


def simplify(mesh: TriangleMesh, *, max_faces: int) -> TriangleMesh:
    """At most about `max_faces` faces, clean (`drop_bad_faces`). A mesh within the budget is only cleaned."""
    import fast_simplification

    if len(mesh.faces) <= max_faces:
        return drop_bad_faces(mesh)
    middle = mesh.vertices.mean(0)  # float32 below: keep the numbers small
    vertices, faces = (mesh.vertices - middle).astype(np.float32), mesh.faces.astype(np.int32)
    for aggressiveness in (5.0, 7.0, 9.0):  # ragged borders resist: collapse them more boldly until the budget is met
        vertices, faces = fast_simplification.simplify(vertices, faces, target_count=max_faces, agg=aggressiveness)
        if len(faces) <= 1.05 * max_faces:
            break
    return drop_bad_faces(TriangleMesh(vertices.astype(np.float64) + middle, faces.astype(np.int32)))


def simplification_error(full: TriangleMesh, simple: TriangleMesh, *, quantile: float = 0.95, seed: int = 0) -> float:
    """The distance, in world units, that a share `quantile` of the full mesh's vertices keeps from the simple one."""
    chosen = np.random.default_rng(seed).choice(len(full.vertices), min(_N_JUDGED, len(full.vertices)), replace=False)
    return float(np.quantile(Surface(simple).distance(full.vertices[chosen]), quantile))
