"""360-degree captures: which sources are panoramas, and cutting each kept one into pinhole views of one exact camera.

Structure from motion, training and texturing know lenses of one centre and less than a hemisphere; views cut from a
panorama are just that, with a focal length that is a matter of geometry (`recon.geometry.panorama`), not of calibration.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.capture.keyframes import Spacing
from recon.capture.masks import save_mask
from recon.capture.survey import list_photos
from recon.formats.frames_json import Capture, FrameRecord
from recon.formats.image_files import read_header
from recon.formats.images import read_image, write_image
from recon.formats.masks import read_mask
from recon.formats.video import read_video_info
from recon.geometry.cameras import Camera
from recon.geometry.panorama import CubeView, cube_camera, cube_views, sampling_map
from recon.workspace.console import progress
from recon.workspace.errors import UserError

Projection = Literal["perspective", "equirectangular"]
# Panoramas are written at this quality before they are cut: what they lose must not show in the views.
WHOLE_QUALITY = 98
_POLES = {"none": (False, False), "up": (True, False), "down": (False, True), "both": (True, True)}
_MARGIN = 2  # pixels about the panorama that bicubic sampling reaches


@dataclass(frozen=True)
class ViewPlan:
    """The views that every panorama is cut into."""

    views: tuple[CubeView, ...]
    fov_deg: float

    def whole_size(self, max_size: int | None) -> int | None:
        """The width to which panoramas are shrunk so that their views have sides of `max_size`; None: not shrunk."""
        return None if max_size is None else round(max_size * math.pi / self._half_plane)

    def camera(self, whole_hw: tuple[int, int]) -> Camera:
        """The camera of all views: at its middle a pixel is as wide an angle as one of the panorama."""
        return cube_camera(fov_deg=self.fov_deg, side=max(1, round(whole_hw[1] / math.pi * self._half_plane)))

    def spacing(self, spacing: Spacing) -> Spacing:
        """Parallax and overlap asked of a view as those of the panorama, which is 360 degrees wide."""
        return replace(
            spacing,
            max_parallax=spacing.max_parallax * self._share,
            min_overlap=spacing.min_overlap**self._share,  # the turnover, -log(overlap), is a share of the picture
        )

    def as_of_view(self, frame: FrameRecord) -> FrameRecord:
        """The record of a panorama with parallax and overlap in parts of a view: the reverse of `spacing`."""
        if frame.parallax is None or frame.overlap is None:
            return frame
        overlap = frame.overlap ** (1 / self._share)
        return replace(frame, parallax=round(frame.parallax / self._share, 4), overlap=round(overlap, 3))

    @property
    def _share(self) -> float:
        """Of the panorama's width that a view takes in."""
        return self.fov_deg / 360

    @property
    def _half_plane(self) -> float:
        """Half a view's side at focal length 1."""
        return math.tan(math.radians(self.fov_deg) / 2)


def plan_views(*, n_around: int, fov_deg: float, poles: str) -> ViewPlan:
    """The views that the settings ask for; `UserError` where they leave gaps."""
    if fov_deg * n_around < 360:
        raise UserError(
            f"capture.panorama_fov_deg={fov_deg:g}: {n_around} such views leave gaps around the horizon; at least "
            f"{math.ceil(360 / n_around)} degrees are needed, or more capture.panorama_views."
        )
    has_up, has_down = _POLES[poles]
    return ViewPlan(cube_views(n_around, has_up=has_up, has_down=has_down), float(fov_deg))


# ---- is it a panorama? ---------------------------------------------------------------------------------------------


def find_projection(source: Path, kind: str, wanted: str, *, subfolders: bool) -> Projection:
    """What the pictures of `source` are; `wanted` is "auto" or says so.

    "auto" believes what the files say (GPano in photos, spherical metadata in videos). A picture of exactly 2:1 that says
    nothing could be either: `UserError` asks. So do panoramas of another shape or projection, which are not read.
    """
    if wanted == "perspective":
        return "perspective"
    found = list(_headers(source, kind, subfolders))
    says = {projection for _, _, projection in found if projection is not None}
    other = next(((name, hw) for name, hw, _ in found if hw[1] != 2 * hw[0]), None)
    if wanted == "equirectangular" or "equirectangular" in says:
        if other is not None:
            raise UserError(_why_not_whole(source, *other, wanted=wanted))
        return "equirectangular"
    if says:
        raise UserError(
            f"capture.source={source}: is a panorama of projection {min(says)!r}; expected equirectangular. Export it as "
            "an equirectangular 2:1 picture, or set capture.projection=perspective if it is none."
        )
    if found and other is None:
        h, w = found[0][1]
        raise UserError(
            f"capture.source={source}: {w}x{h} is exactly 2:1, which a 360-degree panorama is, but the file does not say "
            "that it is one. Set capture.projection=equirectangular if it is, capture.projection=perspective if not."
        )
    return "perspective"


def _headers(source: Path, kind: str, subfolders: bool) -> Iterator[tuple[str, tuple[int, int], str | None]]:
    """Name, size and stated projection of the video or of each photo; damaged photos are for the next step to name."""
    if kind == "video":
        info = read_video_info(source)
        yield source.name, info.size_hw, info.projection
        return
    for path in list_photos(source, subfolders=subfolders):
        try:
            header = read_header(path)
        except UserError:
            continue
        yield path.name, header.size_hw, header.projection


def _why_not_whole(source: Path, name: str, size_hw: tuple[int, int], *, wanted: str) -> str:
    h, w = size_hw
    stereo = " (two eyes above each other? export one)" if h == w else ""
    hint = (
        "" if wanted == "equirectangular" else ", or set capture.projection=perspective to read all as plain pictures"
    )
    return (
        f"capture.source={source}: {name} is {w}x{h}{stereo}; expected whole equirectangular panoramas, exactly 2:1. "
        f"Stitch or export the full 360 by 180 degrees{hint}."
    )


# ---- cutting -------------------------------------------------------------------------------------------------------


def cut_views(capture: Capture, folder: Path, plan: ViewPlan, *, jpeg_quality: int) -> Capture:
    """Replace the kept panoramas in `folder`, and their masks, by their views; the capture of the views, which share centres
    by `rig`."""
    camera = plan.camera(capture.size_hw)
    maps = [_sampling_map(camera, view, capture.size_hw) for view in plan.views]
    frames: list[FrameRecord] = []
    with progress("cutting views", len(capture.kept)) as bar:
        for frame in capture.frames:
            if frame.image is None:
                frames.append(frame)
                continue
            whole = folder / frame.image
            padded = _padded(_opaque(read_image(whole), whole.name, capture.source))
            whole.unlink()
            hidden = None if frame.mask is None else _hidden(folder / frame.mask)
            of_view = plan.as_of_view(frame)
            for view, sampling in zip(plan.views, maps, strict=True):
                name = f"{frame.name}_{view.name}"
                write_image(folder / f"{name}.jpg", _sampled(padded, sampling), quality=jpeg_quality)
                mask = None if hidden is None else save_mask(folder, name, _visible(hidden, sampling))
                frames.append(
                    replace(of_view, name=name, image=f"{name}.jpg", mask=mask, sensor=view.name, rig_frame=frame.name)
                )
            bar.advance()
    return replace(
        capture,
        size_hw=camera.size_hw,
        shared_camera=True,
        frames=tuple(frames),
        exact_focal_px=camera.fx,
        rig={view.name: _pose_in_rig(view) for view in plan.views},
    )


def _pose_in_rig(view: CubeView) -> list[list[float]]:
    pose = np.eye(4)
    pose[:3, :3] = view.panorama_from_camera
    return pose.tolist()


def _sampling_map(camera: Camera, view: CubeView, whole_hw: tuple[int, int]) -> NDArray[np.float32]:
    """OpenCV's map [h, w, 2] into the padded panorama: its centre of the first pixel is (0, 0), ours (0.5, 0.5)."""
    pixels = sampling_map(camera, view.panorama_from_camera, whole_hw)
    return (pixels - 0.5 + _MARGIN).numpy().astype(np.float32)


def _padded(whole: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The panorama with a margin of what lies there on the sphere: left and right join, beyond a pole is the far side."""
    far = np.roll(whole, whole.shape[1] // 2, axis=1)
    tall = np.concatenate([far[:_MARGIN][::-1], whole, far[-_MARGIN:][::-1]])
    return np.ascontiguousarray(np.pad(tall, ((0, 0), (_MARGIN, _MARGIN), (0, 0)), mode="wrap"))


def _sampled(padded: NDArray[np.uint8], sampling: NDArray[np.float32]) -> NDArray[np.uint8]:
    view: Any = cv2.remap(padded, sampling, None, cv2.INTER_CUBIC)  # type: ignore[call-overload]
    return np.asarray(view, np.uint8)


def _hidden(mask: Path) -> NDArray[np.uint8]:
    """1 where a padded panorama does not count, or where bicubic sampling would reach such a place; the mask file is removed."""
    padded = _padded(np.where(read_mask(mask), 0, 1).astype(np.uint8)[..., None])[..., 0]
    mask.unlink()
    reach = 2 * _MARGIN + 1
    return np.asarray(cv2.dilate(padded, np.ones((reach, reach), np.uint8)), np.uint8)


def _visible(hidden: NDArray[np.uint8], sampling: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where a view counts: bool [h, w]."""
    view: Any = cv2.remap(hidden, sampling, None, cv2.INTER_NEAREST)  # type: ignore[call-overload]
    return np.asarray(view == 0)


def _opaque(image: NDArray[np.uint8], name: str, source: Path) -> NDArray[np.uint8]:
    """RGB of a panorama; `UserError` where parts of it are transparent, which its views cannot be."""
    if image.shape[2] == 4 and image[..., 3].min() < 255:
        raise UserError(
            f"capture.source={source}: the panorama {name} has transparent parts; expected an opaque picture. Export it "
            "without an alpha channel, or set capture.alpha=mask, where what is transparent does not count."
        )
    return np.ascontiguousarray(image[..., :3])


def count_panoramas(frames: Sequence[FrameRecord]) -> int:
    """How many panoramas, or pictures that are no views of one, the frames come from."""
    return len({frame.rig_frame or frame.name for frame in frames})
