"""TensorBoard: what training looks like while it runs (`tensorboard --logdir runs`).

One `Monitor` writes one folder of event files. TensorBoard is imported when a monitor opens, never before.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recon.geometry import Camera, Reconstruction, View
from recon.geometry.pinhole import rays_at
from recon.geometry.transforms import apply_rigid
from recon.render.pictures import depth_picture, depth_range, error_picture, picture, side_by_side
from recon.render.views import RenderedView

MAX_POINTS = 20_000  # of the mesh plug-in: more makes the browser slow
FRUSTUM_SIZE = 0.04  # depth of a drawn camera as a fraction of the extent of the cameras
# The faces of a frustum (0: centre, 1..4: image corners), both ways round so that it is seen from every side.
_FRUSTUM_FACES = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 1], [0, 2, 1], [0, 3, 2], [0, 4, 3], [0, 1, 4]])
_TRAIN_COLOR, _HELD_OUT_COLOR = (66, 133, 244), (234, 120, 40)


class Monitor:
    """Writes scalars, pictures, the scene and the settings of one training run.

    `resume_step`: training goes on at this step; steps from there on, logged before the run was killed, are purged.
    Use it as a context manager, or call `close`, so that nothing buffered is lost.
    """

    def __init__(self, folder: Path, *, resume_step: int | None = None) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside tensorboard's generated code
            from torch.utils.tensorboard import SummaryWriter
        self._writer = SummaryWriter(str(folder), purge_step=resume_step, flush_secs=20)

    def __enter__(self) -> "Monitor":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Write everything buffered and close the event file."""
        self._writer.close()

    def flush(self) -> None:
        """Write everything buffered."""
        self._writer.flush()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers at a step; names group by their first part: "loss/total", "speed/rays_per_second"."""
        for name, value in values.items():
            self._writer.add_scalar(name, float(value), step)

    def held_out(
        self,
        step: int,
        name: str,
        *,
        photo: NDArray[np.float32],  # [h, w, 3] in [0, 1]
        rendered: RenderedView,
        true_depth: NDArray[np.float32] | None = None,  # [h, w], 0 where unknown
    ) -> None:
        """One held-out view: photo, render, error, depth, and the true depth in the same colours where known."""
        near, far = depth_range([rendered.depth] if true_depth is None else [true_depth])
        depths = [rendered.depth] if true_depth is None else [rendered.depth, true_depth]
        panels = [picture(photo), picture(rendered.color), error_picture(rendered.color, photo)]
        row = side_by_side([*panels, *(depth_picture(depth, near=near, far=far) for depth in depths)])
        self._writer.add_image(f"held_out/{name}", row, step, dataformats="HWC")

    def scene(self, reconstruction: Reconstruction, *, step: int = 0) -> None:
        """Camera frusta (held-out ones in orange) and the sparse points, for the mesh plug-in."""
        vertices, faces, colors = camera_frusta(reconstruction)
        self._mesh("scene/cameras", vertices, colors, faces, step)
        points = reconstruction.points
        if points is not None and len(points.positions):
            every = -(-len(points.positions) // MAX_POINTS)
            self._mesh("scene/points", points.positions[::every], points.colors[::every], None, step)

    def config(self, text: str) -> None:
        """The resolved configuration, as YAML text."""
        self._writer.add_text("config", "```yaml\n" + text.strip() + "\n```", 0)

    def hparams(self, settings: Mapping[str, Any], scores: Mapping[str, float]) -> None:
        """Settings and final scores for the HParams tab, in this run and not (as torch does by default) in a new one."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from torch.utils.tensorboard.summary import hparams

        writer = self._writer.file_writer
        assert writer is not None, "the monitor is closed"
        for summary in hparams(flat_settings(settings), {name: float(value) for name, value in scores.items()}):
            writer.add_summary(summary)
        for name, value in scores.items():
            self._writer.add_scalar(name, float(value), 0)

    def _mesh(self, tag: str, vertices: NDArray, colors: NDArray, faces: NDArray | None, step: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._writer.add_mesh(
                tag,
                vertices=torch.from_numpy(vertices.astype(np.float32))[None],
                colors=torch.from_numpy(colors.astype(np.uint8))[None],
                faces=None if faces is None else torch.from_numpy(faces.astype(np.int32))[None],
                global_step=step,
            )


def camera_frusta(reconstruction: Reconstruction) -> tuple[NDArray, NDArray, NDArray]:
    """The cameras as a mesh: vertices [5 n, 3], faces [8 n, 3], colours [5 n, 3] (uint8)."""
    depth = FRUSTUM_SIZE * (float(np.linalg.norm(np.ptp(reconstruction.centers, axis=0))) or 1.0)
    vertices = np.concatenate([frustum_corners(view.camera, view, depth) for view in reconstruction.views])
    n = len(reconstruction.views)
    faces = np.concatenate([_FRUSTUM_FACES + 5 * i for i in range(n)])
    per_camera = [_HELD_OUT_COLOR if out else _TRAIN_COLOR for out in reconstruction.is_held_out]
    return vertices, faces, np.repeat(np.array(per_camera, np.uint8), 5, axis=0)


def frustum_corners(camera: Camera, view: View, depth: float) -> NDArray[np.float64]:
    """The camera centre and the four image corners at `depth`, in the world frame [5, 3] (distortion left out)."""
    h, w = camera.size_hw
    corners = rays_at(camera, np.array([0, w, w, 0]), np.array([0, 0, h, h])) * depth
    return apply_rigid(view.world_from_camera, np.concatenate([np.zeros((1, 3)), corners]))


def flat_settings(settings: Mapping[str, Any], prefix: str = "") -> dict[str, float | str | bool]:
    """Nested settings as {"train.max_steps": 3000, ...}, values as the HParams tab takes them."""
    flat: dict[str, float | str | bool] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat.update(flat_settings(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value if isinstance(value, (bool, int, float, str)) else str(value)
    return flat
