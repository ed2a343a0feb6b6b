"""From matched pairs to one model of cameras and points: the mappers, tried in turn until one registers enough."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycolmap

from recon.console import progress, say
from recon.poses.frames import FrameSet


@dataclass(frozen=True)
class Mapped:
    """The best model so far and how it came about."""

    model: pycolmap.Reconstruction
    method: str
    attempts: tuple[dict, ...]  # for the report: method, registered, seconds of every mapper that ran

    @property
    def registered(self) -> int:
        return self.model.num_reg_images()


def map_frames(
    database: Path,
    frames: FrameSet,
    *,
    image_folder: Path,
    scratch: Path,
    mapper: str,
    retry_below: float,
    seed: int,
    threads: int | None,
) -> tuple[Mapped | None, tuple[dict, ...]]:
    """Run the mappers in order until one registers `retry_below` of the frames; the largest model of all wins.

    `mapper` is "auto" (incremental, then global) or the name of one. Returns None when nothing could be mapped, and
    what was tried.
    """
    pycolmap.set_random_seed(seed)
    best: tuple[pycolmap.Reconstruction, str] | None = None
    attempts: list[dict] = []
    for name in _LADDER if mapper == "auto" else (mapper,):
        started = time.perf_counter()
        folder = scratch / name
        folder.mkdir()
        models = _MAPPERS[name](database, image_folder, folder, frames, seed, threads)
        largest = max(models, key=_rank, default=None)
        registered = 0 if largest is None else largest.num_reg_images()
        attempts.append(
            {"method": name, "registered": registered, "models": len(models), "seconds": time.perf_counter() - started}
        )
        say(f"poses: {name} mapping registered {registered} of {len(frames.frames)} frames")
        if largest is not None and (best is None or registered > best[0].num_reg_images()):
            best = largest, name
        if registered >= retry_below * len(frames.frames):
            break
    return best and Mapped(best[0], best[1], tuple(attempts)), tuple(attempts)


def _rank(model: pycolmap.Reconstruction) -> tuple[int, int]:
    return model.num_reg_images(), model.num_points3D()


def _incremental(
    database: Path, images: Path, folder: Path, frames: FrameSet, seed: int, threads: int | None
) -> Sequence[pycolmap.Reconstruction]:
    options = pycolmap.IncrementalPipelineOptions()
    options.random_seed = seed
    options.num_threads = threads or -1
    n, n_moments = len(frames.frames), len(frames.moments()) if frames.rig else len(frames.frames)
    options.min_model_size = min(10, max(3, n_moments // 2))  # small captures make small models
    options.ba_refine_focal_length = options.ba_refine_extra_params = not frames.is_lens_exact
    options.mapper.abs_pose_refine_focal_length = options.mapper.abs_pose_refine_extra_params = not frames.is_lens_exact
    options.ba_refine_sensor_from_rig = False  # rigs are given, not estimated
    with progress("incremental mapping", n) as bar:
        models = pycolmap.incremental_mapping(
            database,
            images,
            folder,
            options,
            initial_image_pair_callback=lambda: bar.move_to(2),
            next_image_callback=bar.advance,
        )
        bar.move_to(n)
    return list(models.values())


def _global(
    database: Path, images: Path, folder: Path, frames: FrameSet, seed: int, threads: int | None
) -> Sequence[pycolmap.Reconstruction]:
    options = pycolmap.GlobalPipelineOptions()
    options.random_seed = seed
    options.num_threads = threads or -1
    options.mapper.global_positioning.use_gpu = False
    options.mapper.bundle_adjustment.ceres.use_gpu = False
    options.mapper.bundle_adjustment.refine_focal_length = not frames.is_lens_exact
    options.mapper.bundle_adjustment.refine_extra_params = not frames.is_lens_exact
    options.mapper.refine_sensor_from_rig = False  # rigs are given, not estimated
    options.mapper.rotation_averaging.refine_sensor_from_rig = False
    options.mapper.global_positioning.refine_sensor_from_rig = False
    options.mapper.bundle_adjustment.refine_sensor_from_rig = False
    with progress("global mapping", None):
        models = pycolmap.global_mapping(database, images, folder, options)
    return list(models.values())


_MAPPERS: dict[str, Callable[..., Sequence[pycolmap.Reconstruction]]] = {
    "incremental": _incremental,
    "global": _global,
}
_LADDER = ("incremental", "global")


# ---- quality -------------------------------------------------------------------------------------------------------


def triangulation_angles_deg(model: pycolmap.Reconstruction, *, at_most: int = 2000) -> np.ndarray:
    """Widest angle between the rays to each of up to `at_most` points [n]: near 0 means no parallax."""
    centers = {i: model.image(i).projection_center() for i in model.reg_image_ids()}
    points = list(model.points3D.values())
    angles = []
    for point in points[:: max(1, len(points) // at_most)]:
        rays = np.array([centers[element.image_id] - point.xyz for element in point.track.elements])
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        angles.append(np.degrees(np.arccos(np.clip((rays @ rays.T).min(), -1.0, 1.0))))
    return np.array(angles)
