"""The matching stage: poses/ and the training pictures -> matching/, depth and normal of every pixel that is sure enough."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recon import kernels
from recon.formats.images import write_image
from recon.formats.matched_views import write_matched_view
from recon.formats.photos import is_cut_out
from recon.geometry import Kind, MatchedView, Reconstruction, View
from recon.kernels.stereo import StereoView
from recon.matching.all_round import doubted, pictures_all_round, shares_through
from recon.matching.blank import PlaneDepths, fill_blank
from recon.matching.confirm import Confirmed, confirm
from recon.matching.ground import with_ground_below
from recon.matching.open_air import is_in_the_open
from recon.matching.openings import opened, sight_lines
from recon.matching.passes import match_pictures, n_sweeps
from recon.matching.pictures import Picture, read_picture
from recon.matching.plane_scales import near_scale, planes_at_scales
from recon.matching.region_planes import region_planes
from recon.matching.regions import blank_regions
from recon.matching.settings import MatchingSettings
from recon.matching.sheet import contact_sheet, sheet_row, spread
from recon.matching.shelf import Shelf
from recon.matching.sky import find_sky
from recon.matching.sources import SparseScene, choose_sources, depth_ranges, sparse_scene, typical_depth
from recon.workspace import StageRun, Workspace, write_json
from recon.workspace.console import progress, say

MAX_SOURCES = 16  # pictures asked about a plane
MAX_WITNESSES = 64  # pictures asked whether they matched something before it
SKY_CONFIDENCE = 0.9
FAR = 50.0  # typical depths: where lines of sight into the sky end
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
    inputs = [workspace.cameras_json, workspace.points_ply, workspace.tracks_npz]
    run = StageRun(workspace, "matching", workspace.matching, settings=settings, inputs=inputs, also={"seed": seed})
    if run.is_finished:
        say("matching: up to date")
        return workspace.matching
    with run as folder, TemporaryDirectory(dir=folder, prefix="scratch") as scratch:
        work = Path(scratch)
        pictures = Shelf.of(work / "pictures", (read_picture(view, settings.max_size) for view in views))
        shown, shares, chosen = [], [], spread(len(views))
        for i, known in enumerate(_match(pictures, reconstruction, settings, seed, work)):
            shares.append(_write(folder, pictures[i], known))
            if i in chosen:
                shown.append(sheet_row(pictures[i].color, known))
        write_image(folder / "matching.png", contact_sheet(shown))
        totals = {key: float(np.mean([share[key] for share in shares])) for key in shares[0]}
        names = [view.name for view in views]
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
    if is_cut_out(views):
        return (
            "an object is cut out of the pictures (they are transparent round it): outlines and colours alone teach the field "
            "better. Where transparency only hides what should not count, give masks beside opaque pictures instead"
        )
    if not kernels.is_there("native"):
        return "the native kernels are not built (install a C++ compiler, then `pip install -e .` again)"
    return None


def _match(
    pictures: Sequence[Picture],
    reconstruction: Reconstruction,
    settings: MatchingSettings,
    seed: int,
    scratch: Path,
) -> Iterator[MatchedView]:
    """In the order of `pictures`; `scratch` holds what does not fit into memory."""
    views = training_views(reconstruction)
    scene = sparse_scene(reconstruction, views)
    sources = choose_sources(views, scene, settings.sources)
    with progress("matching", n_sweeps(pictures)) as bar:
        matches = match_pictures(pictures, scene, sources, depth_ranges(views, scene), scratch, seed=seed, bar=bar)
    neighbours = choose_sources(views, scene, settings.neighbours)
    supported = Shelf.of(scratch / "supported", confirm(matches, pictures, neighbours, settings, scratch))
    matches.clear()
    asked = pictures_all_round(views, scene)
    supported = Shelf.of(scratch / "doubted", _doubted(pictures, supported, asked, settings, scratch))
    confirmed = Shelf.of(scratch / "confirmed", (known.surer_than(1 - settings.max_doubt) for known in supported))
    skies = Shelf.of(scratch / "sky", _skies(pictures, confirmed, neighbours, scratch, settings, reconstruction))
    on_ground = (known.without(sky) for known, sky in zip(confirmed, skies, strict=True))
    confirmed = Shelf.of(scratch / "below_sky", on_ground)
    filled: Iterator[PlaneDepths] = (PlaneDepths.nothing(picture.camera.size_hw) for picture in pictures)
    if settings.planes:
        hints = Shelf.of(scratch / "hints", (known.without(no) for known, no in zip(supported, skies, strict=True)))
        supported.clear()
        filled = _filled(
            pictures, matches.views, confirmed, hints, skies, scene, scratch, seed, reconstruction.is_up_aligned
        )
    yield from map(_matched_view, pictures, confirmed, filled, skies)


def _doubted(
    pictures: Sequence[Picture],
    supported: Sequence[Confirmed],
    asked: Sequence[NDArray[np.int64]],
    settings: MatchingSettings,
    scratch: Path,
) -> Iterator[Confirmed]:
    """The same, less sure where pictures all round (`asked`, of each) look through it.

    pictures, supported: of each picture itself, and what its neighbours confirm. settings: conf/matching; scratch: folder for what
    does not fit into memory.
    """
    sure = (known.surer_than(1 - settings.max_doubt).depth for known in supported)
    shares = shares_through(pictures, (known.depth for known in supported), sure, asked, scratch)
    return map(doubted, supported, shares)


def _filled(
    pictures: Sequence[Picture],
    views: Sequence[StereoView],
    confirmed: Sequence[Confirmed],
    hints: Sequence[Confirmed],
    skies: Sequence[NDArray[np.bool_]],
    scene: SparseScene,
    scratch: Path,
    seed: int,
    is_up_aligned: bool,
) -> Iterator[PlaneDepths]:
    """Planes where nothing is confirmed; they are found by `hints`, which hold what is less sure too.

    pictures, views, confirmed, skies: of each picture: itself, as matching sees it, what is confirmed of it, where its sky
    is. scene: the sparse points. scratch: folder for what does not fit into memory. seed: of random numbers.
    is_up_aligned: whether z is up.
    """
    cameras = [picture.view for picture in pictures]
    depth = typical_depth(cameras, scene)
    centers = np.stack([view.world_from_camera[:3, 3] for view in cameras])
    planes = planes_at_scales(pictures, hints, centers, typical_depth=depth, seed=seed)
    if is_up_aligned and is_in_the_open(pictures, confirmed):
        planes = with_ground_below(planes, centers)
    regions = Shelf.of(scratch / "regions", map(blank_regions, pictures, confirmed, hints, skies))
    planes += region_planes(regions, planes, typical_depth=depth)
    lines = list(sight_lines(pictures, confirmed, skies, far=FAR * depth))
    planes = opened(planes, lines)
    asked, witnesses = (choose_sources(cameras, scene, n) for n in (MAX_SOURCES, MAX_WITNESSES))
    if near_scale(hints, depth) is not None:  # on a drive it tore holes into the road (docs/surfaces.md)
        witnesses = witnesses[:, :0]
    return fill_blank(pictures, views, confirmed, skies, regions, planes, asked, witnesses, scratch)


def _skies(
    pictures: Sequence[Picture],
    confirmed: Sequence[Confirmed],
    neighbours: NDArray[np.int32],
    scratch: Path,
    settings: MatchingSettings,
    reconstruction: Reconstruction,
) -> Iterator[NDArray[np.bool_]]:
    """The sky [h, w] of each picture.

    pictures, confirmed: themselves, and what is confirmed of them. neighbours: [n, k] pictures that each is compared with. scratch:
    folder for what does not fit into memory. settings: conf/matching. reconstruction: which way is up.
    """
    if settings.sky:
        return find_sky(pictures, confirmed, neighbours, scratch, is_up_aligned=reconstruction.is_up_aligned)
    return map(_nowhere, pictures)


def _nowhere(picture: Picture) -> NDArray[np.bool_]:
    return np.zeros(picture.camera.size_hw, bool)


def _matched_view(picture: Picture, known: Confirmed, plane: PlaneDepths, sky: NDArray[np.bool_]) -> MatchedView:
    is_plane = plane.depth > 0
    kind = np.select([known.is_confirmed, is_plane, sky], [Kind.MATCHED, Kind.PLANE, Kind.SKY], Kind.UNKNOWN)
    normal = np.where(is_plane[..., None], plane.normal, known.normal)
    confidence = np.select([known.is_confirmed, is_plane, sky], [known.confidence, plane.confidence, SKY_CONFIDENCE], 0)
    return MatchedView(
        name=picture.view.name,
        camera=picture.camera,
        world_from_camera=picture.world_from_camera,
        depth=np.where(is_plane, plane.depth, known.depth).astype(np.float32),
        normal=normal.astype(np.float32),
        confidence=confidence.astype(np.float32),
        kind=kind.astype(np.uint8),
    )


def _write(folder: Path, picture: Picture, known: MatchedView) -> dict[str, Any]:
    """The view's file; its shares of the pixels."""
    write_matched_view(folder, known)
    n = max(int(picture.is_valid.sum()), 1)
    kinds = {"confirmed_fraction": Kind.MATCHED, "plane_fraction": Kind.PLANE, "sky_fraction": Kind.SKY}
    return {key: float(((known.kind == kind) & picture.is_valid).sum() / n) for key, kind in kinds.items()}
