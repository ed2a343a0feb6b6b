"""The export stage: mesh/ -> world/, a package that simulators load, and a drop test that proves it."""

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recon.console import say, warn
from recon.errors import UserError
from recon.export.collision_mesh import make_collision_mesh
from recon.export.convex_parts import decompose
from recon.export.ground import find_ground, write_ground
from recon.export.manifest import Lengths, lengths_of, make_manifest, write_readme
from recon.export.preview import write_preview
from recon.export.scene_files import write_habitat_stage, write_mjcf, write_sdf, write_urdf
from recon.export.surface import Surface
from recon.export.usd import has_usd, write_usd
from recon.export.verify import verify_world
from recon.formats import cameras_json
from recon.formats.mesh_glb import write_glb
from recon.formats.mesh_obj import read_obj, write_obj
from recon.geometry.mesh import TriangleMesh
from recon.geometry.reconstruction import Reconstruction
from recon.geometry.transforms import Similarity
from recon.workspace import (
    Workspace,
    fingerprint,
    is_finished,
    mark_finished,
    read_metrics,
    replace_folder,
    write_json,
    write_metrics,
)


def export_world(
    workspace: Workspace,
    *,
    reconstruction: Reconstruction,
    name: str,
    tolerance_m: float,
    wall_thickness_m: float,
    collision_faces: int,
    max_parts: int,
    ground_cell_m: float,
    friction: float,
    assumed_diagonal_m: float,
    verify: bool,
    drop_spheres: int,
    sphere_radius_m: float,
    drop_seconds: float,
) -> Path:
    """Write `workspace.world`; settings are explained in conf/export/default.yaml.

    Raises `UserError` when there is no mesh, or an empty one. Writes the metrics section "world".
    """
    source = workspace.mesh / "mesh.obj"
    settings = {key: value for key, value in locals().items() if key not in ("workspace", "reconstruction", "source")}
    settings["cameras"] = cameras_json.encode(reconstruction, root=workspace.root)
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        raise UserError(f"export.name: expected letters, digits and _, found {name!r}.")
    key = fingerprint(settings, [workspace.mesh])
    if is_finished(workspace.world, key):
        say("export: up to date")
        return workspace.world
    started = time.perf_counter()
    mesh, reconstruction = _in_metres(_read_mesh(source), reconstruction)
    lengths = lengths_of(mesh, reconstruction, assumed_diagonal=assumed_diagonal_m)
    with replace_folder(workspace.world) as folder:
        write_json(folder / "cameras.json", _portable_cameras(reconstruction, workspace))
        collision = _write_geometry(
            folder, mesh, lengths, tolerance_m, wall_thickness_m, collision_faces=collision_faces, max_parts=max_parts
        )
        ground = _write_ground(folder, mesh, reconstruction, cell=ground_cell_m * lengths.scale)
        skipped = _write_scenes(folder, mesh, collision, name=name, friction=friction)
        write_preview(folder / "preview.png", mesh, made_already=workspace.mesh / "mesh_0.png")
        manifest = make_manifest(
            name=name,
            reconstruction=reconstruction,
            lengths=lengths,
            collision=collision.as_dict(),
            ground=ground,
            friction=friction,
            skipped=skipped,
            seen_fraction=read_metrics(workspace).get("mesh", {}).get("seen_fraction"),
        )
        write_readme(folder, manifest)
        manifest.seal(folder)
        result: dict[str, Any] = {"loads": {}, "n_parts": len(collision.parts), "collision_faces": collision.n_faces}
        if verify:
            result |= verify_world(
                folder, n_spheres=drop_spheres, sphere_radius_m=sphere_radius_m, seconds=drop_seconds
            )
            write_json(folder / "verification.json", result)
        seconds = time.perf_counter() - started
        mark_finished(folder, key, settings={k: v for k, v in settings.items() if k != "cameras"}, seconds=seconds)
    write_metrics(workspace, "world", {**result, "seconds": round(seconds, 3)})
    say(f"export: {len(collision.parts)} convex parts, {collision.n_faces} collision faces -> {workspace.world}")
    return workspace.world


@dataclass(frozen=True)
class _Collision:
    """What stands in collision/."""

    mesh: TriangleMesh
    parts: list[str]  # file names relative to the package
    tolerance: float  # the parts stand off the visual surface by no more than this, in package units
    deviation: float  # of static.obj, measured

    @property
    def n_faces(self) -> int:
        return len(self.mesh.faces)

    def as_dict(self) -> dict[str, Any]:
        return {
            "static": "collision/static.obj",
            "static_faces": self.n_faces,
            "static_deviation": self.deviation,
            "n_parts": len(self.parts),
            "tolerance": self.tolerance,
        }


def _read_mesh(source: Path) -> TriangleMesh:
    if not source.exists():
        raise UserError(f"{source} is missing. Make it with: python scripts/mesh.py")
    mesh = read_obj(source)
    if not len(mesh.faces):
        raise UserError(f"{source} has no faces. Train longer, then run: python scripts/mesh.py")
    return mesh


def _in_metres(mesh: TriangleMesh, reconstruction: Reconstruction) -> tuple[TriangleMesh, Reconstruction]:
    """Package units are metres wherever the scale is known; otherwise they stay scene units, with a warning."""
    if not reconstruction.is_up_aligned:
        warn(
            "the up direction of this capture is unknown: gravity in the world points along its -z, which may be wrong."
        )
    scale = reconstruction.scale
    if scale is None:
        warn(
            "the scale of this capture is unknown: simulators will take one scene unit for one metre. "
            "Give a distance (scale.known_distance_m=...) for a world in metres."
        )
        return mesh, reconstruction
    factor = Similarity(scale.metres_per_unit, np.eye(3), np.zeros(3))
    moved = TriangleMesh(factor.points(mesh.vertices), mesh.faces, mesh.colors, mesh.uvs, mesh.texture)
    return moved, reconstruction.transformed(factor)


def _portable_cameras(reconstruction: Reconstruction, workspace: Workspace) -> dict[str, Any]:
    """cameras.json of the package: image paths as in the run folder, bare names for images that lie elsewhere."""
    value = cameras_json.encode(reconstruction, root=workspace.root)
    for view in value["views"]:
        for key in ("image", "mask"):
            if view[key] and Path(view[key]).is_absolute():
                view[key] = Path(view[key]).name
    return value


def _write_geometry(
    folder: Path,
    mesh: TriangleMesh,
    lengths: Lengths,
    tolerance_m: float,
    wall_thickness_m: float,
    *,
    collision_faces: int,
    max_parts: int,
) -> _Collision:
    """The visual mesh, the concave collision mesh and the convex parts."""
    write_obj(folder / "visual.obj", mesh)
    write_glb(folder / "visual.glb", mesh)
    tolerance = tolerance_m * lengths.scale
    # Half of the tolerance is for simplification, half for the convex parts of the simplified surface.
    static, deviation = make_collision_mesh(mesh, deviation=tolerance / 2, max_faces=collision_faces)
    (folder / "collision").mkdir()
    write_obj(folder / "collision/static.obj", static)
    parts, reached = decompose(
        static, tolerance=tolerance / 2, thickness=wall_thickness_m * lengths.scale, max_parts=max_parts
    )
    names = [f"collision/part_{i:04d}.obj" for i in range(len(parts))]
    for file, part in zip(names, parts, strict=True):
        write_obj(folder / file, part)
    collision = _Collision(static, names, reached + deviation, deviation)
    if collision.tolerance > 1.01 * tolerance:
        warn(
            f"collision parts keep to {collision.tolerance:.3f} of the surface instead of {tolerance:.3f}: the scene "
            "needs more of them. Raise export.max_parts and export.collision_faces for finer contact."
        )
    return collision


def _write_ground(
    folder: Path, mesh: TriangleMesh, reconstruction: Reconstruction, *, cell: float
) -> dict[str, Any] | None:
    if not reconstruction.is_up_aligned:
        return None
    ground = find_ground(mesh, Surface(mesh), cell=cell)
    return None if ground is None else write_ground(folder, ground)


def _write_scenes(
    folder: Path, mesh: TriangleMesh, collision: _Collision, *, name: str, friction: float
) -> dict[str, str]:
    """Scene files of every simulator; what was skipped and why."""
    write_mjcf(folder / "scene.xml", parts=collision.parts, has_texture=mesh.texture is not None, friction=friction)
    write_urdf(folder / "scene.urdf", collisions=collision.parts, is_concave=False)
    write_urdf(folder / "scene_concave.urdf", collisions=["collision/static.obj"], is_concave=True)
    write_sdf(folder, name=name, friction=friction)
    write_habitat_stage(folder / f"{name}.stage_config.json")
    notice = Path(folder / "LICENSE")
    notice.write_text("State here under which licence this captured place may be used. None has been chosen yet.\n")
    if not has_usd():
        say("export: scene.usda skipped (pip install usd-core to write it)")
        return {"scene.usda": "skipped: the package usd-core is not installed"}
    texture = "visual.png" if mesh.texture is not None else None
    write_usd(folder / "scene.usda", visual=mesh, collision=collision.mesh, texture=texture, friction=friction)
    return {}
