"""What is known of depths before training, as lines in the scene: from sparse points, and from matching between pictures."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from recon.formats.matched_views import read_matched_views
from recon.formats.photos import Photo, read_photo
from recon.geometry import MatchedView, View
from recon.pixels import LinesOfSight, Scene
from recon.train.depth_lines import DepthLines
from recon.workspace import Workspace

MAX_LINES = 3_000_000  # from depth maps, all pictures together: 140 MB
PATCH = 8  # pixels a side: depths of a patch are right or wrong together


def known_lines(
    workspace: Workspace, views: Sequence[View], sights: LinesOfSight | None, scene: Scene, *, seed: int
) -> DepthLines | None:
    """The best that is known of the depths of these pictures: from matching, else from sparse points; None: nothing."""
    matched = matched_lines(workspace, views, scene, seed=seed)
    if matched is not None or not sights:
        return matched
    return sparse_lines(sights, scene)


def sparse_lines(sights: LinesOfSight, scene: Scene) -> DepthLines:
    """Each observation of a sparse point as a line, a group of its own."""
    starts, ends = (torch.from_numpy(scene.scene_from_world.points(x)).float() for x in (sights.starts, sights.ends))
    along = ends - starts
    distances = along.norm(dim=-1).clamp_min(1e-9)
    n = len(sights)
    return DepthLines(
        origins=starts,
        directions=along / distances[:, None],
        distances=distances,
        errors=torch.zeros(n),
        colors=torch.from_numpy(sights.colors),
        weights=torch.ones(n),
        groups=torch.arange(n),
    )


def matched_lines(workspace: Workspace, views: Sequence[View], scene: Scene, *, seed: int) -> DepthLines | None:
    """The lines of the matched views of these pictures; None where the matching stage left none."""
    by_name = {view.name: view for view in views}
    rng = np.random.default_rng(seed)
    parts = [
        lines_of_view(matched, read_photo(by_name[matched.name]), scene, most=MAX_LINES // len(views), rng=rng)
        for matched in read_matched_views(workspace, list(by_name))
    ]
    return DepthLines.joined(parts) if sum(map(len, parts)) else None


def lines_of_view(
    matched: MatchedView, photo: Photo, scene: Scene, *, most: int, rng: np.random.Generator
) -> DepthLines:
    """At most `most` random pixels of one matched view, with the colours of its photo; masked pixels teach nothing."""
    known = (matched.has_depth | matched.is_sky) & (matched.confidence > 0)
    rows = np.flatnonzero(known)
    rows = np.sort(rng.choice(rows, min(most, len(rows)), replace=False))
    in_camera = matched.camera_rays.reshape(-1, 3)[rows]
    colors, is_shown = _look_up(photo, in_camera)
    rows, in_camera, colors = rows[is_shown], in_camera[is_shown], colors[is_shown]
    length = np.linalg.norm(in_camera, axis=1)
    depth = matched.depth.reshape(-1)[rows]
    pose = scene.scene_from_world.poses(matched.world_from_camera)
    n, width = len(rows), matched.camera.size_hw[1]
    patches = (rows // width // PATCH) * (-(-width // PATCH)) + rows % width // PATCH
    return DepthLines(
        origins=torch.from_numpy(pose[:3, 3]).float().expand(n, 3),
        directions=torch.from_numpy(in_camera / length[:, None] @ pose[:3, :3].T).float(),
        distances=torch.from_numpy(np.where(depth > 0, depth * length * scene.scene_from_world.scale, np.inf)).float(),
        errors=torch.zeros(n),
        colors=torch.from_numpy(colors),
        weights=torch.from_numpy(matched.confidence.reshape(-1)[rows]).float(),
        groups=torch.from_numpy(np.unique(patches, return_inverse=True)[1]),
    )


def _look_up(photo: Photo, in_camera: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Colours [n, 3] of the photo along rays [n, 3] of its camera, and whether it shows them, unmasked."""
    h, w = photo.view.camera.size_hw
    pixels = photo.view.camera.project(torch.from_numpy(in_camera).float())
    x, y = (pixels.nan_to_num(nan=-1.0).floor().long().numpy()).T
    is_shown = (x >= 0) & (x < w) & (y >= 0) & (y < h)
    x, y = x.clip(0, w - 1), y.clip(0, h - 1)
    if photo.mask is not None:
        is_shown &= photo.mask[y, x]
    return photo.pixels[y, x, :3], is_shown
