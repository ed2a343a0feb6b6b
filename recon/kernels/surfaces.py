"""A surface that is asked a thousand times for a few places each: by native kernels where they are there."""

import numpy as np
import torch

from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Nearest, Surface
from recon.geometry.transforms import Array
from recon.kernels import native
from recon.kernels.native.triangles import Tree


class AskedSurface(Surface):
    """A `Surface`, the definition, whose nearest places come from a native `tree`; None without one."""

    def __init__(self, mesh: TriangleMesh, *, origin: Array | None = None) -> None:
        super().__init__(mesh, origin=origin)
        self.tree: Tree | None = None
        if native.why_missing() is None:
            native.set_n_threads(torch.get_num_threads())
            self.tree = Tree(mesh, self.origin)

    def nearest(self, positions: Array) -> Nearest:
        """As `Surface.nearest`; where several faces are equally near, another of them may be told."""
        if self.tree is None:
            return super().nearest(positions)
        places, faces, normals = self.tree.nearest(positions)
        return Nearest(np.linalg.norm(places - positions, axis=1), places, faces, normals)

    def distance(self, positions: Array) -> Array:
        """As `Surface.distance`."""
        return super().distance(positions) if self.tree is None else self.nearest(positions).distance
