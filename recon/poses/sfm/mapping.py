"""From matched pairs to models of cameras and points: COLMAP's incremental and global mappers, with our settings."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pycolmap

from recon.formats.frame_set import FrameSet
from recon.poses.sfm.colmap_model import Model
from recon.poses.sfm.lens import with_lenses_of
from recon.workspace.console import progress

Models = list[Model]

# A frame, for the global mapper; enough to compare poses, and with texture that repeats too few to keep them
_QUICK_TRACKS = 500


@dataclass(frozen=True)
class Mapping:
    """What every mapper works on."""

    database: Path
    images: Path
    scratch: Path  # for the models that COLMAP insists on writing
    frames: FrameSet
    seed: int
    threads: int | None

    @property
    def is_lens_free(self) -> bool:
        """Whether distortion is estimated."""
        return not self.frames.is_lens_exact

    @property
    def is_focal_free(self) -> bool:
        """Whether the focal length is estimated."""
        return not (self.frames.is_lens_exact or self.frames.is_focal_known)


def map_incrementally(given: Mapping, *, is_relaxed: bool = False, start: Model | None = None) -> Models:
    """One frame after the other; all partial models. `start`: go on from a model, whose frames are kept.

    `is_relaxed` takes frames and first pairs with less support.
    """
    n = len(given.frames.moments()) if given.frames.rig else len(given.frames.frames)
    options = pycolmap.IncrementalPipelineOptions()
    options.random_seed = given.seed
    # With several threads COLMAP begins with the pair that the quickest of them finds: every run another model, and none sooner
    # (90 frames on two cores: 12.8 seconds of the processor with two threads, 10.8 with one).
    options.num_threads = 1
    options.min_model_size = min(10, max(3, n // 2))  # small captures make small models
    options.ba_refine_focal_length, options.ba_refine_extra_params = given.is_focal_free, given.is_lens_free
    options.ba_refine_sensor_from_rig = False  # rigs are given, not estimated
    options.multiple_models = start is None
    # Frames are posed from points. From matches alone COLMAP takes seconds per frame, and believes the false ones: with the
    # relaxed rung's it joined the two halves of a capture with a gap, 0.7 m off in a room of 6 m.
    options.structure_less_registration_fallback = False
    # The final adjustment is ours (polish); on the way half as many and half as exact ones serve as well.
    options.ba_global_frames_ratio = options.ba_global_points_ratio = 1.4
    options.ba_global_max_refinements, options.ba_local_max_refinements = 2, 1
    options.ba_global_function_tolerance = options.ba_local_function_tolerance = 1e-4
    mapper = options.mapper
    mapper.abs_pose_refine_focal_length = given.is_focal_free
    mapper.abs_pose_refine_extra_params = given.is_lens_free
    # Drives straight ahead have no sideways pair and few wide angles to begin with; polish and the gate reject bad starts.
    mapper.init_max_forward_motion, mapper.init_min_tri_angle = 1.0, 8.0
    if is_relaxed:
        options.min_num_matches, mapper.init_min_num_inliers, mapper.init_min_tri_angle = 10, 50, 4.0
        mapper.abs_pose_min_num_inliers, mapper.abs_pose_min_inlier_ratio = 15, 0.15
    folder = _new_folder(given.scratch, "incremental")
    begin = ""
    if start is not None:
        begin = str(_new_folder(given.scratch, "start"))
        with_lenses_of(given.database, start).write(begin)
    with progress("incremental mapping", len(given.frames.frames)) as bar:
        models = pycolmap.incremental_mapping(
            given.database,
            given.images,
            folder,
            options,
            input_path=begin,
            initial_image_pair_callback=lambda: bar.move_to(2),
            next_image_callback=bar.advance,
        )
        bar.move_to(len(given.frames.frames))
    return list(models.values())


def map_globally(given: Mapping, *, is_quick: bool = False) -> Models:
    """All frames at once: rotations first, then positions (GLOMAP, Pan et al. 2024).

    `is_quick`: by the best tracks of each frame only, for poses to compare with: a third of the processor time.
    """
    options = pycolmap.GlobalPipelineOptions()
    options.random_seed = given.seed
    options.num_threads = given.threads or -1
    mapper = options.mapper
    if is_quick:
        mapper.track_required_tracks_per_view, mapper.ba_num_iterations = _QUICK_TRACKS, 1
        mapper.bundle_adjustment.ceres.solver_options.max_num_iterations = 40
        mapper.bundle_adjustment.ceres.solver_options.function_tolerance = 1e-4
    mapper.global_positioning.use_gpu = mapper.bundle_adjustment.ceres.use_gpu = False
    mapper.bundle_adjustment.refine_focal_length = given.is_focal_free
    mapper.bundle_adjustment.refine_extra_params = given.is_lens_free
    mapper.refine_sensor_from_rig = mapper.rotation_averaging.refine_sensor_from_rig = False  # rigs are given
    mapper.global_positioning.refine_sensor_from_rig = mapper.bundle_adjustment.refine_sensor_from_rig = False
    with progress("global mapping", None):
        models = pycolmap.global_mapping(given.database, given.images, _new_folder(given.scratch, "global"), options)
    return list(models.values())


MAPPERS: dict[str, Callable[[Mapping], Models]] = {"incremental": map_incrementally, "global": map_globally}


def _new_folder(scratch: Path, name: str) -> Path:
    n = len(list(scratch.glob(f"{name}*")))
    folder = scratch / f"{name}{n}"
    folder.mkdir(parents=True)
    return folder
