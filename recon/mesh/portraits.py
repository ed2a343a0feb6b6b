"""Pictures of a mesh from outside, to see at a glance what was captured."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from recon.geometry import Camera, TriangleMesh, look_at
from recon.geometry.transforms import Array
from recon.mesh.picture import MeshPicture, MeshScene

_UP = np.array([0.0, 0.0, 1.0])
_NEAR = 2.0  # median distances from the vertices to the camera nearest to each: what lies farther is skyline, and frames nothing
_MARGIN = 0.94  # of the picture, that the framed surface fills
_OUTSIDE = 0.003  # of the framed area that may lie beyond each border of it: crumbs


def portraits(scene: MeshScene, poses: Array, *, size_hw: tuple[int, int] = (540, 720)) -> list[MeshPicture]:
    """Five pictures from outside, back faces looked through: four sides from 30 degrees above, and the top.

    They are framed by what cameras with `poses` (world_from_camera [n, 4, 4]) saw near; what is far is drawn where it comes
    into the frame. The sides go round from the one that shows the most, seen the way the cameras looked: a facade is
    introduced from its front.
    """
    near = _near(scene.mesh, poses[:, :3, 3])
    h, w = size_hw
    camera = Camera("PINHOLE", size_hw, 1.2 * h, 1.2 * h, w / 2, h / 2)
    angles = np.deg2rad([45, 135, 225, 315])
    sides = np.stack([np.cos(angles), np.sin(angles), np.full(4, np.tan(np.deg2rad(30)))], -1)
    frames = [_frame(camera, near, direction) for direction in [*sides, np.array([0.0, -1e-3, 1.0])]]
    back = max(frame.back for frame in frames[:4])  # one for all sides, so that they compare
    viewpoints = [frame.pose(back) for frame in frames[:4]] + [frames[4].pose(frames[4].back)]
    *around, top = [scene.render(camera, pose, cull_back=True) for pose in viewpoints]
    looked = poses[:, :3, 2].sum(0) / max(len(poses), 1)
    alike = [1 + looked @ frame.rotation[:, 2] for frame in frames[:4]]
    first = int(np.argmax([picture.is_hit.sum() * like for picture, like in zip(around, alike, strict=True)]))
    return [*around[first:], *around[:first], top]


@dataclass(frozen=True)
class _Frame:
    """Where a camera with axes `rotation` [3, 3] stands: `beside` [2] along its x and y, and `back` along its -z or farther."""

    rotation: Array
    beside: Array
    back: float

    def pose(self, back: float) -> Array:
        """world_from_camera [4, 4]."""
        pose = np.eye(4)
        pose[:3, :3] = self.rotation
        pose[:3, 3] = self.rotation @ [*self.beside, -back]
        return pose


def _near(mesh: TriangleMesh, centers: Array) -> TriangleMesh:
    """The faces that lie no farther from a camera than twice what is typical of the vertices; all of them without cameras."""
    if not len(centers):
        return mesh
    distance = cKDTree(centers).query(mesh.vertices)[0]
    return TriangleMesh(mesh.vertices, mesh.faces[(distance <= _NEAR * np.median(distance))[mesh.faces].all(1)])


def _frame(camera: Camera, mesh: TriangleMesh, direction: Array) -> _Frame:
    """Where a camera that looks along -`direction` [3] stands to have a mesh in its picture, as large as it goes.

    A point (x, y, z) of the camera's axes is in the picture of a camera at (a, b, -c) where |x - a| <= k (z + c), with k half
    of the picture's width by the focal length. So a >= x - k z - k c and a <= x + k z + k c for all points: of the greatest
    x - k z and the least x + k z, a is the mean and 2 k c the difference. The same holds for y and b.
    """
    rotation = look_at(direction, np.zeros(3), _UP)[:3, :3]
    local = (mesh.vertices @ rotation)[mesh.faces].reshape(-1, 3)
    weights = np.repeat(mesh.face_areas, 3)
    h, w = camera.size_hw
    beside, back = np.zeros(2), 0.0
    for axis, half in enumerate(_MARGIN * np.array([w / camera.fx, h / camera.fy]) / 2):
        greatest = _quantile(local[:, axis] - half * local[:, 2], 1 - _OUTSIDE, weights)
        least = _quantile(local[:, axis] + half * local[:, 2], _OUTSIDE, weights)
        beside[axis], needed = (greatest + least) / 2, (greatest - least) / (2 * half)
        back = needed if axis == 0 else max(back, needed)
    return _Frame(rotation, beside, back)


def _quantile(values: Array, q: float, weights: Array) -> float:
    """The value below which a share q of the weights lies."""
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    return float(values[order[min(np.searchsorted(below, q * below[-1]), len(order) - 1)]])
