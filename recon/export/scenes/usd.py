"""OpenUSD for Isaac Sim, Omniverse and Newton: the textured mesh to draw, the concave static mesh to collide with, the cameras.

A binary stage, z-up, in metres, one component of its kind, labelled for synthetic data. Needs the package `usd-core` (the
extra `usd`); the export says "skipped" without it.
"""

import importlib.util
from pathlib import Path
from typing import Any

from recon.export.labels import floor_label
from recon.export.place import TEXTURE, Place
from recon.export.scenes.usd_prims import collide, fill_colors, fill_mesh, glow, label_faces, label_prim
from recon.export.scenes.usd_things import write_things
from recon.geometry.reconstruction import View
from recon.geometry.transforms import opengl_from_opencv

_SENSOR_MM = 36.0  # width of the film of every camera; with it go focal lengths in millimetres
_TENTHS = 10.0  # USD counts film sizes and focal lengths in tenths of a scene unit, whatever metresPerUnit says


def has_usd() -> bool:
    """Whether OpenUSD's Python package is installed."""
    return importlib.util.find_spec("pxr") is not None


def write_usd(path: Path, place: Place) -> None:
    """Write the stage; the texture is named by its path relative to `path`."""
    from pxr import Kind, Usd, UsdGeom, UsdPhysics

    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdPhysics.SetStageKilogramsPerUnit(stage, 1.0)
    root = UsdGeom.Xform.Define(stage, f"/{place.name}")
    stage.SetDefaultPrim(root.GetPrim())
    Usd.ModelAPI(root).SetKind(Kind.Tokens.component)
    label_prim(root.GetPrim(), "place")
    UsdGeom.Scope.Define(stage, f"{root.GetPath()}/Looks")
    look, contact = _captured(stage, root, place), _contact(stage, root, place)
    _draw(stage, root, place, look)
    collided = fill_mesh(UsdGeom.Mesh.Define(stage, f"{root.GetPath()}/Collision"), place.static)
    collide(collided, contact, approximation=UsdPhysics.Tokens.none)
    write_things(stage, root, place, look, contact)
    UsdGeom.Scope.Define(stage, f"{root.GetPath()}/Cameras")
    for number, view in enumerate(place.reconstruction.views):
        _camera(UsdGeom.Camera.Define(stage, f"{root.GetPath()}/Cameras/view_{number:04d}"), view)
    physics = UsdPhysics.Scene.Define(stage, f"{root.GetPath()}/Physics")
    physics.CreateGravityDirectionAttr((0, 0, -1))
    physics.CreateGravityMagnitudeAttr(9.81)
    stage.GetRootLayer().Save()


def _draw(stage: Any, root: Any, place: Place, look: Any) -> None:
    from pxr import UsdGeom

    drawn = fill_mesh(UsdGeom.Mesh.Define(stage, f"{root.GetPath()}/Visual"), place.visual)
    fill_colors(drawn, place.visual, look)
    if place.labels is not None:
        label_faces(drawn, place.labels)
    if place.filled is None:
        return
    filled = fill_mesh(UsdGeom.Mesh.Define(stage, f"{root.GetPath()}/Filled"), place.filled)
    fill_colors(filled, place.filled, look)
    name = floor_label(place.labels)
    if name is not None:
        label_prim(filled.GetPrim(), name)


def _captured(stage: Any, root: Any, place: Place) -> Any:
    from pxr import UsdShade

    look = UsdShade.Material.Define(stage, f"{root.GetPath()}/Looks/Captured")
    glow(stage, look, texture=TEXTURE if place.has_texture else None)
    return look


def _contact(stage: Any, root: Any, place: Place) -> Any:
    from pxr import UsdPhysics, UsdShade

    rough = UsdShade.Material.Define(stage, f"{root.GetPath()}/Looks/Contact")
    surface = UsdPhysics.MaterialAPI.Apply(rough.GetPrim())
    surface.CreateStaticFrictionAttr(place.friction)
    surface.CreateDynamicFrictionAttr(place.friction)
    surface.CreateRestitutionAttr(0.0)
    return rough


def _camera(camera: Any, view: View) -> None:
    """One camera of the capture: pose, focal length and shifted centre; lens distortion has no place in USD."""
    from pxr import Gf, Sdf

    height, width = view.camera.size_hw
    film = _SENSOR_MM / 1000 * _TENTHS
    camera.CreateHorizontalApertureAttr(film)
    camera.CreateVerticalApertureAttr(film * height / width * view.camera.fx / view.camera.fy)
    camera.CreateFocalLengthAttr(film * view.camera.fx / width)
    camera.CreateHorizontalApertureOffsetAttr(film * (width / 2 - view.camera.cx) / width)
    camera.CreateVerticalApertureOffsetAttr(film * (view.camera.cy - height / 2) / width)
    camera.CreateClippingRangeAttr(Gf.Vec2f(0.01, 1000.0))
    pose = opengl_from_opencv(view.world_from_camera)
    camera.AddTransformOp().Set(Gf.Matrix4d(pose.T.tolist()))  # USD multiplies row vectors
    camera.GetPrim().CreateAttribute("recon:image", Sdf.ValueTypeNames.String, custom=True).Set(view.image.name)
