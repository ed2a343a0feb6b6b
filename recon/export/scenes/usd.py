"""OpenUSD for Isaac Sim and Omniverse: the textured mesh to draw, the concave static mesh to collide with.

Needs the package `usd-core` (the extra `usd`); the export says "skipped" without it.
"""

import importlib.util
from pathlib import Path

import numpy as np

from recon.geometry.mesh import TriangleMesh


def has_usd() -> bool:
    """Whether OpenUSD's Python package is installed."""
    return importlib.util.find_spec("pxr") is not None


def write_usd(
    path: Path, *, visual: TriangleMesh, collision: TriangleMesh, texture: str | None, friction: float
) -> None:
    """Write a z-up stage in metres; `texture` is a file name beside it."""
    from pxr import Gf, Sdf, Usd, UsdGeom, UsdPhysics, UsdShade

    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdPhysics.SetStageKilogramsPerUnit(stage, 1.0)
    world = UsdGeom.Xform.Define(stage, "/World")
    stage.SetDefaultPrim(world.GetPrim())
    physics = UsdPhysics.Scene.Define(stage, "/World/Physics")
    physics.CreateGravityDirectionAttr(Gf.Vec3f(0, 0, -1))
    physics.CreateGravityMagnitudeAttr(9.81)

    drawn = _mesh(UsdGeom.Mesh.Define(stage, "/World/Visual"), visual)
    if visual.uvs is not None and texture is not None:
        coordinates = UsdGeom.PrimvarsAPI(drawn).CreatePrimvar(
            "st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.vertex
        )
        coordinates.Set(visual.uvs.astype(np.float32))
        UsdShade.MaterialBindingAPI.Apply(drawn.GetPrim()).Bind(_textured(stage, texture))

    collided = _mesh(UsdGeom.Mesh.Define(stage, "/World/Collision"), collision)
    collided.CreatePurposeAttr(UsdGeom.Tokens.guide)  # simulated, not rendered
    UsdPhysics.CollisionAPI.Apply(collided.GetPrim())
    UsdPhysics.MeshCollisionAPI.Apply(collided.GetPrim()).CreateApproximationAttr(UsdPhysics.Tokens.none)
    rough = UsdShade.Material.Define(stage, "/World/PhysicsMaterial")
    surface = UsdPhysics.MaterialAPI.Apply(rough.GetPrim())
    surface.CreateStaticFrictionAttr(friction)
    surface.CreateDynamicFrictionAttr(friction)
    UsdShade.MaterialBindingAPI.Apply(collided.GetPrim()).Bind(rough, materialPurpose="physics")
    stage.GetRootLayer().Save()


def _mesh(prim, mesh: TriangleMesh):  # type: ignore[no-untyped-def]
    from pxr import UsdGeom, Vt

    points = mesh.vertices.astype(np.float32)
    prim.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(points))
    prim.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(mesh.faces), 3, np.int32)))
    prim.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(np.ascontiguousarray(mesh.faces.reshape(-1), np.int32)))
    prim.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    prim.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(np.stack([points.min(0), points.max(0)])))
    prim.CreateDoubleSidedAttr(True)
    return prim


def _textured(stage, texture: str):  # type: ignore[no-untyped-def]
    from pxr import Sdf, UsdShade

    material = UsdShade.Material.Define(stage, "/World/Material")
    shader = UsdShade.Shader.Define(stage, "/World/Material/Surface")
    shader.CreateIdAttr("UsdPreviewSurface")
    shader.CreateInput("roughness", Sdf.ValueTypeNames.Float).Set(1.0)
    reader = UsdShade.Shader.Define(stage, "/World/Material/Coordinates")
    reader.CreateIdAttr("UsdPrimvarReader_float2")
    reader.CreateInput("varname", Sdf.ValueTypeNames.String).Set("st")
    image = UsdShade.Shader.Define(stage, "/World/Material/Texture")
    image.CreateIdAttr("UsdUVTexture")
    image.CreateInput("file", Sdf.ValueTypeNames.Asset).Set(Sdf.AssetPath(f"./{texture}"))
    image.CreateInput("st", Sdf.ValueTypeNames.Float2).ConnectToSource(
        reader.CreateOutput("result", Sdf.ValueTypeNames.Float2)
    )
    shader.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).ConnectToSource(
        image.CreateOutput("rgb", Sdf.ValueTypeNames.Float3)
    )
    material.CreateSurfaceOutput().ConnectToSource(shader.CreateOutput("surface", Sdf.ValueTypeNames.Token))
    return material
