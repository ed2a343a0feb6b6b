"""What a person should think of the surface, in one sentence, from the evidence of its faces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from recon.geometry import Evidence, FaceEvidence, Reconstruction, TriangleMesh
from recon.geometry.transforms import Array
from recon.mesh.planes import PlanePatch
from recon.mesh.surface import KnownSurface

# From these shares of the area that is confirmed (`FaceEvidence.is_confirmed`), down to these expected errors as shares of the
# typical distance, and down to these shares of the area that views contradict, a surface is called so.
_LEVELS = (("good", 0.8, 0.008, 0.06), ("usable", 0.6, 0.02, 0.15), ("poor", 0.35, 0.05, 0.3))
_CONTRADICTED = 0.1  # of the views of a face that look through it
_GUESS_SHARE = 0.01  # of the area: a smaller guess is not worth a sentence


@dataclass(frozen=True)
class Verdict:
    """The judgement and its numbers."""

    level: str  # good, usable, poor or bad
    words: str
    confirmed_fraction: float  # of the area: `FaceEvidence.is_confirmed`
    expected_error: float  # world units: area-weighted mean of the faces' expected errors
    expected_near: float  # the same of what lies within `KnownSurface.near` of a camera
    fractions: dict[str, float]  # of the area, by kind of evidence
    contradicted_fraction: float  # of the area: more than a tenth of the views look through it


def judge_surface(surface: KnownSurface, reconstruction: Reconstruction, *, distance: float) -> Verdict:
    """The verdict on a surface; `distance` is that from which the scene is typically seen (world units)."""
    mesh, faces = surface.mesh, surface.faces
    areas = mesh.face_areas
    shares = areas / max(areas.sum(), 1e-30)
    fractions = {kind.name.lower(): float(shares[faces.evidence == kind].sum()) for kind in Evidence}
    confirmed = float(shares[faces.is_confirmed].sum())
    expected = float((shares * faces.expected_error).sum())
    is_near = cKDTree(reconstruction.centers).query(mesh.vertices[mesh.faces].mean(1))[0] < surface.near
    near = float((areas * faces.expected_error)[is_near].sum() / max(areas[is_near].sum(), 1e-30))
    contradicted = float(shares[surface.through > _CONTRADICTED].sum())
    level = _level(confirmed, expected / distance, contradicted)
    clauses = [
        _planes_in_words(surface.planes, reconstruction, float(shares[surface.on_plane].sum())),
        _confirmed_in_words(confirmed, fractions),
        _accuracy_in_words(expected, near, surface.near, reconstruction),
    ]
    if contradicted > _LEVELS[0][3]:
        clauses.append(f"views look through {contradicted:.0%} of it: repeated texture, or poses that are off")
    if level == "bad" and not any(fractions[kind] for kind in ("matched", "sensor", "cut_out")):
        clauses.append("no picture was matched with another here, so every face is the radiance field's guess")
    guess = _largest_guess(mesh, faces, cell=distance / 4)
    if guess is not None and guess[1] > _GUESS_SHARE * areas.sum():
        clauses.append(_advice(guess[0], reconstruction, distance))
    return Verdict(level, f"{level}: " + "; ".join(clauses), confirmed, expected, near, fractions, contradicted)


def _level(confirmed: float, relative_error: float, contradicted: float) -> str:
    """The best level whose limits all three numbers keep."""
    return next(
        (
            name
            for name, least, most_error, most_contradicted in _LEVELS
            if confirmed >= least and relative_error <= most_error and contradicted <= most_contradicted
        ),
        "bad",
    )


def _planes_in_words(planes: Sequence[PlanePatch], reconstruction: Reconstruction, share: float) -> str:
    if not planes:
        return "no plane was found"
    if not reconstruction.is_up_aligned:
        return f"{len(planes)} planes carry {share:.0%} of the surface"
    upward = np.array([plane.normal[2] for plane in planes])
    n_walls = int((np.abs(upward) < 0.2).sum())
    level = [plane for plane, up in zip(planes, upward, strict=True) if up > 0.95]
    floor = bool(level) and max(level, key=lambda p: p.is_covered.sum() * p.cell**2).offset < np.median(
        reconstruction.centers[:, 2]
    )
    names = (["the floor"] if floor else []) + ([f"{n_walls} walls and sides"] if n_walls else [])
    rest = len(planes) - n_walls - int(floor)
    names += [f"{rest} other planes"] if rest else []
    listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return f"{listed} carry {share:.0%} of the surface"


def _confirmed_in_words(confirmed: float, fractions: Mapping[str, float]) -> str:
    if fractions["cut_out"]:
        return f"outlines and colours of several pictures show {confirmed:.0%} of the surface; none were matched with each other"
    sensor = "a depth sensor, by " if fractions["sensor"] else ""
    return f"{confirmed:.0%} of the surface is confirmed by {sensor}matching between pictures or by planes"


def _accuracy_in_words(expected: float, near: float, radius: float, reconstruction: Reconstruction) -> str:
    if not np.isfinite(radius):
        return f"expected accuracy {_length(expected, reconstruction)}"
    scale = reconstruction.scale
    within = f"{radius * scale.metres_per_unit:.0f} m" if scale else f"{radius:.3g} units"
    return (
        f"expected accuracy {_length(near, reconstruction)} within {within} of the cameras, "
        f"{_length(expected, reconstruction)} with what lies beyond"
    )


def _length(value: float, reconstruction: Reconstruction) -> str:
    scale = reconstruction.scale
    return f"{1000 * value * scale.metres_per_unit:.0f} mm" if scale else f"{value:.3g} units (no scale is known)"


def _largest_guess(mesh: TriangleMesh, faces: FaceEvidence, *, cell: float) -> tuple[Array, float] | None:
    """Where (in cubes of side `cell`) most area is not confirmed: the middle of it [3], and its area."""
    guessed = np.flatnonzero(~faces.is_confirmed)
    if not len(guessed):
        return None
    areas = mesh.face_areas[guessed]
    middles = mesh.vertices[mesh.faces[guessed]].mean(1)
    cubes = np.unique(np.floor(middles / cell).astype(np.int64), axis=0, return_inverse=True)[1].reshape(-1)
    worst = int(np.bincount(cubes, areas).argmax())
    of = cubes == worst
    return (middles[of] * areas[of, None]).sum(0) / max(areas[of].sum(), 1e-30), float(areas[of].sum())


def _advice(place: Array, reconstruction: Reconstruction, distance: float) -> str:
    """Where to film from: on the line from the place to the nearest camera, at half of the typical distance."""
    centers = reconstruction.centers
    towards = centers[np.linalg.norm(centers - place, axis=1).argmin()] - place
    far = float(np.linalg.norm(towards))
    stand = place + towards / max(far, 1e-12) * min(far, 0.5 * distance)
    at, from_ = (", ".join(f"{x:.1f}" for x in point) for point in (place, stand))
    return f"the place at ({at}) is a guess: film it from ({from_}), moving sideways"
