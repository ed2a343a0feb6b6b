"""The kept frames of a capture as structure from motion needs them, and which of them share a camera."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import numpy as np

from recon.formats.frames_json import CUT, MADE_BY, FrameRecord, read_capture
from recon.formats.given_poses import rigid_matrix
from recon.formats.image_files import image_size_hw
from recon.geometry.transforms import Array
from recon.workspace import Workspace
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file

MIN_FRAMES = 3  # two views give no redundancy to tell a right model from a wrong one


@dataclass(frozen=True)
class FrameImage:
    """One kept frame."""

    name: str
    image: str  # path relative to the frames folder
    time_s: float | None
    focal_px: float | None  # prior from EXIF or the capture's settings
    size_hw: tuple[int, int]
    mask: str | None = None  # path relative to the frames folder, white where the picture counts
    camera: int = 0  # which camera took it: frames of one share a lens
    sensor: str = ""  # which camera of the rig took it
    rig_frame: str = ""  # the moment of the rig
    orientation: int | None = None  # EXIF code to read the picture with; 1: as stored; None: what the file says
    take: int = 0  # of a film that is cut: frames of one take were filmed in one go


@dataclass(frozen=True)
class FrameSet:
    """The kept frames in order of capture."""

    kind: str  # "video": neighbours overlap; "photos": any order
    frames: tuple[FrameImage, ...]
    is_camera_shared: bool
    is_lens_exact: bool = False  # a pinhole whose focal length is known, principal point at the centre
    is_focal_known: bool = False  # the focal lengths are measured, and are not estimated
    rig: Mapping[str, Array] | None = None  # rig_from_camera [4, 4] of each sensor, where frames are taken by a rig

    @property
    def images(self) -> list[str]:
        return [frame.image for frame in self.frames]

    def with_focal(self, focal_px: float) -> "FrameSet":
        """The same frames, taken with a measured focal length (pixels of the frames)."""
        frames = tuple(replace(frame, focal_px=focal_px) for frame in self.frames)
        return replace(self, frames=frames, is_focal_known=True)

    def camera_groups(self) -> list[tuple[FrameImage, ...]]:
        """Frames that share one camera: all of a video; photos of one device, zoom and size; else each its own.

        COLMAP wants a camera for each sensor of a rig, even where their lenses are the same.
        """
        if not self.is_camera_shared:
            return [(frame,) for frame in self.frames]
        groups: dict[tuple, list[FrameImage]] = {}
        for frame in self.frames:
            lens = (frame.camera, frame.size_hw, frame.focal_px and round(frame.focal_px, 1), frame.sensor)
            groups.setdefault(lens, []).append(frame)
        return [tuple(group) for group in groups.values()]

    def moments(self) -> list[list[int]]:
        """Places of the frames of each moment of the rig, in order of capture."""
        places: dict[str, list[int]] = {}
        for i, frame in enumerate(self.frames):
            places.setdefault(frame.rig_frame, []).append(i)
        return list(places.values())


def read_frame_set(workspace: Workspace) -> FrameSet:
    """The kept frames of the run folder. Raises `UserError` when there are fewer than three or one is missing."""
    file, capture = workspace.frames_json, read_capture(workspace)
    kept = capture.kept
    takes = _takes(capture.frames)
    frames = tuple(_frame(frame, capture.focal_prior_px, workspace.frames, takes[frame.name]) for frame in kept)
    frame_set = FrameSet(
        kind=capture.kind,
        frames=frames,
        is_camera_shared=capture.shared_camera or any(frame.camera is not None for frame in kept),
        is_lens_exact=capture.exact_focal_px is not None,
        rig=_rig(file, capture.rig, frames),
    )
    for key, values in (("name", [f.name for f in frames]), ("image", frame_set.images)):
        twice = next((value for value, count in Counter(values).items() if count > 1), None)
        if twice is not None:
            raise UserError(f"{file}: two frames have the {key} {twice!r}. Make it with: {MADE_BY}")
    if len(frames) < MIN_FRAMES:
        raise UserError(
            f"{file}: {len(frames)} frames kept, poses need at least {MIN_FRAMES} (20 or more is usual). "
            "Film longer, add photos, or raise capture.target_count."
        )
    missing = _missing(workspace.frames, [*frame_set.images, *(f.mask for f in frames if f.mask)])
    if missing:
        raise UserError(f"{workspace.frames}: {missing[0]} and {len(missing) - 1} more are missing. Run capture again.")
    return frame_set


def _takes(frames: Sequence[FrameRecord]) -> dict[str, int]:
    """The take of each frame, by name: a new one begins at every cut."""
    cuts = accumulate(int(CUT in frame.notes) for frame in frames)
    return {frame.name: take for frame, take in zip(frames, cuts, strict=True)}


def _frame(frame: FrameRecord, prior: float | None, folder: Path, take: int) -> FrameImage:
    assert frame.image is not None, "a kept frame has a picture"
    path = folder / frame.image
    return FrameImage(
        name=frame.name,
        image=frame.image,
        time_s=frame.time_s,
        focal_px=frame.exif_focal_px or prior,
        size_hw=image_size_hw(path) if is_file(path) else (0, 0),
        mask=frame.mask,
        camera=frame.camera or 0,
        sensor=frame.sensor or "",
        rig_frame=frame.rig_frame or "",
        take=take,
    )


def _rig(
    file: Path, rig: Mapping[str, list[list[float]]] | None, frames: tuple[FrameImage, ...]
) -> dict[str, Array] | None:
    """The checked poses of the sensors that took frames."""
    if rig is None:
        return None
    used = {frame.sensor for frame in frames}
    unknown = sorted(used - set(rig))
    if unknown or not all(frame.rig_frame for frame in frames):
        what = f"the sensor {unknown[0]!r} is not in its rig" if unknown else "a frame names no moment of its rig"
        raise UserError(f"{file}: {what}. Make it with: {MADE_BY}")
    try:
        poses = {str(name): np.array(pose, dtype=np.float64) for name, pose in rig.items() if name in used}
    except (TypeError, ValueError) as error:
        raise UserError(f"{file}: not a frames file (rig: {error}). Make it with: {MADE_BY}") from error
    return {name: rigid_matrix(pose, f"{file}: rig: {name}") for name, pose in poses.items()}


def _missing(folder: Path, files: Sequence[str]) -> list[str]:
    return [file for file in files if not is_file(folder / file)]
