"""How bright, and how tinted, each picture is beside what all of them show together: automatic exposure and white balance."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recon.geometry import Camera, View

_MOST = 20.0  # of the logarithm of a gain, either way: beyond it float32 holds no colours

Lens = tuple[int, int, float]  # height and width of the picture, focal length, pixels


def lens_of(camera: Camera) -> Lens:
    """What tells the cameras of one capture apart."""
    return (*camera.size_hw, camera.fx)


@dataclass(frozen=True)
class Exposures:
    """One gain for each colour channel of each training picture; their logarithms are zero in the mean over the pictures.

    A picture shows gain * colour of the field, or of the texture. A picture that taught nothing takes its neighbours' in capture
    order, which is the order of names, among those of its own camera: nothing of a held-out picture is looked at.
    """

    names: tuple[str, ...]  # in order
    lenses: tuple[Lens, ...]  # [n] which camera took each
    log_gains: NDArray[np.float32]  # [n, 3]

    def __post_init__(self) -> None:
        assert all(isinstance(name, str) for name in self.names)
        assert self.log_gains.shape == (len(self.names), 3) and list(self.names) == sorted(self.names)
        assert len(self.lenses) == len(self.names) and all(len(lens) == 3 for lens in self.lenses)
        assert (np.abs(self.log_gains) <= _MOST).all(), "a gain that no picture has"

    @staticmethod
    def of_views(views: Sequence[View], log_gains: NDArray[np.float32]) -> "Exposures":
        """Of training pictures in any order and the logarithms [n, 3] of their gains."""
        order = sorted(range(len(views)), key=lambda i: views[i].name)
        in_order = [views[i] for i in order]
        return Exposures(
            tuple(view.name for view in in_order), tuple(lens_of(view.camera) for view in in_order), log_gains[order]
        )

    def gain(self, view: View) -> NDArray[np.float32]:
        """The gain [3] of a picture; of one between two training pictures of its camera the mean of theirs (of logarithms).

        Of a data set's own test split it is 1: those pictures stand in no order with the others.
        """
        at = bisect_left(self.names, view.name)
        if at < len(self.names) and self.names[at] == view.name:
            return np.exp(self.log_gains[at])
        if view.split is not None:
            return np.ones(3, np.float32)
        own = [i for i, lens in enumerate(self.lenses) if lens == lens_of(view.camera)]
        among = own or list(range(len(self.names)))  # with a camera for each picture, all are neighbours
        after = bisect_left(among, at)
        neighbours = among[max(after - 1, 0) : after + 1]
        mean = self.log_gains[neighbours].mean(0) if neighbours else np.zeros(3)
        return np.exp(mean).astype(np.float32)

    @property
    def spread(self) -> float:
        """Standard deviation of the gains over the pictures, as a fraction."""
        return float(self.log_gains.std()) if len(self.names) else 0.0

    def plain(self) -> dict[str, Any]:
        """For checkpoints; `Exposures.of` is the inverse."""
        lenses = [list(lens) for lens in self.lenses]
        return {"names": list(self.names), "lenses": lenses, "log_gains": torch.from_numpy(self.log_gains)}

    @staticmethod
    def of(plain: dict[str, Any]) -> "Exposures":
        return Exposures(tuple(plain["names"]), tuple(map(tuple, plain["lenses"])), plain["log_gains"].numpy())


NO_EXPOSURES = Exposures((), (), np.zeros((0, 3), np.float32))
