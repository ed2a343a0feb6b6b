"""What prims of a USD stage are made of: meshes, colours that glow, semantic labels. Needs `usd-core`."""

from typing import Any

import numpy as np

from recon.export.labels import LABELS
from recon.formats.mesh_glb import vertex_normals
from recon.geometry.mesh import TriangleMesh


def fill_mesh(prim: Any, mesh: TriangleMesh) -> Any:
    """The geometry of a mesh prim: points, faces, normals, extent."""
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


def fill_colors(drawn: Any, mesh: TriangleMesh, look: Any) -> None:
    """Coordinates in the texture, or colours of vertices, and the material that shows them."""
    from pxr import Sdf, UsdGeom, UsdShade

    colors, per = UsdGeom.PrimvarsAPI(drawn), UsdGeom.Tokens.vertex
    if mesh.uvs is not None:
        colors.CreatePrimvar("st", Sdf.ValueTypeNames.TexCoord2fArray, per).Set(mesh.uvs.astype(np.float32))
    elif mesh.colors is not None:
        shades = (mesh.colors / 255.0).astype(np.float32)
        colors.CreatePrimvar("displayColor", Sdf.ValueTypeNames.Color3fArray, per).Set(shades)
    UsdShade.MaterialBindingAPI.Apply(drawn.GetPrim()).Bind(look)


def collide(prim: Any, contact: Any, *, approximation: str) -> None:
    """Make a mesh prim collide, unseen, with a physics material."""
    from pxr import UsdGeom, UsdPhysics, UsdShade

    prim.CreatePurposeAttr(UsdGeom.Tokens.guide)  # simulated, not rendered
    UsdPhysics.CollisionAPI.Apply(prim.GetPrim())
    UsdPhysics.MeshCollisionAPI.Apply(prim.GetPrim()).CreateApproximationAttr(approximation)
    UsdShade.MaterialBindingAPI.Apply(prim.GetPrim()).Bind(contact, materialPurpose="physics")


def label_prim(prim: Any, name: str) -> None:
    """OpenUSD's own semantic label, which synthetic-data tools read."""
    from pxr import UsdSemantics

    UsdSemantics.LabelsAPI.Apply(prim, "class").CreateLabelsAttr([name])


def label_faces(drawn: Any, labels: np.ndarray) -> None:
    """A subset of faces for every label that occurs, with that label."""
    from pxr import UsdGeom, Vt

    for number in np.unique(labels):
        faces = Vt.IntArray.FromNumpy(np.flatnonzero(labels == number).astype(np.int32))
        subset = UsdGeom.Subset.CreateGeomSubset(
            drawn, LABELS[number], UsdGeom.Tokens.face, faces, "semantics", UsdGeom.Tokens.partition
        )
        label_prim(subset.GetPrim(), LABELS[number])


def mark_unseen(drawn: Any, n_faces: int, n_unseen: int) -> None:
    """A subset of the last faces, which close a thing where nobody saw it, and one of those before; labelled by what is known."""
    from pxr import UsdGeom, UsdSemantics, Vt

    every = np.arange(n_faces, dtype=np.int32)
    for name, faces in (("seen", every[:-n_unseen]), ("unseen", every[-n_unseen:])):
        indices = Vt.IntArray.FromNumpy(np.ascontiguousarray(faces))
        subset = UsdGeom.Subset.CreateGeomSubset(
            drawn, name, UsdGeom.Tokens.face, indices, "evidence", UsdGeom.Tokens.partition
        )
        UsdSemantics.LabelsAPI.Apply(subset.GetPrim(), "evidence").CreateLabelsAttr([name])


def glow(stage: Any, material: Any, *, texture: str | None) -> None:
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
