"""From a posed capture to the scene that is trained: where the content lies, how far it reaches, what no camera sees.

Scene units: the content of interest lies in [-1, 1]^3. `scene_from_world` is fixed here, from the sparse points, the silhouettes
or, where there is neither, the cameras alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recon.geometry import Reconstruction, Similarity, View, focus_of
from recon.geometry.transforms import Array
from recon.pixels.outlines import Outline
from recon.workspace.console import warn

_WIDE = 0.25  # cosine: a view whose corners are over 75 degrees off the axis is bounded by a cone, not by a pyramid
# Of the smallest depth that pictures show: nothing is sampled nearer than the first, and gradients are dampened nearer than the
# second, where pictures would otherwise be painted on fog in front of their own cameras. Measured on views kept out of the
# training: 1.8 is best on a close object (1.3 dB more than half of that) and in a room (0.4 dB more than twice that).
_NEAR, _NEAR_SCALE = 0.5, 1.8
MIN_CASCADES, MAX_CASCADES = 2, 6  # of open scenes: beyond 2 to 32 times the half side of the content lies the sky


@dataclass(frozen=True)
class Scene:
    """How a capture is normalised for training."""

    scene_from_world: Similarity
    n_cascades: int  # 1: everything lies in the unit cube
    near: float  # scene units; nothing is nearer to a camera
    near_scale: float  # scene units; gradients are dampened nearer than this
    pixel_side: float  # scene units; of a pixel of the training pictures, at the median, on the content
    has_alpha: bool  # photos have silhouettes: the background is known to be empty

    def __post_init__(self) -> None:
        if not isinstance(self.n_cascades, int) or not 1 <= self.n_cascades <= MAX_CASCADES:
            raise ValueError(f"a scene of {self.n_cascades} cascades; expected 1 to {MAX_CASCADES}")
        if not (0 < self.near < math.inf and 0 <= self.near_scale < math.inf and 0 < self.pixel_side < math.inf):
            raise ValueError(f"lengths of a scene must be finite and not below 0: {self}")

    @property
    def is_bounded(self) -> bool:
        return self.n_cascades == 1


def normalize_scene(reconstruction: Reconstruction, outlines: Sequence[Outline]) -> Scene:
    """Choose the scene frame of a capture; `outlines` are those of the training photos, in any order."""
    poses = np.stack([outline.view.world_from_camera for outline in outlines])
    focus = focus_of(poses)
    if outlines[0].is_visible is not None:
        low, high = silhouette_box(outlines, focus)
        center, half = (low + high) / 2, float((high - low).max()) / 2 * 1.05
        distances = np.linalg.norm(poses[:, :3, 3] - center, axis=1)
        near = max(float(distances.min()) - 1.8 * half, 0.05 * half)
        pixel_side = float(np.median(distances)) / half / _focal(outlines)
        return Scene(_cube(center, half), 1, near / half, 0.0, pixel_side, True)
    if reconstruction.points is not None and len(reconstruction.points.positions) >= 100:
        points = reconstruction.points.positions
        depths = np.concatenate([_depths_in_view(outline.view, points) for outline in outlines])
        if len(depths):
            return _scene_of_points(poses[:, :3, 3], points, depths, _focal(outlines))
        warn(
            f"none of the {len(points)} sparse points lies in a training picture: the extent of the scene is taken from the "
            "cameras alone. Points or cameras are wrong: check their axes, unit and focal length."
        )
    return _scene_of_cameras(poses, focus, _focal(outlines))


def _focal(outlines: Sequence[Outline]) -> float:
    """Of the training pictures, pixels, at the median."""
    return float(np.median([outline.view.camera.fx * outline.block for outline in outlines]))


def _scene_of_points(centers: Array, points: Array, depths: Array, focal: float) -> Scene:
    """The unit cube holds the cameras and nine tenths of the points; cascades reach the far ones.

    centers: of the cameras [n, 3]; depths: of points in the pictures that show them.
    """
    low = np.minimum(np.quantile(points, 0.05, axis=0), centers.min(0))
    high = np.maximum(np.quantile(points, 0.95, axis=0), centers.max(0))
    center, half = (low + high) / 2, float((high - low).max()) / 2 * 1.05
    reach = float(np.quantile(np.abs(points - center).max(1), 0.995)) / half
    n_cascades = int(np.clip(np.ceil(np.log2(max(reach * 1.5, 1))) + 1, MIN_CASCADES, MAX_CASCADES))
    nearest, typical = float(np.quantile(depths, 0.001)) / half, float(np.median(depths)) / half
    near = float(np.clip(_NEAR * nearest, 0.01 * typical, 0.2 * typical))
    near_scale = float(np.clip(_NEAR_SCALE * nearest, 0.1 * typical, 0.6 * typical))
    return Scene(_cube(center, half), n_cascades, near, near_scale, typical / focal, False)


def _scene_of_cameras(poses: Array, focus: Array, focal: float) -> Scene:
    """No points: the unit cube holds the cameras and what they look at, as seen from its middle."""
    centers = poses[:, :3, 3]
    low, high = np.minimum(centers.min(0), focus), np.maximum(centers.max(0), focus)
    center, half = (low + high) / 2, max(float((high - low).max()) / 2, 1e-6) * 1.2
    distance = float(np.median(np.linalg.norm(centers - focus, axis=1))) / half
    return Scene(_cube(center, half), 4, 0.05 * distance, 0.5 * distance, distance / focal, False)


def silhouette_box(outlines: Sequence[Outline], focus: Array, *, resolution: int = 64) -> tuple[Array, Array]:
    """The box [3], [3] around everything that lies inside all silhouettes (visual hull), in world units."""
    distance = float(np.median([np.linalg.norm(o.view.world_from_camera[:3, 3] - focus) for o in outlines]))
    low, high = focus - 0.8 * distance, focus + 0.8 * distance
    for _ in range(2):  # a coarse pass finds the object, a second one its edges
        steps = (np.arange(resolution) + 0.5) / resolution
        axes = [low[i] + steps * (high[i] - low[i]) for i in range(3)]
        grid = torch.from_numpy(np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)).float()
        cell = float((high - low).max()) / resolution
        inside = grid[inside_silhouettes(outlines, grid, radius=0.9 * cell)].numpy()
        if len(inside) == 0:
            return focus - 0.5 * distance, focus + 0.5 * distance
        low, high = inside.min(0) - cell, inside.max(0) + cell
    return low, high


def inside_silhouettes(outlines: Sequence[Outline], positions: Tensor, *, radius: float) -> Tensor:
    """Whether balls of `radius` about world positions [n, 3] meet every silhouette that they project to: [n] bool.

    Outside a picture nothing is known, so it rules nothing out; but content is in a quarter of the pictures at least.
    """
    kept = torch.arange(len(positions))
    n_pictures = torch.zeros(len(positions), dtype=torch.int32)
    for outline in outlines:
        assert outline.is_visible is not None
        pixels, depth = project(outline.view, positions[kept])
        grow = int(np.ceil(outline.view.camera.fx * radius / max(float(depth.median()), 1e-6))) if len(kept) else 0
        visible = torch.from_numpy(outline.is_visible).float()[None, None]
        for window, padding in (((2 * grow + 1, 1), (grow, 0)), ((1, 2 * grow + 1), (0, grow))):  # a square, separably
            visible = torch.nn.functional.max_pool2d(visible, window, stride=1, padding=padding)
        h, w = visible.shape[-2:]
        x, y = pixels.floor().long().unbind(-1)
        in_picture = (depth > 0) & (x >= 0) & (x < w) & (y >= 0) & (y < h)
        n_pictures[kept[in_picture]] += 1
        hit = visible[0, 0, y.clamp(0, h - 1), x.clamp(0, w - 1)] > 0
        kept = kept[hit | ~in_picture]
    inside = torch.zeros(len(positions), dtype=torch.bool)
    inside[kept] = True
    return inside & (n_pictures >= 0.25 * len(outlines))


def is_possible(scene: Scene, outlines: Sequence[Outline], positions: Tensor, radius: Tensor) -> Tensor:
    """Whether balls of `radius` [n] about positions [n, 3] (scene units) may hold matter that counts: [n] bool.

    With silhouettes: inside all of them. Without: in view of at least one camera; what nobody sees cannot be learned.
    """
    world_from_scene = scene.scene_from_world.inverse()
    world = torch.from_numpy(world_from_scene.points(positions.double().numpy())).float()
    world_radius = radius * world_from_scene.scale
    if scene.has_alpha:
        return inside_silhouettes(outlines, world, radius=float(world_radius.max()))
    seen = torch.zeros(len(world), dtype=torch.bool)
    for outline in outlines:
        seen |= _in_view(outline.view, world, world_radius)
    return seen


def project(view: View, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels [n, 2] (NaN behind the camera) and depths [n] of world positions [n, 3]."""
    rotation = torch.from_numpy(view.world_from_camera[:3, :3]).to(positions.dtype)
    center = torch.from_numpy(view.world_from_camera[:3, 3]).to(positions.dtype)
    camera_points = (positions - center) @ rotation
    return torch.nan_to_num(view.camera.project(camera_points), nan=-1e6), camera_points[:, 2]


def _in_view(view: View, positions: Tensor, radius: Tensor) -> Tensor:
    """Whether balls of `radius` [n] about positions [n, 3] touch the view's pyramid (four planes through its corners).

    Corners of a fisheye may look sideways or back, where planes through them bound nothing: a cone about the axis does.
    """
    h, w = view.camera.size_hw
    corners = view.camera.unproject(torch.tensor([[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]]))
    rotation = torch.from_numpy(view.world_from_camera[:3, :3]).float()
    center = torch.from_numpy(view.world_from_camera[:3, 3]).float()
    if corners[:, 2].min() < _WIDE:
        in_camera = (positions - center) @ rotation
        distance = in_camera.norm(dim=-1).clamp_min(1e-9)
        widest = torch.acos(corners[:, 2].min()) + torch.asin((radius / distance).clamp(max=1.0))
        return torch.acos((in_camera[:, 2] / distance).clamp(-1.0, 1.0)) <= widest
    normals = torch.nn.functional.normalize(torch.linalg.cross(corners, corners.roll(-1, 0)), dim=-1)  # point inwards
    distance = ((positions - center) @ rotation) @ normals.T  # [n, 4]
    return (distance > -radius[:, None]).all(-1)


def _depths_in_view(view: View, points: Array) -> Array:
    """Depths of the points that project into the view's picture: what lies beside it may be nearer than anything it shows."""
    pixels, depth = project(view, torch.from_numpy(points).float())
    h, w = view.camera.size_hw
    x, y = pixels.unbind(-1)
    return depth[(depth > 0) & (x >= 0) & (x < w) & (y >= 0) & (y < h)].double().numpy()


def _cube(center: Array, half: float) -> Similarity:
    """The similarity that takes the cube of half side `half` about `center` to [-1, 1]^3."""
    return Similarity(1 / half, np.eye(3), -center / half)
