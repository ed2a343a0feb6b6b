"""The mesh stage: field -> mesh/ with geometry, texture, coverage and pictures."""

import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from recon.console import say, warn
from recon.errors import UserError
from recon.formats.images import write_image
from recon.formats.meshes import write_glb, write_obj, write_ply
from recon.geometry import Reconstruction, TriangleMesh, View, held_out
from recon.mesh import cleaning, coverage
from recon.mesh.agreement import keep_agreed
from recon.mesh.atlas import SurfaceSamples, face_normals, unwrap
from recon.mesh.depth_maps import DepthMap, RenderViewFn, render_depth_maps
from recon.mesh.fusion import choose_voxel_size, fuse, no_surface
from recon.mesh.likeness import portraits, psnr_of_views
from recon.mesh.photos import load_photos
from recon.mesh.picture import MeshScene
from recon.mesh.simplification import simplify
from recon.mesh.texture import ColorFn, Painter, bake, field_paint, make_painter
from recon.mesh.viewpoints import choose_viewpoints, farthest_poses, training_views, typical_distance
from recon.workspace import Workspace, fingerprint, is_finished, mark_finished, replace_folder, write_metrics

TextureFrom = Literal["photos", "field"]
_NOT_SETTINGS = ("workspace", "reconstruction", "render_view_fn", "color_fn")


def build_mesh(
    workspace: Workspace,
    *,
    reconstruction: Reconstruction,
    render_view_fn: RenderViewFn,
    color_fn: ColorFn,
    fusion_views: int,
    fusion_max_side: int,
    max_depth: float | None,
    min_opacity: float,
    max_jump: float,
    min_cosine: float,
    neighbours: int,
    min_agreeing: int,
    agreement: float,
    voxel_size: float | None,
    voxel_footprints: float,
    truncation_voxels: float,
    min_weight: float,
    memory_mb: float,
    min_area_fraction: float,
    max_hole_voxels: float,
    max_faces: int,
    texture_from: TextureFrom,
    texture_size: int,
    texture_photos: int,
    photo_max_side: int,
    views_per_texel: int,
    occlusion_margin_px: int,
    seen_min_views: int,
    seen_min_cosine: float,
) -> Path:
    """Mesh a field seen through two functions, and write `workspace.mesh`. Settings: conf/mesh/default.yaml.

    Args:
        reconstruction: the posed capture; its training views' pictures paint the mesh, its held-out views judge it.
        render_view_fn: (camera, world_from_camera [4, 4]) -> a rendered view with opacity, depth and normal.
        color_fn: (positions [n, 3] world, unit directions [n, 3] world) -> colours [n, 3] in [0, 1].

    Returns `workspace.mesh`. Raises `UserError` when the field shows no surface that its views agree on.
    """
    arguments = dict(locals())
    settings = {name: arguments[name] for name in arguments if name not in _NOT_SETTINGS}
    _check(settings)
    key = fingerprint(settings, [workspace.checkpoint, workspace.cameras_json, workspace.points_ply])
    if is_finished(workspace.mesh, key):
        say("mesh: up to date")
        return workspace.mesh
    started = time.perf_counter()

    maps, far = _trusted_depths(reconstruction, render_view_fn, settings)
    surface, voxel = _surface(maps, far, settings)
    say(f"mesh: {len(surface.vertices):,} vertices, {len(surface.faces):,} faces, voxels of {voxel:.4g} units")
    views = training_views(reconstruction)
    painter = _painter(surface, views, color_fn, reconstruction, voxel, settings)
    textured, colored = _painted(surface, painter, texture_from, texture_size)
    n_seeing = coverage.count_views(surface, painter.photos, min_cosine=seen_min_cosine, tolerance=painter.tolerance)
    scene = MeshScene(textured)
    tests = [v for v, is_test in zip(reconstruction.views, held_out(reconstruction.views), strict=True) if is_test]
    psnr, covered = psnr_of_views(scene, tests, max_side=photo_max_side)

    with replace_folder(workspace.mesh) as folder:
        write_ply(folder / "mesh.ply", colored)
        write_obj(folder / "mesh.obj", textured)
        write_glb(folder / "mesh.glb", textured)
        write_ply(folder / "coverage.ply", coverage.coverage_mesh(surface, n_seeing))
        for name, picture in zip(["mesh_0", "mesh_1", "mesh_2", "mesh_3", "mesh_top"], portraits(scene), strict=True):
            write_image(folder / f"{name}.png", np.round(picture.color * 255).astype(np.uint8))
        seconds = time.perf_counter() - started
        mark_finished(folder, key, settings=settings, seconds=seconds)
    scale = reconstruction.scale
    metrics = {
        "vertices": len(surface.vertices),
        "faces": len(surface.faces),
        "components": int(cleaning.face_components(surface).max()) + 1,
        "watertight_fraction": cleaning.watertight_fraction(surface),
        "seen_fraction": coverage.seen_fraction(surface, n_seeing, min_views=seen_min_views),
        "voxel_units": voxel,
        "voxel_m": scale and voxel * scale.metres_per_unit,
        "max_depth_units": far,
        "fusion_views": len(maps),
        "texture_size": texture_size,
        "texture_from": texture_from,
        "psnr": psnr,
        "psnr_covered_fraction": covered,
        "seconds": round(seconds, 2),
    }
    write_metrics(workspace, "mesh", metrics)
    if psnr is not None:
        say(f"mesh: held-out PSNR {psnr:.2f} dB over the {covered:.0%} of pixels that it covers, {seconds:.0f} s")
    return workspace.mesh


def _check(settings: dict[str, Any]) -> None:
    """Report every impossible setting at once."""
    wrong = [
        f"mesh.{name}={settings[name]} (expected {expected})"
        for name, is_right, expected in [
            ("fusion_views", settings["fusion_views"] >= 2, "at least 2"),
            ("fusion_max_side", settings["fusion_max_side"] >= 16, "at least 16"),
            ("texture_from", settings["texture_from"] in ("photos", "field"), "photos or field"),
            ("texture_size", 16 <= settings["texture_size"] <= 16384, "16 to 16384"),
            ("max_faces", settings["max_faces"] >= 4, "at least 4"),
            ("truncation_voxels", 1 <= settings["truncation_voxels"] <= 8, "1 to 8"),
            ("voxel_footprints", settings["voxel_footprints"] > 0, "more than 0"),
            ("voxel_size", settings["voxel_size"] is None or settings["voxel_size"] > 0, "null or more than 0"),
            ("min_weight", settings["min_weight"] >= 1, "at least 1"),
            ("memory_mb", settings["memory_mb"] >= 8, "at least 8"),
            ("views_per_texel", settings["views_per_texel"] >= 1, "at least 1"),
            ("texture_photos", settings["texture_photos"] >= 1, "at least 1"),
        ]
        if not is_right
    ]
    if wrong:
        raise UserError(f"settings out of range: {'; '.join(wrong)}. Change them in conf/mesh or on the command line.")


def _trusted_depths(
    reconstruction: Reconstruction, render_view_fn: RenderViewFn, settings: dict[str, Any]
) -> tuple[list[DepthMap], float]:
    viewpoints = choose_viewpoints(
        reconstruction, n_views=settings["fusion_views"], max_side=settings["fusion_max_side"]
    )
    maps, far = render_depth_maps(
        viewpoints,
        render_view_fn,
        reconstruction=reconstruction,
        **{name: settings[name] for name in ("max_depth", "min_opacity", "max_jump", "min_cosine")},
    )
    n_before = sum(int((view.depth > 0).sum()) for view in maps)
    if n_before == 0:
        raise no_surface(f"{len(maps)} views, no pixel opaque enough")
    maps = keep_agreed(
        maps,
        n_neighbours=settings["neighbours"],
        min_agreeing=settings["min_agreeing"],
        tolerance=settings["agreement"],
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


def _surface(maps: list[DepthMap], far: float, settings: dict[str, Any]) -> tuple[TriangleMesh, float]:
    """Fuse, clean, simplify, mend; and the voxel size."""
    tolerance = settings["agreement"]
    voxel = settings["voxel_size"] or choose_voxel_size(
        maps,
        footprints=settings["voxel_footprints"],
        truncation_voxels=settings["truncation_voxels"],
        memory_mb=settings["memory_mb"],
    )
    mesh = fuse(
        maps,
        voxel=voxel,
        truncation_voxels=settings["truncation_voxels"],
        far=far,
        min_weight=settings["min_weight"],
    )
    mesh = cleaning.drop_contradicted(mesh, maps, tolerance=tolerance, voxel=voxel)
    if not len(mesh.faces):
        raise no_surface("every face is looked through by more views than see it")
    mesh = cleaning.drop_crumbs(mesh, min_area_fraction=settings["min_area_fraction"])
    mesh = simplify(mesh, max_faces=settings["max_faces"])
    mesh, _ = cleaning.fill_holes(
        mesh, maps, max_perimeter=settings["max_hole_voxels"] * voxel, tolerance=tolerance, voxel=voxel
    )
    return simplify(mesh, max_faces=settings["max_faces"]), voxel  # closed holes bring faces of their own


def _painter(
    surface: TriangleMesh,
    views: list[View],
    color_fn: ColorFn,
    reconstruction: Reconstruction,
    voxel: float,
    settings: dict[str, Any],
) -> Painter:
    poses = np.stack([view.world_from_camera for view in views])
    chosen = farthest_poses(poses, settings["texture_photos"], distance=typical_distance(reconstruction))
    photos = load_photos([views[i] for i in chosen], MeshScene(surface), max_side=settings["photo_max_side"])
    return make_painter(
        surface,
        photos,
        color_fn,
        views_per_texel=settings["views_per_texel"],
        occlusion_margin_px=settings["occlusion_margin_px"],
        tolerance=2 * voxel,
    )


def _painted(
    surface: TriangleMesh, painter: Painter, texture_from: TextureFrom, texture_size: int
) -> tuple[TriangleMesh, TriangleMesh]:
    """The mesh with a texture, and the mesh with vertex colours."""

    def paint(samples: SurfaceSamples) -> NDArray[np.float32]:
        return painter.paint(samples) if texture_from == "photos" else field_paint(painter, samples)

    say("mesh: unwrapping")
    textured = bake(surface, unwrap(surface, texture_size=texture_size), paint, texture_size=texture_size)
    colors = np.round(paint(_vertex_samples(surface)) * 255).astype(np.uint8)
    return textured, TriangleMesh(surface.vertices, surface.faces, colors)


def _vertex_samples(mesh: TriangleMesh) -> SurfaceSamples:
    """One sample per vertex, with the normal of one of its faces."""
    face_of = np.zeros(len(mesh.vertices), np.int64)
    face_of[mesh.faces.reshape(-1)] = np.repeat(np.arange(len(mesh.faces)), 3)
    return SurfaceSamples(mesh.vertices.astype(np.float32), face_normals(mesh)[face_of].astype(np.float32), face_of)
