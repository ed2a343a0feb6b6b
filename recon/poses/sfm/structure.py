"""Structure from motion of the captured frames, in the frame and unit that it happens to have: the folder `sfm/`.

`sfm/` keeps the database of features and matches, so that a run that was stopped goes on from there, and the model, so that
another scale or up axis costs nothing.
"""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from recon.formats.frame_set import FrameSet
from recon.poses.sfm import diagnosis
from recon.poses.sfm.colmap_log import colmap_log
from recon.poses.sfm.colmap_model import Model, read_model, seed_colmap
from recon.poses.sfm.dense import adjust_densely
from recon.poses.sfm.focal import FACTORS, is_focal_told
from recon.poses.sfm.ladder import Ladder, Mapped
from recon.poses.sfm.pairs import way_of
from recon.poses.sfm.quality import MIN_MEDIAN_ANGLE_DEG
from recon.poses.sfm.settings import PoseSettings
from recon.poses.sfm.xfeat import INSTALL
from recon.workspace import StageRun, Workspace, fingerprint, read_json, replace_folder, write_json
from recon.workspace.console import say
from recon.workspace.errors import UserError

DATABASE = "database.db"  # in sfm/: of the first features and matches
ATTEMPTS = "attempts.json"  # beside the models of a try: the ways that were gone
_REPORT, _MODEL, _LOG = "report.json", "model", "colmap.log"
_MORE = (
    f" Learned features, which find more in dark or blurred pictures and may help, were not tried: {INSTALL} adds them."
)


@dataclass(frozen=True)
class Structure:
    """A mapped capture and what is known about it, as JSON."""

    model: Model
    report: dict[str, Any]


def find_structure(
    workspace: Workspace,
    frames: FrameSet,
    settings: PoseSettings,
    *,
    seed: int,
    threads: int | None,
    failure_told: Callable[..., AbstractContextManager[None]],
) -> Structure:
    """The model of the frames in `frames/`; from `sfm/` where it was found before with the same settings.

    `failure_told(workspace, frames, models=folder)` surrounds what may fail and tells the person why it did. Raises
    `UserError`, with the likely cause, when fewer than `settings.min_registered` of the frames get a pose or the frames
    show no parallax.

    seed: of all random numbers; threads: None: all cores.
    """
    folder = workspace.sfm
    matching = {"settings": settings.of_matching, "seed": seed, "is_focal_known": frames.is_focal_known}
    focals = sorted({frame.focal_px for frame in frames.frames if frames.is_focal_known and frame.focal_px})
    run = StageRun(
        workspace,
        "sfm",
        folder,
        settings=settings,
        inputs=[workspace.frames],
        also={**matching, "focal_px": focals},
        has_metrics=False,
        is_kept=True,
    )
    if run.is_finished:
        report = read_json(folder / _REPORT, made_by="python scripts/poses.py")
        return Structure(read_model(folder / _MODEL), report)
    with run:
        _keep_matching(folder, fingerprint(matching, [workspace.frames]))
        with (
            colmap_log(folder / _LOG),
            TemporaryDirectory(dir=folder, prefix="scratch") as scratch,
            failure_told(workspace, frames, models=Path(scratch)),
        ):
            mapped, report = _reconstruct(workspace, frames, settings, Path(scratch), seed=seed, threads=threads)
        report["seconds"] = run.seconds
        with replace_folder(folder / _MODEL) as temporary:
            mapped.model.write(temporary)
        write_json(folder / _REPORT, report)
    # As a later run reads it: COLMAP keeps images in another order then.
    return Structure(read_model(folder / _MODEL), report)


def _keep_matching(folder: Path, key: str) -> None:
    """Empty `folder` unless its database was begun with the same frames and settings."""
    mark = folder / "matching.txt"
    if not mark.exists() or mark.read_text() != key:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        mark.write_text(key)
    elif (folder / DATABASE).exists():
        say(f"poses: going on with the features and matches in {folder}")


def _reconstruct(
    workspace: Workspace,
    frames: FrameSet,
    settings: PoseSettings,
    scratch: Path,
    *,
    seed: int,
    threads: int | None,
) -> tuple[Mapped, dict[str, Any]]:
    """The model, and what is told of it.

    workspace, frames: the run folder and its frames. settings: conf/poses. scratch: folder for the database and models on the way.
    seed: of all random numbers; threads: None: all cores.
    """
    seed_colmap(seed)
    database = workspace.sfm / DATABASE
    ladder = Ladder(database, frames, settings, images=workspace.frames, scratch=scratch, seed=seed, threads=threads)
    ladder.matching.prepare()
    statistics = diagnosis.pair_statistics(database, frames, sorted(ladder.matching.matched))
    problem = diagnosis.check_motion(statistics)
    if problem is not None:
        raise UserError(f"{workspace.frames}: {problem}")
    mapped = ladder.climb()
    write_json(scratch / ATTEMPTS, ladder.report())
    _accept(mapped, frames, statistics, settings.min_registered, lacks_learned=ladder.matching.lacks_learned)
    assert mapped is not None  # _accept raised otherwise
    if settings.dense:
        adjust_densely(mapped.model, frames, images=workspace.frames, scratch=scratch, seed=seed)
    report = {
        **{name: value for name, value in asdict(mapped.quality).items() if name != "problems"},
        "problems": list(mapped.quality.problems),
        "method": mapped.method,
        "lens": mapped.lens,
        "database": mapped.database.name,
        "attempts": ladder.report(),
        "pairs": {
            "chosen_by": way_of(frames, settings),
            "matched": len(ladder.matching.matched),
            "verified": statistics.verified,
        },
    }
    return mapped, report


def _accept(
    mapped: Mapped | None,
    frames: FrameSet,
    statistics: diagnosis.PairStatistics,
    min_registered: float,
    *,
    lacks_learned: bool,
) -> None:
    """Raise `UserError` with the likely cause unless the model is good enough."""
    total = len(frames.frames)
    registered = mapped.quality.registered if mapped else 0
    if mapped is None or registered < max(3, min_registered * total):
        raise UserError(
            f"poses: only {registered} of {total} frames could be posed ({min_registered:.0%} are needed): "
            f"{diagnosis.explain(statistics, frames)}{_MORE if lacks_learned else ''}"
        )
    angle = mapped.quality.median_angle_deg
    if angle < MIN_MEDIAN_ANGLE_DEG:
        raise UserError(
            f"poses: the camera barely moved against the size of the scene (rays to a point meet at {angle:.1f} "
            f"degrees in the median, {MIN_MEDIAN_ANGLE_DEG:g} are needed), so depth is unknown. Move sideways while "
            "filming, by a tenth of the distance to the scene between frames."
        )
    if not (frames.is_focal_known or frames.is_lens_exact or is_focal_told(mapped.model)):
        focal = mapped.model.cameras[min(mapped.model.cameras)].mean_focal_length()
        raise UserError(
            "poses: the camera moved straight ahead, or turned too little, so the pictures do not tell its focal length (from "
            f"{FACTORS[0] * focal:.0f} to {FACTORS[1] * focal:.0f} pixels all fit), and with it how deep the scene is. Film "
            "from the side or with turns, or give the focal length in pixels of the frames: poses.focal_px=..."
        )
