"""The mesh stage: field -> mesh/ with geometry, texture, coverage and pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recon.console import say, warn
from recon.formats.images import write_image
from recon.formats.meshes import write_glb, write_obj, write_ply
from recon.geometry import Reconstruction, TriangleMesh, View, held_out
from recon.mesh import cleaning, coverage
from recon.mesh.agreement import keep_agreed
from recon.mesh.atlas import SurfaceSamples, face_normals, unwrap
from recon.mesh.depth_maps import DepthMap, RenderViewFn, render_depth_maps
from recon.mesh.fusion import choose_voxel_size, fuse, no_surface
from recon.mesh.likeness import color_behind, likeness_of_views, portraits
from recon.mesh.photos import Photo, load_photos
from recon.mesh.picture import MeshScene
from recon.mesh.settings import MeshSettings
from recon.mesh.simplification import simplify
from recon.mesh.texture import ColorFn, Painter, bake, field_paint, make_painter
from recon.mesh.viewpoints import choose_viewpoints, farthest_poses, training_views, typical_distance
from recon.workspace import StageRun, Workspace


def build_mesh(
    workspace: Workspace,
    *,
    reconstruction: Reconstruction,
    render_view_fn: RenderViewFn,
    color_fn: ColorFn,
    settings: MeshSettings,
) -> Path:
    """Mesh a field seen through two functions, and write `workspace.mesh` and the metrics section "mesh".

    Args:
        reconstruction: the posed capture; its training views' pictures paint the mesh, its held-out views judge it.
        render_view_fn: (camera, world_from_camera [4, 4]) -> a rendered view with opacity, depth and normal.
        color_fn: (positions [n, 3] world, unit directions [n, 3] world) -> colours [n, 3] in [0, 1].

    Returns `workspace.mesh`. Raises `UserError` when the field shows no surface that its views agree on.
    """
    inputs = [workspace.checkpoint, workspace.cameras_json, workspace.points_ply, *reconstruction.files]
    run = StageRun(workspace, "mesh", workspace.mesh, settings=settings, inputs=inputs)
    if run.is_finished:
        say("mesh: up to date")
        return workspace.mesh
    with run as folder:
        maps, far = _trusted_depths(reconstruction, render_view_fn, settings)
        surface, voxel = _surface(maps, far, settings)
        say(f"mesh: {len(surface.vertices):,} vertices, {len(surface.faces):,} faces, voxels of {voxel:.4g} units")
        painter = _painter(surface, training_views(reconstruction), color_fn, reconstruction, voxel, settings)
        textured, colored = _painted(surface, painter, settings)
        n_seeing = coverage.count_views(
            surface, painter.photos, min_cosine=settings.seen_min_cosine, tolerance=painter.tolerance
        )
        scene = MeshScene(textured)
        _write(folder, textured, colored, coverage.coverage_mesh(surface, n_seeing), scene)
        run.metrics = {
            **_measured(surface, n_seeing, voxel, reconstruction, settings),
            **_likeness(scene, painter.photos, reconstruction, settings),
            "max_depth_units": far,
            "fusion_views": len(maps),
            "seconds": round(run.seconds, 2),
        }
    return workspace.mesh


def _write(folder: Path, textured: TriangleMesh, colored: TriangleMesh, seen: TriangleMesh, scene: MeshScene) -> None:
    """The mesh in three formats, what was seen of it, and pictures from all sides."""
    write_ply(folder / "mesh.ply", colored)
    write_obj(folder / "mesh.obj", textured)
    write_glb(folder / "mesh.glb", textured)
    write_ply(folder / "coverage.ply", seen)
    for name, picture in zip(["mesh_0", "mesh_1", "mesh_2", "mesh_3", "mesh_top"], portraits(scene), strict=True):
        write_image(folder / f"{name}.png", np.round(picture.color * 255).astype(np.uint8))


def _measured(
    surface: TriangleMesh,
    n_seeing: NDArray[np.int64],
    voxel: float,
    reconstruction: Reconstruction,
    settings: MeshSettings,
) -> dict[str, Any]:
    """Metrics of the surface; `n_seeing` [faces]: how many photos see each face."""
    scale = reconstruction.scale
    return {
        "vertices": len(surface.vertices),
        "faces": len(surface.faces),
        "components": int(cleaning.face_components(surface).max()) + 1,
        "watertight_fraction": cleaning.watertight_fraction(surface),
        "seen_fraction": coverage.seen_fraction(surface, n_seeing, min_views=settings.seen_min_views),
        "voxel_units": voxel,
        "voxel_m": scale and voxel * scale.metres_per_unit,
        "texture_size": settings.texture_size,
        "texture_from": settings.texture_from,
    }


def _likeness(
    scene: MeshScene, photos: Sequence[Photo], reconstruction: Reconstruction, settings: MeshSettings
) -> dict[str, Any]:
    """How like the held-out pictures the mesh looks."""
    tests = [v for v, is_test in zip(reconstruction.views, held_out(reconstruction.views), strict=True) if is_test]
    found = likeness_of_views(scene, tests, behind=color_behind(photos), max_side=settings.photo_max_side)
    if found.psnr is not None:
        say(
            f"mesh: held-out PSNR {found.psnr:.2f} dB over the {found.covered:.0%} of pixels that it covers, "
            f"{found.psnr_all_pixels:.2f} dB over all"
        )
    return {
        "psnr": found.psnr,
        "psnr_covered_fraction": found.covered,
        "psnr_all_pixels": found.psnr_all_pixels,
    }


def _trusted_depths(
    reconstruction: Reconstruction, render_view_fn: RenderViewFn, settings: MeshSettings
) -> tuple[list[DepthMap], float]:
    viewpoints = choose_viewpoints(reconstruction, n_views=settings.fusion_views, max_side=settings.fusion_max_side)
    maps, far = render_depth_maps(
        viewpoints,
        render_view_fn,
        reconstruction=reconstruction,
        max_depth=settings.max_depth,
        min_opacity=settings.min_opacity,
        max_jump=settings.max_jump,
        min_cosine=settings.min_cosine,
    )
    n_before = sum(int((view.depth > 0).sum()) for view in maps)
    if n_before == 0:
        raise no_surface(f"{len(maps)} views, no pixel opaque enough")
    maps = keep_agreed(
        maps,
        n_neighbours=settings.neighbours,
        min_agreeing=settings.min_agreeing,
        tolerance=settings.agreement,
    )
    n_after = sum(int((view.depth > 0).sum()) for view in maps)
    if n_after < 100:
        raise no_surface(f"{n_after} of {n_before} pixels in {len(maps)} views")
    say(f"mesh: {n_after / n_before:.0%} of the depths agree between {len(maps)} views; meshing up to {far:.3g} units")
    if n_after < 0.3 * n_before:
        warn(
            f"mesh: only {n_after / n_before:.0%} of the depths agree between views, so parts will be missing. "
            "Train longer (train.max_seconds), or loosen mesh.agreement."
        )
    return maps, far


def _surface(maps: list[DepthMap], far: float, settings: MeshSettings) -> tuple[TriangleMesh, float]:
    """Fuse, clean, simplify, mend; and the voxel size."""
    tolerance = settings.agreement
    voxel = settings.voxel_size or choose_voxel_size(
        maps,
        footprints=settings.voxel_footprints,
        truncation_voxels=settings.truncation_voxels,
        memory_mb=settings.memory_mb,
    )
    mesh = fuse(
        maps,
        voxel=voxel,
        truncation_voxels=settings.truncation_voxels,
        far=far,
        min_weight=settings.min_weight,
    )
    mesh = cleaning.drop_contradicted(mesh, maps, tolerance=tolerance, voxel=voxel)
    if not len(mesh.faces):
        raise no_surface("every face is looked through by more views than see it")
    mesh = cleaning.drop_crumbs(mesh, min_area_fraction=settings.min_area_fraction)
    mesh = simplify(mesh, max_faces=settings.max_faces)
    mesh, _ = cleaning.fill_holes(
        mesh, maps, max_perimeter=settings.max_hole_voxels * voxel, tolerance=tolerance, voxel=voxel
    )
    return simplify(mesh, max_faces=settings.max_faces), voxel  # closed holes bring faces of their own


def _painter(
    surface: TriangleMesh,
    views: list[View],
    color_fn: ColorFn,
    reconstruction: Reconstruction,
    voxel: float,
    settings: MeshSettings,
) -> Painter:
    poses = np.stack([view.world_from_camera for view in views])
    chosen = farthest_poses(poses, settings.texture_photos, distance=typical_distance(reconstruction))
    photos = load_photos([views[i] for i in chosen], MeshScene(surface), max_side=settings.photo_max_side)
    return make_painter(
        surface,
        photos,
        color_fn,
        views_per_texel=settings.views_per_texel,
        occlusion_margin_px=settings.occlusion_margin_px,
        tolerance=2 * voxel,
    )


def _painted(surface: TriangleMesh, painter: Painter, settings: MeshSettings) -> tuple[TriangleMesh, TriangleMesh]:
    """The mesh with a texture, and the mesh with vertex colours."""

    def paint(samples: SurfaceSamples) -> NDArray[np.float32]:
        return painter.paint(samples) if settings.texture_from == "photos" else field_paint(painter, samples)

    size = settings.texture_size
    say("mesh: unwrapping")
    textured = bake(surface, unwrap(surface, texture_size=size), paint, texture_size=size)
    colors = np.round(paint(_vertex_samples(surface)) * 255).astype(np.uint8)
    return textured, TriangleMesh(surface.vertices, surface.faces, colors)


def _vertex_samples(mesh: TriangleMesh) -> SurfaceSamples:
    """One sample per vertex, with the normal of one of its faces."""
    face_of = np.zeros(len(mesh.vertices), np.int64)
    face_of[mesh.faces.reshape(-1)] = np.repeat(np.arange(len(mesh.faces)), 3)
    return SurfaceSamples(mesh.vertices.astype(np.float32), face_normals(mesh)[face_of].astype(np.float32), face_of)
