"""The stages in order, and nothing else."""

from pathlib import Path

from recon.capture import capture_frames
from recon.export import export_world
from recon.field.field_file import load_trained_field
from recon.field.trained import TrainedField
from recon.formats.cameras_json import read_reconstruction
from recon.matching import match_views
from recon.mesh import build_mesh
from recon.mesh.comparison import compare_surfaces
from recon.pipeline.settings import Settings
from recon.poses.stage import find_poses
from recon.score.stage import evaluate_field
from recon.score.truth import score_against_truth
from recon.show.novel_views.stage import render_path
from recon.show.report import poses_reported, write_report
from recon.show.viewer.stage import open_viewer
from recon.train import train_field
from recon.workspace import Workspace
from recon.workspace.console import in_turn


def run(workspace: Workspace, settings: Settings) -> None:
    """From a capture, or from given poses, to a verified world and its report."""
    frames = (capture,) if settings.dataset.format == "capture" else ()
    for stage in in_turn((*frames, pose, match, train, evaluate, render, mesh, export, score, report)):
        stage(workspace, settings)


def capture(workspace: Workspace, settings: Settings) -> None:
    """Video or photos -> frames/."""
    capture_frames(workspace, settings=settings.capture)


def pose(workspace: Workspace, settings: Settings) -> None:
    """frames/, or a data set with poses -> poses/, and the page about them, also when there are none."""
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
    match_views(
        workspace,
        reconstruction=read_reconstruction(workspace, needs_tracks=True),
        settings=settings.matching,
        seed=settings.seed,
    )


def train(workspace: Workspace, settings: Settings) -> None:
    """poses/ and its pictures -> field/."""
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
    export_world(
        workspace,
        reconstruction=read_reconstruction(workspace),
        settings=settings.export,
    )


def score(workspace: Workspace, settings: Settings) -> None:
    """Poses and mesh against exact truth, where `truth` names one -> metrics "truth"."""
    if settings.truth is not None:
        score_against_truth(workspace, truth=Path(settings.truth))


def compare(workspace: Workspace, settings: Settings) -> None:
    """mesh/ beside plainer surfaces of the run, and other programs' files, against `truth` -> metrics "comparison"."""
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
    trained = _trained(workspace, settings)
    open_viewer(
        workspace,
        reconstruction=read_reconstruction(workspace),
        render_view_fn=trained.render,
        settings=settings.view,
    )


def report(workspace: Workspace, settings: Settings) -> None:
    """Everything -> report.html."""
    write_report(workspace)


def _trained(workspace: Workspace, settings: Settings) -> TrainedField:
    return load_trained_field(workspace, device=settings.device, backend=settings.backend)
