"""How each face is known, and how far from the truth it may be: what the views say about it, counted.

A face is of a *sensor* where two views measured it, *matched* where two views matched it between
pictures, *by plane* where two views know it at all and a plane is among them, *seen* where the field shows it from two views,
*cut out* where the field of an object that is cut out of its pictures shows it from two views, *filled* where a plane went on, else
*invented*.

Its expected error is

    factor * sqrt(spread^2 + footprint^2) * (1 + 3 through) * (1 + 3 / (1 + agreeing))

the spread of the views' depths about it and the pixel footprint there, as world lengths; more where views look through the
face, and where few agree with it: views that agree on a wrong repeat of a texture agree well, but others contradict them and
they are few. The factor is one for each kind of evidence; that of planes grows where little else is known: all views take a
white wall from one plane, agree about it perfectly, and are wrong by as much as the few things that the plane was found by. (On
a drive planes bend with what was matched on them, and do not.) All are calibrated on scenes with exact truth (docs/surfaces.md
tells how), so that its mean over a surface is the mean distance from the truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recon.geometry import Evidence, FaceEvidence, TriangleMesh
from recon.mesh.agreement import look_up
from recon.mesh.depth_maps import DepthMap
from recon.mesh.plane_filling import Filling

FACTORS = {
    Evidence.SENSOR: 0.35,
    Evidence.MATCHED: 0.36,
    Evidence.PLANE: 0.75,  # on a drive; elsewhere `_plane_factor`
    Evidence.SEEN: 1.0,
    Evidence.FILLED: 1.5,  # two of a plane's
    Evidence.INVENTED: 3.0,
    Evidence.CUT_OUT: 0.15,
}
# The factor of planes beside a surface that is all matched, and what it grows by without
_PLANE_LEAST, _PLANE_ALONE = 0.3, 1.0
_MIN_VIEWS = 2
_FEW, _THROUGH = 3.0, 3.0


@dataclass(frozen=True)
class Judged:
    """The faces of a mesh as the views see them."""

    faces: FaceEvidence
    through: NDArray[np.float64]  # [f] share of the views that look through the face, of those that say anything of it


def judge_faces(
    mesh: TriangleMesh,
    maps: Sequence[DepthMap],
    fillings: Sequence[Filling],
    *,
    tolerance: float,
    voxel: float,
    planes_bend: bool = False,
) -> Judged:
    """Evidence, expected error and contradiction of every face, asked at its middle.

    Args:
        mesh: the surface, world units. maps: what the views know. fillings: planes that were continued.
        tolerance, voxel: a face and a depth are one place within tolerance * depth + voxel.
        planes_bend: whether planes follow what was matched on them, as on a drive.
    """
    middles = mesh.vertices[mesh.faces].mean(1)
    n = len(middles)
    counts = np.zeros((max(Evidence) + 1, n), np.int32)
    weight, squared, footprint = np.zeros(n), np.zeros(n), np.full(n, np.inf)
    nearest, through = np.full(n, np.inf), np.zeros(n)
    for view in maps:
        seen = look_up(middles, view)
        difference = seen.map_depth - seen.depth
        allowed = tolerance * seen.depth + voxel
        agrees = (seen.map_depth > 0) & (np.abs(difference) <= allowed)
        through += seen.is_free | ((seen.map_depth > 0) & (difference > allowed))
        counts[view.evidence.reshape(-1)[seen.pixel[agrees]], np.flatnonzero(agrees)] += 1
        of_map = view.weight.reshape(-1)[seen.pixel]
        slope = np.abs((view.camera_rays * view.unit_normals).sum(-1)).reshape(-1)[seen.pixel]  # depth to distance
        weight += np.where(agrees, of_map, 0)
        squared += np.where(agrees, of_map * (difference * slope) ** 2, 0)
        ahead = seen.depth > 0
        pixel = np.where(ahead, seen.depth, np.inf) / view.viewpoint.camera.fx
        footprint = np.where(agrees, np.minimum(footprint, pixel), footprint)
        nearest = np.minimum(nearest, pixel)
    evidence = _kinds(counts, middles, fillings, reach=3 * voxel)
    footprint = np.where(np.isfinite(footprint), footprint, np.where(np.isfinite(nearest), nearest, voxel))
    spread = np.sqrt(squared / np.maximum(weight, 1e-9))
    agreeing = counts.sum(0)
    through /= np.maximum(agreeing + through, 1)
    doubt = (1 + _THROUGH * through) * (1 + _FEW / (1 + agreeing))
    factors = np.array([FACTORS[kind] for kind in Evidence])
    if not planes_bend:
        factors[Evidence.PLANE] = _plane_factor(evidence, mesh.face_areas)
        factors[Evidence.FILLED] = 2 * factors[Evidence.PLANE]
    error = factors[evidence] * np.sqrt(spread**2 + footprint**2) * doubt
    return Judged(FaceEvidence(evidence, error.astype(np.float32)), through)


def _plane_factor(evidence: NDArray[np.uint8], areas: NDArray[np.float64]) -> float:
    """The factor of planes among faces [f] of such evidence and areas."""
    matched = areas[(evidence == Evidence.MATCHED) | (evidence == Evidence.SENSOR)].sum()
    planes = areas[evidence == Evidence.PLANE].sum()
    return _PLANE_LEAST + _PLANE_ALONE * float(planes / max(planes + matched, 1e-30))


def _kinds(
    counts: NDArray[np.int32], middles: NDArray, fillings: Sequence[Filling], *, reach: float
) -> NDArray[np.uint8]:
    """The best evidence of each face [n] from how many views of each kind [kinds, n] agree with it."""
    matched, planes, seen, sensed, cut_out = (
        counts[kind] for kind in (Evidence.MATCHED, Evidence.PLANE, Evidence.SEEN, Evidence.SENSOR, Evidence.CUT_OUT)
    )
    kinds = np.full(len(middles), Evidence.INVENTED, np.uint8)
    for filling in fillings:
        over = np.abs(filling.plane.heights(middles)) < reach
        over[over] = filling.plane.holds(middles[over], filling.is_filled)
        kinds[over] = Evidence.FILLED
    sure = matched + sensed
    kinds[seen + planes + sure >= _MIN_VIEWS] = Evidence.SEEN
    kinds[planes + sure >= _MIN_VIEWS] = Evidence.PLANE
    kinds[(sure >= _MIN_VIEWS) & (sure >= planes)] = Evidence.MATCHED
    kinds[sensed >= _MIN_VIEWS] = Evidence.SENSOR
    kinds[cut_out >= _MIN_VIEWS] = Evidence.CUT_OUT
    return kinds
