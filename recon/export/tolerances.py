"""How close contact geometry keeps to what is seen: fine where something may stand or drive against it, coarse elsewhere."""

from dataclasses import dataclass, replace

import numpy as np

from recon.export.planes import OverRelief, Plane
from recon.export.settings import ExportSettings
from recon.geometry.transforms import Array

LEVEL = 0.5  # z of a normal: steeper than 60 degrees nothing comes to rest
DRIVEN_M = 0.3  # over the floor: what wheels and small robots run into
STOOD_M = 2.0  # over the floor: higher up nothing is set down but on flat tops, which are boxes of their own


@dataclass(frozen=True)
class Tolerances:
    """Distances in scene units, of which `scale` make a metre; everything is `fine` where no `floor` is known.

    Coarse are steep surfaces out of a small robot's reach (sides and fronts of furniture, relief of walls), and all that lies
    above a person's: the ragged rim of a room that was filmed without its ceiling.
    """

    fine: float
    coarse: float
    floor: OverRelief | Plane | None
    scale: float

    @staticmethod
    def of(settings: ExportSettings, *, length_scale: float) -> "Tolerances":
        """Those that the settings ask for, in package units, of which `length_scale` make a metre; no floor is known yet."""
        return Tolerances(settings.fine_m * length_scale, settings.relief_m * length_scale, None, length_scale)

    @staticmethod
    def same(tolerance: float) -> "Tolerances":
        """One for all of a surface."""
        return Tolerances(tolerance, tolerance, None, 1.0)

    def beyond(self, looser: float) -> "Tolerances":
        """Out of reach, where nothing stands and nothing drives: so many times the coarse one."""
        return replace(self, fine=looser * self.coarse, coarse=looser * self.coarse)

    def over(self, floor: OverRelief | Plane | None) -> "Tolerances":
        """The same above a floor."""
        return replace(self, floor=floor)

    def is_fine(self, positions: Array, normals: Array) -> np.ndarray:
        """Where the fine one holds [n], by positions [n, 3] and the unit normals [n, 3] of the surface there."""
        if self.floor is None:
            return np.ones(len(positions), bool)
        height = self.floor.height(positions)
        is_level = normals[:, 2] > LEVEL
        return np.asarray((height < DRIVEN_M * self.scale) | (is_level & (height < STOOD_M * self.scale)))

    def at(self, positions: Array, normals: Array) -> Array:
        """The tolerance [n] at positions [n, 3] on, or beside, a surface with unit normals [n, 3]."""
        return np.where(self.is_fine(positions, normals), self.fine, self.coarse)
