"""A scanned surface as convex parts that agree with it to a tolerance, for engines that collide with convex hulls.

Volumetric decomposers (V-HACD, CoACD) look at solids: of a room they make blobs that lift its floor. A scan is a *surface*
with holes, free space on the side its faces point to. Connected faces are halved until the convex hull of each half, with
its copy behind it (as deep as there is room, or a little), keeps the limits (`hulls`); then neighbouring hulls are joined
again for as long as the hull of both does (`merging`). Halving finds large parts in few steps; joining mends its cuts. A flat
cluster becomes a slab, one that is bent round a body (a barrel, a crate) becomes the body: what matter shuts in is nobody's
free space. Where that leaves too many parts, limits are loosened for the smallest alone: they lie where the scene is rough.

The parts contain every triangle: they stand proud by the tolerance at most, and never lie below the surface.
"""

from dataclasses import dataclass

import numpy as np

from recon.export.hulls import Limits, hulls_of, room_behind
from recon.export.merging import Merger
from recon.export.strays import Strays
from recon.export.tolerances import LEVEL, Tolerances
from recon.geometry.face_graph import pieces_by_pairs, shared_edges
from recon.geometry.mesh import TriangleMesh
from recon.geometry.transforms import Array
from recon.kernels.surfaces import AskedSurface
from recon.workspace.console import progress

_STEPS = 12  # tolerance is raised at most this often (1.5 ** 12 = 130 times) to meet the budget
_BEFORE_JOINING = (
    6  # times the most parts: joining, and leaving out what is not needed, bring halves down by more than that
)
_TURN = 0.7  # how much a difference of normals counts beside a distance, in extents of the cluster


@dataclass(frozen=True)
class Decomposition:
    """Convex `parts`, largest first, and how many times `looser` [n] than the limits each is: 1 for those that keep them."""

    parts: list[TriangleMesh]
    looser: Array

    def only(self, numbers: list[int]) -> "Decomposition":
        """Some of the parts, by number."""
        return Decomposition([self.parts[number] for number in numbers], self.looser[np.array(numbers, int)])

    @property
    def loosest(self) -> float:
        """How many times looser than the limits the worst part is, at least 1."""
        return float(self.looser.max(initial=1.0))


def decompose(
    mesh: TriangleMesh,
    surface: AskedSurface,
    *,
    tolerances: Tolerances,
    thickness: float,
    max_parts: int,
    seed: int = 0,
    strays: Strays | None = None,
) -> Decomposition:
    """Convex parts of `mesh` within the tolerances, or some of them within more where `max_parts` demanded it.

    `surface` is what they are held against, `mesh` itself or the finer one that it simplifies. Lengths are in scene units.
    Deterministic for a given `seed`.

    thickness: how far a part may reach behind a surface.
    strays: of the surface and these limits, where there is one: it knows places that it was asked about.
    """
    limits = Limits(tolerances, thickness)
    strays = strays or Strays(surface, limits, seed=seed)
    if not len(mesh.faces):
        return Decomposition([], np.zeros(0))
    pairs = shared_edges(mesh.faces)
    sheet = _Sheet(
        mesh.vertices[mesh.faces], mesh.face_normals, mesh.face_areas, room_behind(mesh, surface, limits), pairs
    )
    with progress("convex parts", None) as bar:
        first, clusters, hulls = _fewest_steps(sheet, strays, at_most=_BEFORE_JOINING * max_parts)
        owner = np.full(len(mesh.faces), -1)
        for number, faces in enumerate(clusters):
            owner[faces] = number
        beside = {(int(min(p)), int(max(p))) for p in owner[pairs] if p[0] != p[1] and min(p) >= 0}
        merger = Merger(strays, dict(enumerate(hulls)), beside, looser=1.5**first)
        for step in range(first, first + _STEPS):
            looser, enough = 1.5**step, 1 if step == first else max_parts
            merger.merge_all(looser, enough=enough, note=lambda n: bar.advance(1, note=f"{n} parts"))
            merger.pair_nearby(looser * tolerances.fine)
            merger.merge_all(looser, enough=enough, note=lambda n: bar.advance(1, note=f"{n} parts"))
            if len(merger.parts) <= max_parts:
                break
    numbers = sorted(merger.parts, key=lambda n: -float(np.linalg.norm(np.ptp(merger.parts[n].vertices, axis=0))))
    return Decomposition([merger.parts[n] for n in numbers], np.array([merger.looser[n] for n in numbers]))


@dataclass(frozen=True)
class _Sheet:
    """What clusters of faces are cut from: corners [f, 3, 3], unit normals [f, 3], areas [f], room behind [f], shared edges."""

    corners: Array
    normals: Array
    areas: Array
    depths: Array
    pairs: np.ndarray

    def is_level(self, faces: np.ndarray) -> bool:
        """Whether things may come to rest on a cluster."""
        return float(self.areas[faces] @ self.normals[faces, 2]) > LEVEL * float(self.areas[faces].sum())

    def solid(self, faces: np.ndarray, *, at_most: float) -> Array:
        """The corners of a cluster and of its copy behind it, `at_most` so deep: along its mean normal, so not at all where it
        encloses a body."""
        weights = self.areas[faces] / max(float(self.areas[faces].sum()), 1e-300)
        tenth = np.partition(self.depths[faces], len(faces) // 10)[len(faces) // 10]
        back = min(float(tenth), at_most) * (weights @ self.normals[faces])
        points = self.corners[faces].reshape(-1, 3)
        return np.concatenate([points, points - back])

    def halves(self, faces: np.ndarray) -> list[np.ndarray]:
        """A cluster cut in two by 2-means over where its faces lie and how they are turned."""
        centres, weights = self.corners[faces].mean(1), self.areas[faces] + 1e-300
        extent = max(float(np.linalg.norm(np.ptp(centres, axis=0))), 1e-12)
        features = np.concatenate([centres / extent, _TURN * self.normals[faces]], 1)
        spread = features - weights @ features / weights.sum()
        along = np.linalg.eigh((spread * weights[:, None]).T @ spread)[1][:, -1]
        is_second = spread @ along > 0
        for _ in range(5):
            if is_second.all() or not is_second.any():
                break
            middles = [weights[side] @ features[side] / weights[side].sum() for side in (~is_second, is_second)]
            is_second = ((features - middles[1]) ** 2).sum(1) < ((features - middles[0]) ** 2).sum(1)
        if is_second.all() or not is_second.any():  # all alike: by halves
            is_second = np.arange(len(faces)) >= len(faces) // 2
        return [faces[~is_second], faces[is_second]]


def _fewest_steps(sheet: _Sheet, strays: Strays, *, at_most: int) -> tuple[int, list[np.ndarray], list[TriangleMesh]]:
    """The first step of looser limits whose halving ends with `at_most` clusters (the last, if none does), and its outcome.

    A surface that is rough beyond the tolerance falls into single prisms; joining those would take minutes and end looser.
    """
    for step in range(_STEPS):
        halved = _halved(sheet, strays, looser=1.5**step, at_most=at_most)
        if halved is not None:
            return step, *halved
    halved = _halved(sheet, strays, looser=1.5**_STEPS, at_most=len(sheet.areas))
    assert halved is not None, "there are no more clusters than faces"
    return _STEPS, *halved


def _halved(
    sheet: _Sheet, strays: Strays, *, looser: float, at_most: int
) -> tuple[list[np.ndarray], list[TriangleMesh]] | None:
    """Clusters of faces whose hulls keep `looser` limits, and the hulls; single prisms are taken as they are.

    None as soon as there are more than `at_most`.
    """
    piece = pieces_by_pairs(sheet.pairs, len(sheet.areas))
    open_clusters = np.split(np.argsort(piece, kind="stable"), np.cumsum(np.bincount(piece))[:-1])
    clusters: list[np.ndarray] = []
    hulls: list[TriangleMesh] = []
    deep = strays.limits.thickness
    while open_clusters:
        if len(clusters) + len(open_clusters) > at_most:
            return None
        corners = [sheet.corners[faces].reshape(-1, 3) for faces in open_clusters]
        is_one = np.array([len(faces) == 1 for faces in open_clusters])
        crossing = ~is_one & (strays.excess_of_chords([(points, points) for points in corners], looser=looser) > looser)
        parted, whole = (
            [c for c, x in zip(open_clusters, crossing, strict=True) if x == side] for side in (True, False)
        )
        # A sheet that reaches into free space behind what is near may do as a thin one; what falls is not to pass it, though.
        for depth in (deep, strays.limits.least_depth):
            tried = hulls_of([sheet.solid(faces, at_most=depth) for faces in whole])
            found = [(faces, hull) for faces, hull in zip(whole, tried, strict=True) if hull is not None]
            excess = strays.excess([hull for _, hull in found], looser=looser)
            is_good = excess <= looser
            for (faces, hull), good in zip(found, is_good, strict=True):
                if good or (len(faces) == 1 and depth == strays.limits.least_depth):
                    clusters.append(faces)
                    hulls.append(hull)
            bad = [faces for (faces, _), good in zip(found, is_good, strict=True) if not good]
            parted += [faces for faces in bad if len(faces) > 1 and (sheet.is_level(faces) or depth < deep)]
            whole = [faces for faces in bad if len(faces) == 1 or not sheet.is_level(faces)]
        open_clusters = [half for faces in parted for half in sheet.halves(faces)]
    return clusters, hulls
