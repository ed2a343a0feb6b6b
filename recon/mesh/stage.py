"""The mesh stage: matched depths, a sensor's, and the field -> mesh/ with geometry, texture, evidence and pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recon.formats.depth_files import depth_files
from recon.formats.face_evidence import write_face_evidence
from recon.formats.images import write_image
from recon.formats.matched_views import read_matched_views
from recon.formats.meshes import write_glb, write_npz, write_obj, write_ply
from recon.geometry import Reconstruction, TriangleMesh, View
from recon.geometry.face_graph import pieces_by_vertices
from recon.mesh import cleaning, coverage
from recon.mesh.atlas import SurfaceSamples, unwrap
from recon.mesh.likeness import color_behind, likeness_of_views
from recon.mesh.photos import load_photos
from recon.mesh.picture import MeshScene
from recon.mesh.portraits import portraits
from recon.mesh.settings import MeshSettings
from recon.mesh.sharpening import sharpen
from recon.mesh.surface import KnownSurface, build_surface
from recon.mesh.texture import Painter, SurfaceColorFn, bake, field_paint, make_painter
from recon.mesh.trusted_depths import trusted_depths
from recon.mesh.verdict import Verdict, judge_surface
from recon.mesh.viewpoints import farthest_poses, training_views, typical_distance
from recon.pixels import SensorView, lines_of_sight, sensor_views
from recon.pixels.exposures import Exposures
from recon.render.views import RenderPartFn
from recon.workspace import StageRun, Workspace
from recon.workspace.console import say, warn

CPU = torch.device("cpu")


def build_mesh(
    workspace: Workspace,
    *,
    reconstruction: Reconstruction,
    render_view_fn: RenderPartFn,
    color_fn: SurfaceColorFn,
    settings: MeshSettings,
    device: torch.device = CPU,
) -> Path:
    """Mesh what was matched and a field seen through two functions, and write `workspace.mesh` and the metrics section "mesh".

    Args:
        reconstruction: the posed capture; its training views' pictures paint the mesh, its held-out views judge it.
        render_view_fn: (camera, world_from_camera [4, 4]) -> a rendered view with opacity, depth and normal.
        color_fn: (positions [n, 3] world, unit directions [n, 3] world) -> colours [n, 3] in [0, 1].
        settings: conf/mesh; device: what blends the photos on the surface.

    Returns `workspace.mesh`. Raises `UserError` when the field shows no surface that its views agree on.
    """
    inputs = [workspace.field_file, workspace.cameras_json, workspace.points_ply, *reconstruction.files]
    inputs += [*_matching(workspace), *_sensor_files(workspace, reconstruction, settings)]
    run = StageRun(workspace, "mesh", workspace.mesh, settings=settings, inputs=inputs)
    if run.is_finished and (workspace.mesh_npz).exists():
        say("mesh: up to date")
        return workspace.mesh
    with run as folder:
        views, distance = training_views(reconstruction), typical_distance(reconstruction)
        matched = read_matched_views(workspace, views)
        sensors = _sensor_views(reconstruction) if settings.sensor_depth else []
        depths = trusted_depths(reconstruction, matched, sensors, render_view_fn, settings)
        surface = build_surface(depths, distance=distance, settings=settings)
        shown = _painting(views, settings, distance=distance)
        painter = _painter(surface, shown, color_fn, settings, device)
        textured, colored = _painted(surface.mesh, painter, settings)
        scene = MeshScene(textured)
        _write(folder, surface, textured, colored)
        _write_portraits(folder, scene, reconstruction)
        verdict = judge_surface(surface, reconstruction, distance=distance)
        run.metrics = {
            **_measured(surface, painter, reconstruction, settings),
            **_likeness(scene, painter, shown, reconstruction, settings),
            **_judged(verdict, surface, reconstruction),
            "max_depth_units": depths.far,
            "fusion_views": len(depths.maps),
            "seconds": round(run.seconds, 2),
        }
    return workspace.mesh


def _matching(workspace: Workspace) -> list[Path]:
    """The matching stage's files, where it ran."""
    return [workspace.matching] if workspace.matching.is_dir() else []


def _sensor_files(workspace: Workspace, reconstruction: Reconstruction, settings: MeshSettings) -> list[Path]:
    """The files of a sensor's depths, where they are asked for and there are any, and of the points that scale them."""
    files = depth_files(training_views(reconstruction)) if settings.sensor_depth else []
    return [*files, workspace.tracks_npz] if files else []


def _sensor_views(reconstruction: Reconstruction) -> list[SensorView]:
    """Sensor depth of the training pictures, in world units and in the order of `training_views`."""
    found = sensor_views(reconstruction, lines_of_sight(reconstruction), stage="mesh")
    return sorted(found, key=lambda sensor: sensor.view.name)


def _write(folder: Path, surface: KnownSurface, textured: TriangleMesh, colored: TriangleMesh) -> None:
    """The mesh exactly and in three formats, and how its faces are known."""
    write_npz(folder / "mesh.npz", textured)
    write_ply(folder / "mesh.ply", colored)
    write_obj(folder / "mesh.obj", textured)
    write_glb(folder / "mesh.glb", textured)
    write_face_evidence(folder / "faces.npz", surface.faces)
    write_ply(folder / "coverage.ply", coverage.evidence_mesh(surface.mesh, surface.faces))


def _write_portraits(folder: Path, scene: MeshScene, reconstruction: Reconstruction) -> None:
    """Pictures from all sides."""
    poses = np.stack([view.world_from_camera for view in reconstruction.views])
    pictures = portraits(scene, poses)
    for name, picture in zip(["mesh_0", "mesh_1", "mesh_2", "mesh_3", "mesh_top"], pictures, strict=True):
        write_image(folder / f"{name}.png", np.round(picture.color * 255).astype(np.uint8))


def _measured(
    surface: KnownSurface, painter: Painter, reconstruction: Reconstruction, settings: MeshSettings
) -> dict[str, Any]:
    """Metrics of the surface."""
    mesh, scale = surface.mesh, reconstruction.scale
    n_seeing = coverage.count_views(
        mesh, painter.photos, min_cosine=settings.seen_min_cosine, tolerance=painter.tolerance
    )
    say(f"mesh: {len(mesh.vertices):,} vertices, {len(mesh.faces):,} faces, voxels of {surface.voxel:.4g} units")
    return {
        "vertices": len(mesh.vertices),
        "faces": len(mesh.faces),
        "components": int(pieces_by_vertices(mesh.faces).max()) + 1,
        "watertight_fraction": cleaning.watertight_fraction(mesh),
        "seen_fraction": coverage.seen_fraction(mesh, n_seeing, min_views=settings.seen_min_views),
        "planes": len(surface.planes),
        "on_plane_fraction": float(mesh.face_areas[surface.on_plane].sum() / mesh.face_areas.sum()),
        "simplification_error_units": surface.simplification_error,
        "simplification_error_m": scale and surface.simplification_error * scale.metres_per_unit,
        "voxel_units": surface.voxel,
        "voxel_m": scale and surface.voxel * scale.metres_per_unit,
        "texture_size": settings.texture_size,
        "texture_from": settings.texture_from,
    }


def _judged(verdict: Verdict, surface: KnownSurface, reconstruction: Reconstruction) -> dict[str, Any]:
    """Metrics of the verdict; a surface that is poor or bad is said aloud."""
    (warn if verdict.level in ("poor", "bad") else say)(f"mesh: {verdict.words}")
    scale = reconstruction.scale
    return {
        "verdict": verdict.words,
        "verdict_level": verdict.level,
        "confirmed_fraction": verdict.confirmed_fraction,
        "evidence_fractions": verdict.fractions,
        "contradicted_fraction": verdict.contradicted_fraction,
        "expected_accuracy_units": verdict.expected_error,
        "expected_accuracy_m": scale and verdict.expected_error * scale.metres_per_unit,
        "expected_accuracy_near_units": verdict.expected_near,
        "expected_accuracy_near_m": scale and verdict.expected_near * scale.metres_per_unit,
        "near_units": surface.near if np.isfinite(surface.near) else None,
    }


def _likeness(
    scene: MeshScene, painter: Painter, shown: Sequence[View], reconstruction: Reconstruction, settings: MeshSettings
) -> dict[str, Any]:
    """How like the held-out pictures the mesh looks, in the exposure of their neighbours among those `shown` to the painter."""
    tests = reconstruction.held_out_views
    exposures = Exposures.of_views(shown, -np.log(painter.gains))
    behind = color_behind(painter.photos)
    found = likeness_of_views(scene, tests, behind=behind, gain_fn=exposures.gain, max_side=settings.photo_max_side)
    if found.psnr is not None:
        say(
            f"mesh: held-out PSNR {found.psnr:.2f} dB over the {found.covered:.0%} of pixels that it covers, "
            f"{found.psnr_all_pixels:.2f} dB over all"
        )
    return {
        "psnr": found.psnr,
        "psnr_covered_fraction": found.covered,
        "psnr_all_pixels": found.psnr_all_pixels,
        "exposure": "neighbours in time" if any((exposures.gain(view) != 1).any() for view in tests) else "none",
    }


def _painting(views: Sequence[View], settings: MeshSettings, *, distance: float) -> list[View]:
    """Those of the views whose photos paint the surface; `distance`: typical from a camera to what it sees, world units."""
    poses = np.stack([view.world_from_camera for view in views])
    return [views[i] for i in farthest_poses(poses, settings.texture_photos, distance=distance)]


def _painter(
    surface: KnownSurface,
    shown: Sequence[View],
    color_fn: SurfaceColorFn,
    settings: MeshSettings,
    device: torch.device,
) -> Painter:
    """The photos of some views, ready to paint the surface; the field's color_fn where none shows a place.

    settings: conf/mesh; device: what blends.
    """
    return make_painter(
        surface.mesh,
        load_photos(shown, MeshScene(surface.mesh), max_side=settings.photo_max_side),
        color_fn,
        views_per_texel=settings.views_per_texel,
        occlusion_margin_px=settings.occlusion_margin_px,
        tolerance=2 * surface.voxel,
        device=device,
    )


def _painted(surface: TriangleMesh, painter: Painter, settings: MeshSettings) -> tuple[TriangleMesh, TriangleMesh]:
    """The mesh with a texture, and the mesh with vertex colours."""

    def paint(samples: SurfaceSamples) -> NDArray[np.float32]:
        return painter.paint(samples) if settings.texture_from == "photos" else field_paint(painter, samples)

    size = settings.texture_size
    say("mesh: unwrapping")
    atlas = unwrap(surface, texture_size=size, fineness=painter.fineness)
    textured = bake(surface, atlas, paint, texture_size=size)
    if settings.texture_from == "photos":
        rounds = settings.sharpening_rounds
        textured = sharpen(textured, painter.photos, painter.gains, n_rounds=rounds, device=painter.device)
    colors = np.round(paint(_vertex_samples(surface)) * 255).astype(np.uint8)
    return textured, TriangleMesh(surface.vertices, surface.faces, colors)


def _vertex_samples(mesh: TriangleMesh) -> SurfaceSamples:
    """One sample per vertex, with the normal of one of its faces."""
    face_of = np.zeros(len(mesh.vertices), np.int64)
    face_of[mesh.faces.reshape(-1)] = np.repeat(np.arange(len(mesh.faces)), 3)
    corners = mesh.faces[face_of]
    shares = (corners == np.arange(len(mesh.vertices))[:, None]).astype(np.float32)
    normals = mesh.face_normals[face_of].astype(np.float32)
    return SurfaceSamples(mesh.vertices.astype(np.float32), normals, face_of, corners, shares)
