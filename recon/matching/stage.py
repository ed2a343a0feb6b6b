"""The matching stage: poses/ and the training pictures -> matching/, depth and normal of every pixel that is sure enough."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recon import kernels
from recon.console import progress, say
from recon.formats.images import write_image
from recon.formats.matched_views import write_matched_view
from recon.geometry import Kind, MatchedView, Reconstruction, View
from recon.matching.confirm import Confirmed, confirm
from recon.matching.passes import match_pictures, n_passes
from recon.matching.pictures import Picture, read_picture
from recon.matching.settings import MatchingSettings
from recon.matching.sheet import contact_sheet, spread
from recon.matching.sources import choose_sources, depth_ranges, sparse_scene
from recon.workspace import StageRun, Workspace, write_json

MIN_VIEWS = 4  # fewer pictures cannot confirm each other


def match_views(
    workspace: Workspace, *, reconstruction: Reconstruction, settings: MatchingSettings, seed: int
) -> Path | None:
    """Match the training pictures and write `workspace.matching` and the metrics section "matching".

    Returns None where there is nothing to match with, and says why; a result of an earlier run is then removed.
    """
    views = training_views(reconstruction)
    reason = _why_not(views, settings)
    if reason:
        say(f"matching: skipped: {reason}")
        shutil.rmtree(workspace.matching, ignore_errors=True)
        return None
    model = workspace.poses / "colmap"
    inputs = [workspace.cameras_json, workspace.points_ply, model]
    run = StageRun(workspace, "matching", workspace.matching, settings=settings, inputs=inputs, also={"seed": seed})
    if run.is_finished:
        say("matching: up to date")
        return workspace.matching
    with run as folder:
        pictures = [read_picture(view, settings.max_size) for view in views]
        matched = _match(pictures, reconstruction, model, settings, seed)
        shares = [_write(folder, picture, known) for picture, known in zip(pictures, matched, strict=True)]
        chosen = spread(len(pictures))
        write_image(folder / "matching.png", contact_sheet([(pictures[i].color, matched[i]) for i in chosen]))
        totals = {key: float(np.mean([share[key] for share in shares])) for key in shares[0]}
        names = [picture.view.name for picture in pictures]
        write_json(
            folder / "matching.json",
            {"views": dict(zip(names, shares, strict=True)), **totals, "kinds": {k.name.lower(): int(k) for k in Kind}},
        )
        run.metrics = {**totals, "views": len(views), "seconds": run.seconds}
    say(
        f"matching: {totals['confirmed_fraction']:.0%} of the pixels matched, {totals['plane_fraction']:.0%} by planes, "
        f"{totals['sky_fraction']:.0%} sky -> {workspace.matching}"
    )
    return workspace.matching


def training_views(reconstruction: Reconstruction) -> list[View]:
    """The views that are not held out, in name order."""
    return sorted(reconstruction.training_views, key=lambda view: view.name)


def _why_not(views: Sequence[View], settings: MatchingSettings) -> str | None:
    if not settings.enabled:
        return "matching.enabled=false"
    if len(views) < MIN_VIEWS:
        return f"{len(views)} training pictures; {MIN_VIEWS} are needed to confirm each other"
    if not kernels.is_there("native"):
        return "the native kernels are not built (install a C++ compiler, then `pip install -e .` again)"
    return None


def _match(
    pictures: list[Picture], reconstruction: Reconstruction, model: Path, settings: MatchingSettings, seed: int
) -> list[MatchedView]:
    views = [picture.view for picture in pictures]
    scene = sparse_scene(reconstruction, views, model)
    sources = choose_sources(views, scene, settings.sources)
    with progress("matching", n_passes(pictures)) as bar:
        matches = match_pictures(pictures, scene, sources, depth_ranges(views, scene), seed=seed, bar=bar)
    confirmed = confirm(
        matches,
        pictures,
        choose_sources(views, scene, settings.neighbours),
        min_agreeing=settings.min_agreeing,
        agreement_px=settings.agreement_px,
        agreement=settings.agreement,
        max_cost=settings.max_cost,
    )
    return [_matched_view(picture, known) for picture, known in zip(pictures, confirmed, strict=True)]


def _matched_view(picture: Picture, known: Confirmed) -> MatchedView:
    kind = np.where(known.is_confirmed, Kind.MATCHED, Kind.UNKNOWN).astype(np.uint8)
    length = np.linalg.norm(known.planes, axis=-1, keepdims=True)
    normal = -(known.planes / np.maximum(length, 1e-12)) @ picture.world_from_camera[:3, :3].T
    return MatchedView(
        name=picture.view.name,
        camera=picture.camera,
        world_from_camera=picture.world_from_camera,
        depth=known.depth,
        normal=normal.astype(np.float32),
        confidence=known.confidence,
        kind=kind,
    )


def _write(folder: Path, picture: Picture, known: MatchedView) -> dict[str, Any]:
    """The view's file; its shares of the pixels."""
    write_matched_view(folder, known)
    n = max(int(picture.is_valid.sum()), 1)
    kinds = {"confirmed_fraction": Kind.MATCHED, "plane_fraction": Kind.PLANE, "sky_fraction": Kind.SKY}
    return {key: float((known.kind == kind).sum() / n) for key, kind in kinds.items()}
