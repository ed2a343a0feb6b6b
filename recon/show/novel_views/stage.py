"""The render stage: colour, depth and normals along a camera path, as videos and as single pictures.

views/NAME.mp4, NAME_depth.mp4, NAME_normal.mp4
views/NAME/color_00000.png, normal_00000.png     pictures (png: true)
views/NAME/depth_00000.png                      raw depth, 16 bits
views/NAME/depth.json, cameras.json            unit of a depth step, colour range of the video; cameras of the path
"""

import math
import re
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray

from recon.formats import cameras_json
from recon.formats.images import write_image
from recon.formats.video_writing import AddFrame, new_video, write_video
from recon.geometry import Reconstruction, View
from recon.render.beside import beside
from recon.render.path_file import read_path_file
from recon.render.paths import Path3D, interpolate, orbit, path_camera, spiral
from recon.render.pictures import depth_picture, depth_range, normal_picture, picture
from recon.render.views import RenderedView, RenderViewFn
from recon.show.novel_views.settings import PATHS, ViewsSettings, check_path
from recon.workspace import StageRun, Workspace, read_metrics, write_json
from recon.workspace.console import progress, say


def render_path(
    workspace: Workspace,
    *,
    reconstruction: Reconstruction,
    render_view_fn: RenderViewFn,
    path: str,
    settings: ViewsSettings,
) -> Path:
    """Render one camera path ("interpolate", "orbit", "spiral" or a nerfstudio .json); returns views/NAME/."""
    stops, fps, name = _stops(reconstruction, path, settings)
    folder = workspace.views / name
    videos = [workspace.views / f"{name}{suffix}.mp4" for suffix in ("", "_depth", "_normal")]
    run = StageRun(
        workspace,
        f"render {name}",
        folder,
        settings=settings,
        inputs=[workspace.field_file, workspace.cameras_json, *([] if path in PATHS else [Path(path)])],
        also={"path": path},
        section="views",
    )
    if run.is_finished and all(video.exists() for video in videos):
        say(f"render {name}: up to date")
        return folder
    h, w = stops[0][0].size_hw
    say(f"render {name}: {len(stops)} views of {w}x{h}")
    with run as temporary:
        with new_video(videos[0], (h, w), fps=fps) as color, new_video(videos[2], (h, w), fps=fps) as normal:
            raw = _render(temporary, stops, render_view_fn, (color, normal), keeps_pictures=settings.png)
        depth_info = _write_depth(temporary, raw, reconstruction)
        write_json(temporary / "cameras.json", _cameras(workspace, folder, stops, fps, reconstruction))
        _write_depth_video(videos[1], raw, depth_info, fps)
        for file in raw:
            file.unlink()
        measured = {"frames": len(stops), "fps": fps, "size_hw": [h, w], "seconds": round(run.seconds, 2)}
        run.metrics = {**read_metrics(workspace).get("views", {}), name: measured}
    say(f"render {name}: {videos[0]}")
    return folder


# ---- the path ------------------------------------------------------------------------------------------------------


def _stops(reconstruction: Reconstruction, path: str, settings: ViewsSettings) -> tuple[Path3D, float, str]:
    """Cameras of the path, pictures per second, and the name for its files."""
    check_path(path)
    fps, max_size = settings.fps, settings.max_size
    if path not in PATHS:
        stops, own_fps = read_path_file(Path(path), max_size=max_size)
        return stops, own_fps or fps, re.sub(r"[^A-Za-z0-9_-]+", "_", Path(path).stem) or "path"
    n = max(1, round(settings.seconds * fps))
    camera = path_camera(reconstruction, max_size)
    if path == "interpolate":
        return interpolate(reconstruction, camera, n, smoothing=settings.smoothing), fps, path
    return {"orbit": orbit, "spiral": spiral}[path](reconstruction, camera, n), fps, path


def _cameras(
    workspace: Workspace, folder: Path, stops: Path3D, fps: float, reconstruction: Reconstruction
) -> dict[str, Any]:
    """The path as a posed capture in our own format: its pictures could be reconstructed again."""
    views = tuple(
        View(f"color_{i:05d}", folder / f"color_{i:05d}.png", camera, pose, time_s=i / fps)
        for i, (camera, pose) in enumerate(stops)
    )
    path = Reconstruction(
        views,
        scale=reconstruction.scale,
        is_up_aligned=reconstruction.is_up_aligned,
        world_from_capture=reconstruction.world_from_capture,
    )
    return {"fps": fps, **cameras_json.encode(path, root=workspace.root)}


# ---- pictures ------------------------------------------------------------------------------------------------------


def _render(
    folder: Path,
    stops: Path3D,
    render_view_fn: RenderViewFn,
    add_to_videos: tuple[AddFrame, AddFrame],  # of colour and of normals
    *,
    keeps_pictures: bool,
) -> list[Path]:
    """Render every stop into videos, and into pictures where these are kept; the paths of float depth (its range comes last)."""
    raw = [folder / f"depth_{i:05d}.npy" for i in range(len(stops))]

    def write(shown: tuple[int, RenderedView]) -> None:
        i, rendered = shown
        np.save(raw[i], rendered.depth)
        images = {"color": picture(rendered.color), "normal": normal_picture(rendered.normal)}
        for (name, image), add in zip(images.items(), add_to_videos, strict=True):
            add(image)
            if keeps_pictures:
                write_image(folder / f"{name}_{i:05d}.png", image)

    with progress("rendering", len(stops)) as bar:
        for _ in beside(write, ((i, render_view_fn(*stop)) for i, stop in enumerate(stops))):
            bar.advance()
    return raw


def _write_depth(folder: Path, raw: list[Path], reconstruction: Reconstruction) -> dict[str, Any]:
    """Raw depth as 16-bit PNGs, and depth.json that says what a step is."""
    samples = [_sample(file) for file in raw]
    near, far = depth_range(samples)
    reach = max((float(np.percentile(s, 99.5)) for s in samples if s.size), default=1.0)
    metres = reconstruction.scale.metres_per_unit if reconstruction.scale else None
    step = nice_step(reach * (metres or 1.0))
    for file in raw:
        steps = np.clip(np.load(file, allow_pickle=False) * (metres or 1.0) / step + 0.5, 0, 65535).astype(np.uint16)
        file.with_suffix(".png").write_bytes(
            iio.imwrite("<bytes>", steps, plugin="pillow", extension=".png", compress_level=4)
        )
    info = {
        "depth": "along camera z, at half of the transmittance; 0: nothing was hit; 65535: that far or farther",
        "unit": "metre" if metres else "scene unit (scale unknown)",
        "units_per_step": step,
        "metres_per_scene_unit": metres,
        "video_near_scene_units": near,
        "video_far_scene_units": far,
        "video_colors": "turbo, red near to blue far, even in 1/depth; dark grey: nothing was hit",
    }
    write_json(folder / "depth.json", info)
    return info


def nice_step(reach: float) -> float:
    """The smallest of 1, 2, 5 x 10^k for which 65535 steps reach a fifth beyond `reach`.

    >>> nice_step(30.0)
    0.001
    """
    step = 1.2 * reach / 65535
    decade = 10.0 ** math.floor(math.log10(step))
    return float(f"{next(digit * decade for digit in (1, 2, 5, 10) if digit * decade >= step):.1g}")


def _sample(file: Path) -> NDArray[np.float32]:
    depth = np.load(file, allow_pickle=False)
    return depth[depth > 0][:: max(1, depth.size // 10_000)]


def _write_depth_video(video: Path, raw: list[Path], info: dict[str, Any], fps: float) -> None:
    near, far = info["video_near_scene_units"], info["video_far_scene_units"]
    depths = (depth_picture(np.load(file, allow_pickle=False), near=near, far=far) for file in raw)
    write_video(video, depths, fps=fps)
