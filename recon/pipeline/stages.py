"""The stages in order, and nothing else.

Each imports its own package when it is called: all of them together take longer to load than a short stage takes.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from recon.formats.cameras_json import read_reconstruction
from recon.pipeline.forecast import seconds_left
from recon.pipeline.settings import Settings
from recon.workspace import Workspace
from recon.workspace.console import in_turn

if TYPE_CHECKING:
    from recon.field.trained import TrainedField


def run(workspace: Workspace, settings: Settings) -> None:
    """From a capture, or from given poses, to a verified world and its report."""
    frames = (capture,) if settings.dataset.format == "capture" else ()
    stages = (*frames, pose, match, train, evaluate, render, mesh, export, score, report)
    for stage in in_turn(stages, partial(seconds_left, training=settings.train)):
        stage(workspace, settings)


def capture(workspace: Workspace, settings: Settings) -> None:
    """Video or photos -> frames/."""
    from recon.capture.stage import capture_frames

    capture_frames(workspace, settings=settings.capture)


def pose(workspace: Workspace, settings: Settings) -> None:
    """frames/, or a data set with poses -> poses/, and the page about them, also when there are none."""
    from recon.poses.stage import find_poses
    from recon.show.report.stage import poses_reported

    with poses_reported(workspace):
        find_poses(
            workspace,
            dataset=settings.dataset,
            settings=settings.poses,
            scale=settings.scale,
            seed=settings.seed,
            threads=settings.threads,
        )


def capture_and_pose(workspace: Workspace, settings: Settings) -> None:
    """Video, photos, or a data set with poses -> poses/."""
    if settings.dataset.format == "capture":
        capture(workspace, settings)
    pose(workspace, settings)


def match(workspace: Workspace, settings: Settings) -> None:
    """poses/ and its training pictures -> matching/."""
    from recon.matching.stage import match_views

    match_views(
        workspace,
        reconstruction=read_reconstruction(workspace, needs_tracks=True),
        settings=settings.matching,
        seed=settings.seed,
    )


def train(workspace: Workspace, settings: Settings) -> None:
    """poses/ and its pictures -> field/."""
    from recon.train.stage import train_field

    train_field(
        workspace,
        reconstruction=read_reconstruction(workspace, needs_tracks=True),
        field=settings.field,
        settings=settings.train,
        config_text=workspace.config.read_text(),
        seed=settings.seed,
        device=settings.device,
        backend=settings.backend,
    )


def pose_and_train(workspace: Workspace, settings: Settings) -> None:
    """poses/, which a data set with poses still has to make, and its pictures -> field/."""
    if settings.dataset.format != "capture":
        pose(workspace, settings)
    train(workspace, settings)


def evaluate(workspace: Workspace, settings: Settings) -> None:
    """Held-out views of field/ -> held_out/ and metrics "eval"."""
    from recon.score.stage import evaluate_field

    trained = _trained(workspace, settings)
    evaluate_field(
        workspace,
        reconstruction=read_reconstruction(workspace),
        render_view_fn=trained.render,
        background=trained.background,
        gain_fn=trained.exposures.gain,
        settings=settings.evaluate,
    )


def render(workspace: Workspace, settings: Settings) -> None:
    """Novel views of field/ -> views/."""
    from recon.show.novel_views.stage import render_path

    trained = _trained(workspace, settings)
    render_path(
        workspace,
        reconstruction=read_reconstruction(workspace),
        render_view_fn=trained.render,
        path=settings.path,
        settings=settings.views,
    )


def mesh(workspace: Workspace, settings: Settings) -> None:
    """field/ -> mesh/."""
    from recon.mesh.stage import build_mesh

    trained = _trained(workspace, settings)
    build_mesh(
        workspace,
        reconstruction=read_reconstruction(workspace),
        render_view_fn=trained.render,
        color_fn=trained.color,
        settings=settings.mesh,
        device=trained.occupied.device,
    )


def export(workspace: Workspace, settings: Settings) -> None:
    """mesh/ -> world/, verified."""
    from recon.export.stage import export_world

    export_world(
        workspace,
        reconstruction=read_reconstruction(workspace),
        settings=settings.export,
    )


def score(workspace: Workspace, settings: Settings) -> None:
    """Poses and mesh against exact truth, where `truth` names one -> metrics "truth"."""
    from recon.score.truth import score_against_truth

    if settings.truth is not None:
        score_against_truth(workspace, truth=Path(settings.truth))


def compare(workspace: Workspace, settings: Settings) -> None:
    """mesh/ beside plainer surfaces of the run, and other programs' files, against `truth` -> metrics "comparison"."""
    from recon.mesh.comparison import compare_surfaces

    render = None
    if settings.compare.plain_fusion and settings.truth is not None:  # nothing else asks the field
        render = _trained(workspace, settings).render
    compare_surfaces(
        workspace,
        reconstruction=read_reconstruction(workspace),
        render_view_fn=render,
        truth=None if settings.truth is None else Path(settings.truth),
        settings=settings.compare,
    )


def view(workspace: Workspace, settings: Settings) -> None:
    """field/ in the browser, until Ctrl-C."""
    from recon.show.viewer.stage import open_viewer

    trained = _trained(workspace, settings)
    open_viewer(
        workspace,
        reconstruction=read_reconstruction(workspace),
        render_view_fn=trained.render,
        settings=settings.view,
    )


def report(workspace: Workspace, settings: Settings) -> None:
    """Everything -> report.html."""
    from recon.show.report.stage import write_report

    write_report(workspace)


def _trained(workspace: Workspace, settings: Settings) -> "TrainedField":
    from recon.field.field_file import load_trained_field

    return load_trained_field(workspace, device=settings.device, backend=settings.backend)
