"""Depth maps -> the finished surface: fused, its planes found and closed, cleaned, simplified, flattened, judged."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recon.geometry import Evidence, FaceEvidence, TriangleMesh
from recon.geometry.mesh import chosen, joined
from recon.kernels.tsdf import TsdfVolume
from recon.mesh import cleaning
from recon.mesh.depth_maps import DepthMap
from recon.mesh.evidence import judge_faces
from recon.mesh.extraction import extract, no_surface
from recon.mesh.fusion import choose_voxel_size, fuse, grown, surface_blocks
from recon.mesh.junctions import WIDTH, sharpen
from recon.mesh.plane_filling import fill, find_fillings
from recon.mesh.plane_finding import find_planes
from recon.mesh.planes import PlanePatch, flatten
from recon.mesh.settings import Detail, MeshSettings
from recon.mesh.simplification import simplification_error, simplify
from recon.mesh.trusted_depths import TrustedDepths
from recon.mesh.zones import Zone, zones_of
from recon.workspace.console import say


@dataclass(frozen=True)
class KnownSurface:
    """A mesh and what is known of it."""

    mesh: TriangleMesh
    faces: FaceEvidence
    through: NDArray[np.float64]  # [f] share of the views that look through the face
    planes: Sequence[PlanePatch]
    on_plane: NDArray[np.bool_]  # [f]
    voxel: float  # world units
    simplification_error: float  # world units: 95 % of the fused surface lies nearer to the simplified one
    near: float = np.inf  # world units: what lies nearer to a camera was fused by itself, in fine voxels


def build_surface(depths: TrustedDepths, *, distance: float, settings: MeshSettings) -> KnownSurface:
    """The surface of some depths; `distance` is that from which the scene is typically seen (world units)."""
    zones = zones_of(depths.maps)
    parts = [_surface_of(zone, depths, distance=distance, settings=settings) for zone in zones]
    if len(parts) == 1:
        return parts[0]
    return replace(_joined([_cut(*pair) for pair in zip(parts, zones, strict=True)]), near=zones[0].high)


def _surface_of(zone: Zone, depths: TrustedDepths, *, distance: float, settings: MeshSettings) -> KnownSurface:
    """The surface of one zone of the depths, and a little beyond it."""
    maps, detail = zone.judges, settings.detail(of_object=depths.is_object)
    max_faces = round(zone.face_share * detail.max_faces)
    volume = _fused(zone, depths.far, detail, settings)
    voxel = volume.voxel
    reach = settings.plane_tolerance_voxels * voxel
    rough = extract(volume, min_weight=settings.min_weight)
    min_area = (settings.min_plane_voxels * voxel) ** 2
    # A thing's faces carry studs and grooves that are smaller than the ripples of a wall.
    planes = [] if depths.is_object else find_planes(rough, tolerance=reach, cell=2 * voxel, min_area=min_area)
    fill_reach = settings.fill_reach * min(distance, zone.high)
    fillings = find_fillings(planes, maps, reach=fill_reach, tolerance=settings.agreement, voxel=voxel)
    volume = fill(volume, fillings, min_weight=settings.min_weight)
    # On a drive what bends is a road, which is not laid flat; in a room it is a plain wall on which the views disagree, which is.
    flat = planes if zone.is_everything else [plane for plane in planes if not plane.is_bent]
    volume = sharpen(volume, flat, width=WIDTH * reach, min_weight=settings.min_weight)
    full = cleaning.drop_crumbs(
        extract(volume, min_weight=settings.min_weight), min_area_fraction=settings.min_area_fraction
    )
    mesh = _mended(simplify(full, max_faces=max_faces), maps, voxel, max_faces, settings)
    # Flattened last: exactly flat faces cost the simplification nothing, and it would spend its budget on them.
    flattened = flatten(mesh, flat, reach=reach)
    mesh = cleaning.undo_contradicted(flattened, mesh, maps, tolerance=settings.agreement, voxel=voxel)
    mesh = cleaning.drop_bad_faces(mesh)
    bend = not zone.is_everything
    judged = judge_faces(mesh, maps, fillings, tolerance=settings.agreement, voxel=voxel, planes_bend=bend)
    filled = float(mesh.face_areas[judged.faces.evidence == Evidence.FILLED].sum())
    say(f"mesh: {len(planes)} planes; holes of {filled:.3g} square units in all closed along them")
    on_plane, error = _on_plane(mesh, planes), simplification_error(full, mesh)
    return _witnessed(KnownSurface(mesh, judged.faces, judged.through, planes, on_plane, voxel, error))


def _witnessed(surface: KnownSurface) -> KnownSurface:
    """Without the pieces that planes alone know; all of a surface of which nothing is known by more."""
    keep = cleaning.is_witnessed(surface.mesh, surface.faces.evidence)
    if keep.all() or not keep.any():
        return surface
    area = float(surface.mesh.face_areas[~keep].sum())
    say(f"mesh: {area:.3g} square units left out: pieces by themselves that planes alone know")
    return _only(surface, keep)


def _cut(surface: KnownSurface, zone: Zone) -> KnownSurface:
    """Only the faces whose middles lie in the zone."""
    return _only(surface, zone.holds(surface.mesh.vertices[surface.mesh.faces].mean(1)))


def _only(surface: KnownSurface, keep: NDArray[np.bool_]) -> KnownSurface:
    """Only the faces [f] marked."""
    return replace(
        surface,
        mesh=chosen(surface.mesh, keep),
        faces=surface.faces.where(keep),
        through=surface.through[keep],
        on_plane=surface.on_plane[keep],
    )


def _joined(parts: Sequence[KnownSurface]) -> KnownSurface:
    """One surface of several, the finest first: its voxels and its error are what is said of all."""
    return KnownSurface(
        joined([part.mesh for part in parts]),
        FaceEvidence.concatenated([part.faces for part in parts]),
        np.concatenate([part.through for part in parts]),
        [plane for part in parts for plane in part.planes],
        np.concatenate([part.on_plane for part in parts]),
        parts[0].voxel,
        parts[0].simplification_error,
    )


def _fused(zone: Zone, far: float, detail: Detail, settings: MeshSettings) -> TsdfVolume:
    """The zone's signed distance, in voxels of the size that is set, else of one that suits it."""
    truncation = detail.truncation_voxels
    if settings.voxel_size:
        voxel, blocks = settings.voxel_size, surface_blocks(zone.maps, settings.voxel_size, truncation, zone=zone)
    else:
        voxel, blocks = choose_voxel_size(
            zone.maps,
            footprints=detail.voxel_footprints,
            truncation_voxels=truncation,
            memory_mb=zone.memory_share * settings.memory_mb,
            zone=zone,
        )
    volume = fuse(zone.maps, voxel=voxel, truncation_voxels=truncation, far=far, blocks=blocks)
    return grown(volume, by=detail.growth)


def _mended(
    mesh: TriangleMesh, maps: Sequence[DepthMap], voxel: float, max_faces: int, settings: MeshSettings
) -> TriangleMesh:
    """Without what views look through, without crumbs, small holes closed, within the budget of faces."""
    mesh = cleaning.drop_contradicted(mesh, maps, tolerance=settings.agreement, voxel=voxel)
    if not len(mesh.faces):
        raise no_surface("every face is looked through by more views than see it")
    mesh = cleaning.drop_crumbs(mesh, min_area_fraction=settings.min_area_fraction)
    perimeter = settings.max_hole_voxels * voxel
    mesh, _ = cleaning.fill_holes(mesh, maps, max_perimeter=perimeter, tolerance=settings.agreement, voxel=voxel)
    return simplify(mesh, max_faces=max_faces)  # closed holes bring faces of their own


def _on_plane(mesh: TriangleMesh, planes: Sequence[PlanePatch]) -> NDArray[np.bool_]:
    """Which faces [f] lie wholly on a plane, after flattening."""
    on = np.zeros(len(mesh.faces), bool)
    for plane in planes:
        flat = np.abs(plane.heights(mesh.vertices)) < 1e-3 * plane.cell
        on |= flat[mesh.faces].all(1)
    return on
