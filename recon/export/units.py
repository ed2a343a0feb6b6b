"""From the run's mesh and cameras to the package's units and origin."""

from dataclasses import dataclass, replace

import numpy as np

from recon.geometry.mesh import TriangleMesh
from recon.geometry.reconstruction import Reconstruction
from recon.geometry.transforms import Array, Similarity
from recon.workspace.console import warn

_FAR = 1000.0  # package units from the origin: beyond, single precision loses tenths of millimetres


@dataclass(frozen=True)
class Lengths:
    """What a length given in metres is in package units: 1 where the scale is known."""

    scale: float
    is_metric: bool


def lengths_of(mesh: TriangleMesh, reconstruction: Reconstruction, *, assumed_diagonal: float) -> Lengths:
    """Of an unscaled scene, tolerances and probe sizes are chosen as if its diagonal measured `assumed_diagonal` metres."""
    if reconstruction.scale is not None:
        return Lengths(1.0, True)
    diagonal = float(np.linalg.norm(np.ptp(mesh.vertices, axis=0)))
    return Lengths(max(diagonal, 1e-9) / assumed_diagonal, False)


def in_package_units(mesh: TriangleMesh, reconstruction: Reconstruction) -> tuple[TriangleMesh, Reconstruction, Array]:
    """Mesh and cameras in metres wherever the scale is known (otherwise they stay scene units, with a warning).

    The third value is the package's origin [3] in the run's world, in package units: zero, unless the world lies so far out
    that single precision, which every engine uses somewhere, would lose millimetres (UTM coordinates).
    """
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
    factor = 1.0 if scale is None else scale.metres_per_unit
    middle = factor * (mesh.vertices.min(0) + mesh.vertices.max(0)) / 2
    origin = np.where(np.linalg.norm(middle) > _FAR, np.round(middle), 0.0)
    package_from_world = Similarity(factor, np.eye(3), -origin)
    moved = replace(mesh, vertices=package_from_world.points(mesh.vertices))
    return moved, reconstruction.transformed(package_from_world), origin
