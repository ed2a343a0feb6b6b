"""The whole stage on a textured room with exact truth: depth, files, numbers, reruns, what is left out."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from recon import kernels
from recon.bench.synthetic.renderer import render_depth
from recon.formats.matched_views import read_matched_views
from recon.geometry import Kind, held_out
from recon.matching import shelf
from recon.matching.settings import MatchingSettings
from recon.matching.stage import match_views
from recon.workspace import Workspace, read_metrics
from recon.workspace.settings import read_settings
from tests.worlds import room_reconstruction, textured_room

pytestmark = pytest.mark.skipif(not kernels.is_there("native"), reason="matching needs the native kernels")
CONF = Path(__file__).parents[2] / "conf" / "matching" / "default.yaml"


def settings(**changes: object) -> MatchingSettings:
    return read_settings(MatchingSettings, "matching", {**yaml.safe_load(CONF.read_text()), **changes})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    root = tmp_path_factory.mktemp("room")
    reconstruction = room_reconstruction(root / "photos", 20, size_hw=(96, 128))
    workspace = Workspace(root / "run")
    match_views(workspace, reconstruction=reconstruction, settings=settings(), seed=0)
    return workspace, reconstruction


def test_depths_are_right_and_held_out_pictures_are_left_out(made) -> None:  # type: ignore[no-untyped-def]
    workspace, reconstruction = made
    world = textured_room()
    names = [view.name for view in reconstruction.views]
    matched = list(read_matched_views(workspace, reconstruction.views))
    taught = [n for n, is_out in zip(names, held_out(reconstruction.views), strict=True) if not is_out]
    assert [view.name for view in matched] == taught
    errors, cosines = [], []
    for view in matched:
        true = render_depth(world, view.camera, view.world_from_camera)
        known = view.has_depth & (true > 0)
        errors.append(np.abs(view.depth[known] / true[known] - 1))
        rays = view.camera_rays @ view.world_from_camera[:3, :3].T
        cosines.append(-(view.normal * rays).sum(-1)[known])
        assert (view.kind[view.has_depth] != Kind.UNKNOWN).all() and (view.confidence[view.has_depth] > 0).all()
    error = np.concatenate(errors)
    assert np.median(error) < 0.006 and (error < 0.03).mean() > 0.93
    assert (np.concatenate(cosines) > 0).all(), "normals look at the camera"
    metrics = read_metrics(workspace)["matching"]
    assert metrics["confirmed_fraction"] > 0.6
    assert metrics["views"] == len(taught)


def test_files_and_a_rerun(made, capsys) -> None:  # type: ignore[no-untyped-def]
    workspace, reconstruction = made
    names = {path.name for path in workspace.matching.iterdir()}
    assert {"matching.json", "matching.png", "stage.json"} <= names and len(names) == 17 + 3
    assert len(json.loads((workspace.matching / "matching.json").read_text())["views"]) == 17
    before = (workspace.matching / "stage.json").read_bytes()
    match_views(workspace, reconstruction=reconstruction, settings=settings(), seed=0)
    assert "up to date" in capsys.readouterr().out
    assert (workspace.matching / "stage.json").read_bytes() == before


def test_where_it_is_off_or_hopeless_one_line_says_so_and_nothing_stale_stays(tmp_path, made, capsys) -> None:  # type: ignore[no-untyped-def]
    from dataclasses import replace

    _, reconstruction = made
    workspace = Workspace(tmp_path)
    workspace.matching.mkdir()
    assert match_views(workspace, reconstruction=reconstruction, settings=settings(enabled=False), seed=0) is None
    assert not workspace.matching.exists()
    few = replace(reconstruction, views=reconstruction.views[:4])
    assert match_views(workspace, reconstruction=few, settings=settings(), seed=0) is None
    said = capsys.readouterr().out
    assert "matching.enabled=false" in said and "3 training pictures" in said


def test_what_is_cut_out_is_not_matched(tmp_path, capsys) -> None:  # type: ignore[no-untyped-def]
    reconstruction = room_reconstruction(tmp_path / "photos", 5, size_hw=(24, 32))
    for view in reconstruction.views:
        picture = np.array(Image.open(view.image).convert("RGBA"))
        picture[:6, :, 3] = 0
        Image.fromarray(picture).save(view.image)
    assert match_views(Workspace(tmp_path), reconstruction=reconstruction, settings=settings(), seed=0) is None
    assert "cut out" in capsys.readouterr().out


@pytest.mark.slow
def test_memory_of_matching_does_not_grow_with_the_number_of_pictures(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(shelf, "CACHE_BYTES", 300_000)
    size_hw, peaks, counts = (96, 128), [], []
    # Both have more pictures than one is compared with; the larger twice: what else the process does is no part of it.
    for turn, n in enumerate((15, 31, 31)):
        reconstruction = room_reconstruction(tmp_path / f"photos{turn}", n, size_hw=size_hw)
        counts.append(len(reconstruction.training_views))
        tracemalloc.start()
        workspace, without = Workspace(tmp_path / str(turn)), settings(planes=False)
        match_views(workspace, reconstruction=reconstruction, settings=without, seed=0)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    bytes_a_pixel = (min(peaks[1:]) - peaks[0]) / (counts[1] - counts[0]) / (size_hw[0] * size_hw[1])
    assert bytes_a_pixel < 4, (
        "of each further picture, its name and camera included; with everything in memory it was 130"
    )
