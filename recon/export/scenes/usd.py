"""OpenUSD for Isaac Sim, Omniverse and Newton: the textured mesh to draw, the concave static mesh to collide with, the cameras.

A binary stage, z-up, in metres, one component of its kind, labelled for synthetic data. Needs the package `usd-core` (the
extra `usd`); the export says "skipped" without it.
"""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from recon.export.labels import LABELS
from recon.export.place import TEXTURE, Place
from recon.formats.mesh_glb import vertex_normals
from recon.geometry.mesh import TriangleMesh
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
    _label(root.GetPrim(), "place")
    UsdGeom.Scope.Define(stage, f"{root.GetPath()}/Looks")
    _draw(stage, root, place)
    _collide(stage, root, place)
    UsdGeom.Scope.Define(stage, f"{root.GetPath()}/Cameras")
    for number, view in enumerate(place.reconstruction.views):
        _camera(UsdGeom.Camera.Define(stage, f"{root.GetPath()}/Cameras/view_{number:04d}"), view)
    physics = UsdPhysics.Scene.Define(stage, f"{root.GetPath()}/Physics")
    physics.CreateGravityDirectionAttr((0, 0, -1))
    physics.CreateGravityMagnitudeAttr(9.81)
    stage.GetRootLayer().Save()


def _draw(stage: Any, root: Any, place: Place) -> None:
    from pxr import Sdf, UsdGeom, UsdShade

    drawn = _mesh(UsdGeom.Mesh.Define(stage, f"{root.GetPath()}/Visual"), place.visual)
    look = UsdShade.Material.Define(stage, f"{root.GetPath()}/Looks/Captured")
    colors = UsdGeom.PrimvarsAPI(drawn)
    if place.visual.uvs is not None:
        kind, per = Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.vertex
        colors.CreatePrimvar("st", kind, per).Set(place.visual.uvs.astype(np.float32))
        _glow(stage, look, texture=TEXTURE)
    else:
        if place.visual.colors is not None:
            shades = (place.visual.colors / 255.0).astype(np.float32)
            kind = Sdf.ValueTypeNames.Color3fArray
            colors.CreatePrimvar("displayColor", kind, UsdGeom.Tokens.vertex).Set(shades)
        _glow(stage, look, texture=None)
    UsdShade.MaterialBindingAPI.Apply(drawn.GetPrim()).Bind(look)
    if place.labels is not None:
        _label_faces(drawn, place.labels)


def _collide(stage: Any, root: Any, place: Place) -> None:
    from pxr import UsdGeom, UsdPhysics, UsdShade

    collided = _mesh(UsdGeom.Mesh.Define(stage, f"{root.GetPath()}/Collision"), place.static)
    collided.CreatePurposeAttr(UsdGeom.Tokens.guide)  # simulated, not rendered
    UsdPhysics.CollisionAPI.Apply(collided.GetPrim())
    UsdPhysics.MeshCollisionAPI.Apply(collided.GetPrim()).CreateApproximationAttr(UsdPhysics.Tokens.none)
    rough = UsdShade.Material.Define(stage, f"{root.GetPath()}/Looks/Contact")
    surface = UsdPhysics.MaterialAPI.Apply(rough.GetPrim())
    surface.CreateStaticFrictionAttr(place.friction)
    surface.CreateDynamicFrictionAttr(place.friction)
    surface.CreateRestitutionAttr(0.0)
    UsdShade.MaterialBindingAPI.Apply(collided.GetPrim()).Bind(rough, materialPurpose="physics")


def _mesh(prim: Any, mesh: TriangleMesh) -> Any:
    from pxr import UsdGeom, Vt

    points = mesh.vertices.astype(np.float32)
    prim.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(points))
    prim.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(mesh.faces), 3, np.int32)))
    prim.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(np.ascontiguousarray(mesh.faces.reshape(-1), np.int32)))
    prim.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(vertex_normals(points, mesh.faces)))
    prim.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    prim.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    prim.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(np.stack([points.min(0), points.max(0)])))
    prim.CreateDoubleSidedAttr(True)
    return prim


def _label(prim: Any, name: str) -> None:
    """OpenUSD's own semantic label, which synthetic-data tools read."""
    from pxr import UsdSemantics

    UsdSemantics.LabelsAPI.Apply(prim, "class").CreateLabelsAttr([name])


def _label_faces(drawn: Any, labels: np.ndarray) -> None:
    """A subset of faces for every label that occurs, with that label."""
    from pxr import UsdGeom, Vt

    for number in np.unique(labels):
        faces = Vt.IntArray.FromNumpy(np.flatnonzero(labels == number).astype(np.int32))
        subset = UsdGeom.Subset.CreateGeomSubset(
            drawn, LABELS[number], UsdGeom.Tokens.face, faces, "semantics", UsdGeom.Tokens.partition
        )
        _label(subset.GetPrim(), LABELS[number])


def _glow(stage: Any, material: Any, *, texture: str | None) -> None:
    """A preview surface that gives off its texture: a capture holds the light of its place already."""
    from pxr import Gf, Sdf, UsdShade

    path = material.GetPath()
    shader = UsdShade.Shader.Define(stage, f"{path}/Surface")
    shader.CreateIdAttr("UsdPreviewSurface")
    shader.CreateInput("roughness", Sdf.ValueTypeNames.Float).Set(1.0)
    material.CreateSurfaceOutput().ConnectToSource(shader.CreateOutput("surface", Sdf.ValueTypeNames.Token))
    color = shader.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f)
    reader = UsdShade.Shader.Define(stage, f"{path}/Coordinates")
    if texture is None:
        reader.CreateIdAttr("UsdPrimvarReader_float3")
        reader.CreateInput("varname", Sdf.ValueTypeNames.String).Set("displayColor")
        reader.CreateInput("fallback", Sdf.ValueTypeNames.Float3).Set(Gf.Vec3f(0.5))
        color.ConnectToSource(reader.CreateOutput("result", Sdf.ValueTypeNames.Float3))
        return
    reader.CreateIdAttr("UsdPrimvarReader_float2")
    reader.CreateInput("varname", Sdf.ValueTypeNames.String).Set("st")
    image = UsdShade.Shader.Define(stage, f"{path}/Texture")
    image.CreateIdAttr("UsdUVTexture")
    image.CreateInput("file", Sdf.ValueTypeNames.Asset).Set(Sdf.AssetPath(f"./{texture}"))
    image.CreateInput("sourceColorSpace", Sdf.ValueTypeNames.Token).Set("sRGB")
    image.CreateInput("st", Sdf.ValueTypeNames.Float2).ConnectToSource(
        reader.CreateOutput("result", Sdf.ValueTypeNames.Float2)
    )
    color.ConnectToSource(image.CreateOutput("rgb", Sdf.ValueTypeNames.Float3))


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
