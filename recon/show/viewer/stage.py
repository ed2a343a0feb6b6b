"""Fly through a radiance field in the browser: cameras, points and mesh beside what the field shows from where you are.

The field is drawn as the background of the viewer: coarse while you move, finer step by step once you stand still, so
that it is usable on a CPU. Needs the package viser (`pip install "recon[viewer]"`).
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recon.formats.mesh_ply import read_ply
from recon.geometry import Camera, Reconstruction, rigid, rotation_from_wxyz, wxyz_from_rotation
from recon.render.pictures import depth_picture, depth_range, normal_picture, picture
from recon.render.views import RenderedView, RenderViewFn
from recon.show.viewer.settings import ViewSettings
from recon.workspace import Workspace, check_poses
from recon.workspace.console import say
from recon.workspace.errors import UserError

BUDGET_S = 0.25  # a coarse picture may take so long; its size adapts to the machine
MIN_SIZE, START_SIZE, REFINE = 32, 96, 2.0  # pixels of the longer side; finer by this factor while nobody moves
MAX_POINTS = 50_000


def open_viewer(
    workspace: Workspace,
    *,
    reconstruction: Reconstruction,
    render_view_fn: RenderViewFn,
    settings: ViewSettings,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Serve the viewer until Ctrl-C (or `should_stop`). Pictures grow to `settings.max_size` when the camera rests."""
    viser = _import_viser()
    server = viser.ViserServer(host=settings.host, port=settings.port, verbose=False)
    try:
        server.scene.set_up_direction("+z")
        _add_scene(server, workspace, reconstruction)
        mode = server.gui.add_dropdown("show", ("color", "depth", "normal", "nothing"), initial_value="color")
        clients: dict[int, _Client] = {}
        say(f"viewer: open http://localhost:{server.get_port()} in a browser; Ctrl-C ends it")
        while not should_stop():
            connected = server.get_clients()
            clients = {i: clients.get(i) or _Client(handle, reconstruction) for i, handle in connected.items()}
            moved = [client.show(render_view_fn, mode.value, settings.max_size) for client in clients.values()]
            if not any(moved):
                time.sleep(0.05)
    finally:
        server.stop()


class _Client:
    """One browser: what it last saw, and how fine a picture the machine affords."""

    def __init__(self, handle: Any, reconstruction: Reconstruction) -> None:
        self.handle = handle
        self._seen: tuple[Any, ...] | None = None
        self._size = self._coarse = float(START_SIZE)
        view = reconstruction.views[0]
        handle.camera.wxyz = wxyz_from_rotation(view.world_from_camera[:3, :3])
        handle.camera.position = view.world_from_camera[:3, 3]

    def show(self, render_view_fn: RenderViewFn, mode: str, max_size: int) -> bool:
        """Draw the next picture; False when there is nothing new to draw."""
        state = self.handle.camera
        pose = rigid(rotation_from_wxyz(np.asarray(state.wxyz)), np.asarray(state.position, float))
        now = (mode, round(float(state.fov), 6), round(float(state.aspect), 4), pose.round(6).tobytes())
        if now == self._seen:
            if self._size >= max_size or mode == "nothing":
                return False
            self._size = min(self._size * REFINE, max_size)
        else:
            self._seen, self._size = now, min(self._coarse, max_size)
        if mode == "nothing":
            self.handle.scene.set_background_image(None)
            return True
        started = time.monotonic()
        rendered = render_view_fn(viewer_camera(float(state.fov), float(state.aspect), int(self._size)), pose)
        seconds = max(time.monotonic() - started, 1e-4)
        # Cost grows with the pixel count, so the affordable side with its square root.
        self._coarse = float(np.clip(self._size * (BUDGET_S / seconds) ** 0.5, MIN_SIZE, max_size))
        self.handle.scene.set_background_image(
            shown(rendered, mode), format="jpeg", depth=_occluding(rendered.depth) if mode == "color" else None
        )
        return True


def viewer_camera(fov_rad: float, aspect: float, size: int) -> Camera:
    """A pinhole camera of vertical angle `fov_rad` and width / height `aspect`, its longer side `size` pixels."""
    h, w = (size, max(1, round(size * aspect))) if aspect < 1 else (max(1, round(size / aspect)), size)
    focal = h / (2 * np.tan(fov_rad / 2))
    return Camera("PINHOLE", (h, w), float(focal), float(focal), w / 2, h / 2)


def shown(rendered: RenderedView, mode: str) -> NDArray[np.uint8]:
    """The picture of one mode: "color", "depth" or "normal"."""
    if mode == "depth":
        near, far = depth_range([rendered.depth])
        return depth_picture(rendered.depth, near=near, far=far)
    return normal_picture(rendered.normal) if mode == "normal" else picture(rendered.color)


def _occluding(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Depth for hiding cameras and points behind surfaces; where nothing was hit, nothing is hidden."""
    return np.where(depth > 0, depth, np.float32(1e4))


def _add_scene(server: Any, workspace: Workspace, reconstruction: Reconstruction) -> None:
    """Cameras (held-out ones in orange), points and mesh, each with a check box."""
    extent = float(np.linalg.norm(np.ptp(reconstruction.centers, axis=0))) or 1.0
    layers = {"cameras": server.scene.add_frame("/cameras", show_axes=False)}
    for i, (view, out) in enumerate(zip(reconstruction.views, reconstruction.is_held_out, strict=True)):
        h, w = view.camera.size_hw
        server.scene.add_camera_frustum(
            f"/cameras/{i:05d}",
            fov=2 * float(np.arctan(h / (2 * view.camera.fy))),
            aspect=w / h,
            scale=0.02 * extent,
            thickness=0.0006 * extent,
            color=(234, 120, 40) if out else (66, 133, 244),
            wxyz=wxyz_from_rotation(view.world_from_camera[:3, :3]),
            position=view.world_from_camera[:3, 3],
        )
    points = reconstruction.points
    if points is not None and len(points.positions):
        every = -(-len(points.positions) // MAX_POINTS)
        layers["points"] = server.scene.add_point_cloud(
            "/points", points.positions[::every], points.colors[::every], point_size=0.003 * extent, visible=False
        )
    if (workspace.mesh / "mesh.ply").exists():
        check_poses(workspace, workspace.mesh, made_by="python scripts/mesh.py")
        mesh = read_ply(workspace.mesh / "mesh.ply")
        layers["mesh"] = server.scene.add_mesh_simple("/mesh", mesh.vertices, mesh.faces, visible=False, side="double")
    for name, layer in layers.items():
        _add_check_box(server, name, layer)


def _add_check_box(server: Any, name: str, layer: Any) -> None:
    box = server.gui.add_checkbox(name, layer.visible)

    @box.on_update
    def _(_: Any) -> None:
        layer.visible = box.value


def _import_viser() -> Any:
    try:
        import viser
    except ImportError as error:
        raise UserError(
            f"the viewer needs the package viser ({error}). Install it with: pip install 'recon[viewer]'"
        ) from error
    return viser
