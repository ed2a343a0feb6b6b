"""Findings made up for tests: a walk whose frames each see their neighbours' points, and ways to spoil it."""

from dataclasses import replace

import numpy as np
import scipy.sparse

from recon.formats.frame_set import FrameImage
from recon.poses.doctor.brightness import Brightness
from recon.poses.doctor.findings import Findings
from recon.poses.doctor.links import links_of, turns_deg
from recon.poses.doctor.matching import Matching
from recon.poses.doctor.model import Model

POINTS_A_FRAME = 120  # new ones that come into view with each frame
REACH = 6  # frames that a point stays in view


def frame_images(n: int, *, is_video: bool = True) -> list[FrameImage]:
    times = [i / 5 if is_video else None for i in range(n)]
    return [FrameImage(f"f{i:03d}", f"f{i:03d}.png", time, None, (48, 64)) for i, time in enumerate(times)]


def walk_model(n: int) -> Model:
    """Along x, looking along y at points two units away; each point stays in view for REACH frames."""
    poses = np.tile(np.eye(4), (n, 1, 1))
    poses[:, :3, :3] = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    poses[:, 0, 3] = 0.3 * np.arange(n)
    born = np.repeat(np.arange(n), POINTS_A_FRAME)
    frame = np.clip(born[:, None] + np.arange(REACH), 0, n - 1)
    point = np.broadcast_to(np.arange(len(born))[:, None], frame.shape)
    sees = scipy.sparse.csr_matrix((np.ones(frame.size), (frame.ravel(), point.ravel())), (n, len(born)))
    sees.data[:] = 1
    rng = np.random.default_rng(0)
    positions = np.c_[0.3 * born + rng.uniform(0, 1, len(born)), rng.uniform(1.5, 2.5, len(born)), np.zeros(len(born))]
    return Model(
        is_registered=np.ones(n, bool),
        world_from_camera=poses,
        error_px=np.full(n, 0.4),
        occupancy=np.full(n, 0.8),
        focal_change=np.full(n, 0.0005),
        positions=positions,
        sees=sees.astype(np.int32),
        angles_deg=np.full(len(born), 15.0),
    )


def without_pose(model: Model, lost: list[int]) -> Model:
    sees = model.sees.toarray()
    sees[lost] = 0
    poses, error, occupancy = model.world_from_camera.copy(), model.error_px.copy(), model.occupancy.copy()
    poses[lost], error[lost], occupancy[lost] = np.nan, np.nan, 0
    posed = np.isfinite(poses[:, 0, 3])
    return replace(
        model, is_registered=posed, world_from_camera=poses, error_px=error, occupancy=occupancy,
        sees=scipy.sparse.csr_matrix(sees),
    )  # fmt: skip


def chain_matching(n: int, *, reach: int = REACH, inliers: int = 400, features: int = 1500) -> Matching:
    """Every frame matches the `reach` next ones."""
    pairs = np.array([(i, j) for i in range(n) for j in range(i + 1, min(n, i + reach + 1))])
    m = len(pairs)
    return Matching(
        features=np.full(n, features),
        pairs=pairs,
        matches=np.full(m, int(inliers / 0.8)),
        inliers=np.full(m, inliers),
        motion=0.03 * (pairs[:, 1] - pairs[:, 0]),
        is_flat=np.zeros(m, bool),
        neighbours=((np.zeros((0, 2)), np.zeros((0, 2))),) * (n - 1),
    )


def unlinked(matching: Matching, frames: range, *, inliers: int = 0) -> Matching:
    """No more than `inliers` between the frames and the others."""
    is_across = np.isin(matching.pairs, frames).sum(1) == 1
    return replace(
        matching,
        inliers=np.where(is_across, inliers, matching.inliers),
        matches=np.where(is_across, inliers + 5, matching.matches),
    )


def findings(model: Model, matching: Matching | None = None, *, is_video: bool = True) -> Findings:
    n = len(model.is_registered)
    matching = matching or chain_matching(n)
    return Findings(
        is_video=is_video,
        sharpness=np.full(n, 0.5),
        shown=np.ones(n),
        matching=matching,
        brightness=Brightness(np.full(n, 120.0), np.zeros(n)),
        model=model,
        links=links_of(model, matching),
        turns_deg=turns_deg(model.world_from_camera),
        takes=np.zeros(n, np.int64),
    )
