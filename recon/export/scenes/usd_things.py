"""The things of a place as prims of a USD stage: a frame each, what is drawn, convex parts, mass, and their label."""

from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from recon.export.place import Place, Thing
from recon.export.scenes.usd_prims import collide, fill_colors, fill_mesh, label_prim, mark_unseen


def write_things(stage: Any, root: Any, place: Place, look: Any, contact: Any) -> None:
    """Define ROOT/Things with a prim for every thing; rigid bodies where things are free, colliders alone where not."""
    from pxr import UsdGeom

    if not place.things:
        return
    group = UsdGeom.Scope.Define(stage, f"{root.GetPath()}/Things")
    for thing in place.things:
        _write(stage, f"{group.GetPath()}/{thing.name}", thing, look, contact, is_free=place.things_are_free)


def _write(stage: Any, path: str, thing: Thing, look: Any, contact: Any, *, is_free: bool) -> None:
    """Write a thing into the stage at this path, with the look and the contact material of the place; is_free: it may move."""
    from pxr import Gf, Kind, Usd, UsdGeom, UsdPhysics

    body = UsdGeom.Xform.Define(stage, path)
    body.AddTranslateOp().Set(Gf.Vec3d(*thing.origin.tolist()))
    Usd.ModelAPI(body).SetKind(Kind.Tokens.subcomponent)
    label_prim(body.GetPrim(), thing.label)
    if is_free:
        UsdPhysics.RigidBodyAPI.Apply(body.GetPrim())
        _weigh(body, thing)
    drawn = fill_mesh(UsdGeom.Mesh.Define(stage, f"{path}/Visual"), thing.visual)
    fill_colors(drawn, thing.visual, look)
    if thing.n_unseen:
        mark_unseen(drawn, len(thing.visual.faces), thing.n_unseen)
    for part in thing.parts:
        prim = fill_mesh(UsdGeom.Mesh.Define(stage, f"{path}/{part.name}"), part.mesh)
        collide(prim, contact, approximation=UsdPhysics.Tokens.convexHull)


def _weigh(body: Any, thing: Thing) -> None:
    from pxr import Gf, UsdPhysics

    mass = UsdPhysics.MassAPI.Apply(body.GetPrim())
    mass.CreateMassAttr(thing.mass)
    mass.CreateCenterOfMassAttr(Gf.Vec3f(*thing.centre.tolist()))
    moments, axes = np.linalg.eigh(thing.inertia)
    axes *= np.sign(np.linalg.det(axes))
    x, y, z, w = Rotation.from_matrix(axes).as_quat().tolist()
    mass.CreateDiagonalInertiaAttr(Gf.Vec3f(*moments.tolist()))
    mass.CreatePrincipalAxesAttr(Gf.Quatf(w, x, y, z))
