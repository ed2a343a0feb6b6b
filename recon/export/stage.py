"""The export stage: mesh/ -> world/, a package that simulators load, and the trials that prove it."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from recon.export.collision import Collision, make_collision
from recon.export.ground import find_ground, write_ground
from recon.export.labels import LABELS, PALETTE, by_label
from recon.export.license import write_license
from recon.export.manifest import make_manifest, write_changelog
from recon.export.place import CONVEX, FILLED, LABEL_FILE, LABELLED, STATIC, STATIC_GLB, VISUAL, VISUAL_GLB, Place
from recon.export.preview import write_preview
from recon.export.readme import write_readme
from recon.export.scenes import write_scenes
from recon.export.settings import ExportSettings
from recon.export.things import cleared, cleared_of_boxes, separate
from recon.export.trials.verify import verify_world
from recon.export.units import in_package_units, lengths_of
from recon.export.unseen_floor import Drawn, drawn_floor
from recon.export.zones import Reach
from recon.formats import cameras_json
from recon.formats.face_evidence import read_face_evidence
from recon.formats.mesh_glb import write_glb, write_glb_nodes
from recon.formats.mesh_npz import read_npz
from recon.formats.mesh_obj import write_obj, write_obj_objects
from recon.geometry import Evidence
from recon.geometry.mesh import TriangleMesh
from recon.geometry.reconstruction import Reconstruction
from recon.geometry.surface import Surface
from recon.workspace import StageRun, Workspace, check_poses, read_metrics, write_json
from recon.workspace.console import say
from recon.workspace.errors import UserError


def export_world(workspace: Workspace, *, reconstruction: Reconstruction, settings: ExportSettings) -> Path:
    """Write `workspace.world` and the metrics section "world"; settings are explained in conf/export/default.yaml.

    Raises `UserError` when there is no mesh, an empty one, or one made with other poses.
    """
    also = {"cameras": cameras_json.encode(reconstruction, root=workspace.root)}
    check_poses(workspace, workspace.mesh, made_by="python scripts/mesh.py")
    inputs = [workspace.mesh, workspace.cameras_json]
    run = StageRun(workspace, "export", workspace.world, settings=settings, inputs=inputs, also=also, section="world")
    if run.is_finished:
        say("export: up to date")
        return workspace.world
    mesh, reconstruction, origin = in_package_units(_read_mesh(workspace.mesh_npz), reconstruction)
    lengths = lengths_of(mesh, reconstruction, assumed_diagonal=settings.assumed_diagonal_m)
    settings = settings.for_detail(_voxel_m(workspace, lengths.scale))
    with run as folder:
        is_seen, scale, is_up_known = _is_seen(workspace, mesh), lengths.scale, reconstruction.is_up_aligned
        reach = Reach.about(reconstruction.centers, Surface(mesh), radius=settings.reach_m * scale)
        apart = separate(mesh, is_seen, settings, reach=reach, length_scale=scale, is_up_known=is_up_known)
        collision = make_collision(apart.building, settings, reach=reach, length_scale=scale, is_up_known=is_up_known)
        tolerance = collision.asked_tolerance
        apart = replace(apart, things=cleared_of_boxes(apart.things, collision.parts, tolerance=tolerance))
        drawn = drawn_floor(apart, collision.floors, tolerance=tolerance)
        parts = cleared(collision.parts, apart.things, tolerance=tolerance)
        place = _place(settings, drawn, replace(collision, parts=parts), reconstruction)
        _write_assets(folder, place)
        skipped = write_scenes(folder, place)
        write_json(folder / "cameras.json", _portable_cameras(reconstruction, workspace))
        write_preview(folder / f"{settings.name}.png", mesh, made_already=workspace.mesh / "mesh_0.png")
        write_license(folder / "LICENSE", license=settings.license, holder=settings.license_holder)
        entries = {
            "seen_fraction": _told(workspace, "seen_fraction"),
            "collision": collision.as_dict() | {"n_parts": len(place.all_parts)},
            "things": apart.as_dict(settings),
            "reach": reach.radius,
            "ground": _write_ground(folder, place, reach, cell=settings.ground_cell_m * lengths.scale),
            "labels": _label_entry(place),
            "skipped": skipped,
        }
        manifest = make_manifest(
            settings, reconstruction=reconstruction, lengths=lengths, origin=origin, entries=entries
        )
        write_readme(folder, manifest)
        write_changelog(folder, manifest)
        manifest.seal(folder)
        run.metrics = _numbers(place, collision, lengths.scale)
        if settings.verify:
            run.metrics |= _verify(folder, settings)
            manifest.seal(folder)  # with the results of the trials
    say(f"export: {len(place.all_parts)} convex parts -> {workspace.world}")
    return workspace.world


def _place(settings: ExportSettings, drawn: Drawn, collision: Collision, reconstruction: Reconstruction) -> Place:
    return Place(
        settings.name,
        drawn.building,
        collision.static,
        collision.parts,
        settings.friction,
        reconstruction,
        collision.labels,
        drawn.things,
        settings.things == "free",
        drawn.filled,
    )


def _read_mesh(source: Path) -> TriangleMesh:
    mesh = read_npz(source)
    if not np.ptp(mesh.vertices, axis=0).any():
        raise UserError(f"{source}: all of its points are one. Train longer, then run: python scripts/mesh.py")
    return mesh


def _told(workspace: Workspace, name: str) -> Any:
    """What the mesh stage tells of its mesh; None of a mesh that came from elsewhere."""
    return read_metrics(workspace).get("mesh", {}).get(name)


def _voxel_m(workspace: Workspace, length_scale: float) -> float | None:
    """The mesh's detail in metres, or what is taken for metres."""
    units, metres = (_told(workspace, name) for name in ("voxel_units", "voxel_m"))
    return metres or (units and units / length_scale)


def _is_seen(workspace: Workspace, mesh: TriangleMesh) -> np.ndarray:
    """Which faces [f] a view shows, as the mesh stage tells; all of them of a mesh without that file, which came from elsewhere."""
    file = workspace.mesh / "faces.npz"
    if not file.exists():
        return np.ones(len(mesh.faces), bool)
    evidence = read_face_evidence(file).evidence
    if len(evidence) != len(mesh.faces):
        raise UserError(
            f"{file}: expected {len(mesh.faces)} faces as in {workspace.mesh_npz.name}, found {len(evidence)}. "
            "Delete the folder and run: python scripts/mesh.py"
        )
    return np.asarray(evidence >= Evidence.SEEN)


def _write_assets(folder: Path, place: Place) -> None:
    """Geometry: what is drawn of the building and of each thing, the concave mesh, what is filled, and the convex parts."""
    (folder / "assets/parts").mkdir(parents=True)
    write_obj(folder / VISUAL, place.visual)
    write_glb_nodes(folder / VISUAL_GLB, place.drawn)
    static = place.whole_static()
    write_obj(folder / STATIC, static)
    write_glb(folder / STATIC_GLB, static)
    if place.filled is not None:
        write_obj(folder / FILLED, place.filled, material_of=Path(VISUAL).stem)
    if place.labels is not None:
        np.save(folder / LABEL_FILE, place.labels)
    for label, faces in by_label(place.visual, place.labels).items():
        write_obj(folder / LABELLED.format(label), faces, material_of=Path(VISUAL).stem)
    write_obj_objects(folder / CONVEX, place.all_parts)
    for thing in place.things:
        write_obj(folder / thing.file, thing.visual, material_of=Path(VISUAL).stem)
    for part in itertools.chain(place.parts, *(thing.parts for thing in place.things)):
        if part.box is None:
            write_obj(folder / part.file, part.mesh)


def _label_entry(place: Place) -> dict[str, Any] | None:
    """The manifest's: names by number, colours for pictures, and the area of each in square package units."""
    if place.labels is None:
        return None
    areas = np.bincount(place.labels, place.visual.face_areas, len(LABELS))
    return {
        "file": LABEL_FILE,
        "names": list(LABELS),
        "palette": {name: list(colour) for name, colour in PALETTE.items()},
        "area": dict(zip(LABELS, areas.round(4).tolist(), strict=True)),
    }


def _write_ground(folder: Path, place: Place, reach: Reach, *, cell: float) -> dict[str, Any] | None:
    if not place.reconstruction.is_up_aligned:
        return None
    near = reach.within(place.visual)
    ground = find_ground(near, Surface(near), cell=cell)
    return None if ground is None else write_ground(folder, ground)


def _portable_cameras(reconstruction: Reconstruction, workspace: Workspace) -> dict[str, Any]:
    """cameras.json of the package: image paths as in the run folder, bare names for images that lie elsewhere."""
    value = cameras_json.encode(reconstruction, root=workspace.root)
    for view in value["views"]:
        for key in ("image", "mask"):
            if view[key] and Path(view[key]).is_absolute():
                view[key] = Path(view[key]).name
    return value


def _numbers(place: Place, collision: Collision, length_scale: float) -> dict[str, Any]:
    return {
        "n_parts": len(place.all_parts),
        "n_things": len(place.things),
        "collision_faces": len(collision.static.faces),
        "parts_proud_p95_mm": 1000 * collision.fidelity.proud_p95 / length_scale,
        "parts_proud_p99_mm": 1000 * collision.fidelity.proud_p99 / length_scale,
        "parts_relief_proud_p95_mm": 1000 * collision.fidelity.relief_proud_p95 / length_scale,
        "parts_relief_proud_p99_mm": 1000 * collision.fidelity.relief_proud_p99 / length_scale,
        "parts_bare_p99_mm": 1000 * collision.fidelity.bare_p99 / length_scale,
        "filled_area_m2": collision.filled_area / length_scale**2,
        "loads": {},
    }


def _verify(folder: Path, settings: ExportSettings) -> dict[str, Any]:
    result = verify_world(
        folder,
        n_spheres=settings.drop_spheres,
        sphere_radius_m=settings.sphere_radius_m,
        seconds=settings.drop_seconds,
        engines=settings.engines,
        walk_steps=settings.walk_steps,
    )
    write_json(folder / "verification.json", result)
    return result
