"""The poses stage: structure from motion for captured frames, checks and an upright world for a data set that comes with poses."""

from pathlib import Path

from recon.poses.given.settings import DatasetSettings
from recon.poses.sfm.settings import PoseSettings
from recon.poses.world_frame.scale.settings import ScaleSettings
from recon.workspace import Workspace


def find_poses(
    workspace: Workspace,
    *,
    dataset: DatasetSettings,
    settings: PoseSettings,
    scale: ScaleSettings,
    seed: int,
    threads: int | None,
) -> Path:
    """Write `poses/` and return its path.

    Args:
        workspace: the run folder.
        dataset: conf/dataset; which of the two, and where given poses are.
        settings, scale: conf/poses and conf/scale.
        seed: of all random numbers; threads: of features and matching, None: all cores.
    """
    if dataset.format == "capture":
        from recon.poses.captured import pose_frames  # each loads much that the other does without

        return pose_frames(workspace, settings=settings, scale=scale, seed=seed, threads=threads)
    from recon.poses.imported import import_dataset

    return import_dataset(workspace, settings=dataset, scale=scale, features=settings, seed=seed, threads=threads)
