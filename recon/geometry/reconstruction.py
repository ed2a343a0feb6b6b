"""What is known once a capture is posed: views (image, camera, pose), sparse points, scale. The hub of all formats."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from recon.geometry.cameras import Camera
from recon.geometry.geodesy import Geo
from recon.geometry.points import Points
from recon.geometry.split import held_out
from recon.geometry.tracks import Tracks
from recon.geometry.transforms import Array, Similarity, is_rigid

Split = Literal["train", "test"]


@dataclass(frozen=True)
class Reading:
    """How the pixels of a file become the picture that a camera is of. By default as a viewer shows it."""

    orientation: int | None = None  # EXIF code 1..8 to apply; 1: the stored pixels; None: what the file says
    levels: tuple[float, float] | None = None  # of deep grey pictures: the values that become black and white


@dataclass(frozen=True)
class View:
    """One posed image."""

    name: str  # unique; the order of names is the order of capture
    image: Path
    camera: Camera
    world_from_camera: Array  # [4, 4] float64, rigid, OpenCV axes
    time_s: float | None = None
    mask: Path | None = None  # single-channel image, 0 = ignore this pixel
    split: Split | None = None  # set only where a data set fixes it; otherwise every eighth view is held out
    reading: Reading = field(default_factory=Reading)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"the name of a view must be text, found {self.name!r}")
        pose = self.world_from_camera
        if pose.shape != (4, 4) or not np.isfinite(pose).all():
            raise ValueError(f"view {self.name}: pose must be a finite 4x4 matrix")
        if not is_rigid(pose):
            raise ValueError(f"view {self.name}: the upper 3x3 of the pose is not a rotation")


@dataclass(frozen=True)
class Scale:
    """How long one world unit is, where that comes from, and how sure it is."""

    metres_per_unit: float
    source: str  # for people: "distance between two frames, 2.0 m given"
    relative_error: float  # one sigma, as a fraction

    def __post_init__(self) -> None:
        if not 1e-12 < self.metres_per_unit < 1e12 or not 0 <= self.relative_error < float("inf"):
            raise ValueError(f"a scale must be positive and finite: {self}")


@dataclass(frozen=True)
class Reconstruction:
    """A posed capture. World: right-handed, +z up once `is_up_aligned`, metres once `scale` is known."""

    views: tuple[View, ...]
    points: Points | None = None  # of structure from motion, or those that a data set brings
    scale: Scale | None = None  # None: unknown, never silently 1
    is_up_aligned: bool = False
    world_from_capture: Similarity = field(
        default_factory=Similarity.identity
    )  # capture: as SfM or the given poses had it
    geo: Geo | None = None  # where the world lies on the Earth, from the GPS of photos
    tracks: Tracks = field(default_factory=Tracks)  # of `views`: what our own matching of the pictures rests on

    @property
    def centers(self) -> Array:
        """Camera centres [n, 3]."""
        return np.array([view.world_from_camera[:3, 3] for view in self.views]).reshape(-1, 3)

    @property
    def is_held_out(self) -> list[bool]:
        """Which views are held out of training: see `held_out`."""
        return held_out(self.views)

    @property
    def training_views(self) -> tuple[View, ...]:
        """The views that a field may learn from."""
        return tuple(view for view, out in zip(self.views, self.is_held_out, strict=True) if not out)

    @property
    def held_out_views(self) -> tuple[View, ...]:
        """The views that training never sees, by which the field is scored."""
        return tuple(view for view, out in zip(self.views, self.is_held_out, strict=True) if out)

    @property
    def files(self) -> list[Path]:
        """The pictures of all views, and their masks."""
        return [view.image for view in self.views] + [view.mask for view in self.views if view.mask is not None]

    def transformed(self, new_from_world: Similarity) -> "Reconstruction":
        """The same capture in another world frame."""
        views = tuple(
            replace(view, world_from_camera=new_from_world.poses(view.world_from_camera)) for view in self.views
        )
        scale = self.scale and replace(self.scale, metres_per_unit=self.scale.metres_per_unit / new_from_world.scale)
        return replace(
            self,
            views=views,
            points=None if self.points is None else self.points.transformed(new_from_world),
            scale=scale,
            world_from_capture=new_from_world @ self.world_from_capture,
            geo=self.geo and self.geo.transformed(new_from_world),
            tracks=self.tracks.transformed(new_from_world),
        )
