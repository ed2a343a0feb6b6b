"""The evaluation stage on a world whose renders are known exactly."""

import json

import numpy as np
import pytest

from recon.formats.images import read_image, write_image
from recon.formats.photos import read_photo
from recon.geometry import Camera, Reconstruction, View
from recon.render.views import RenderedView
from recon.score.settings import EvaluateSettings
from recon.score.stage import evaluate_field, photo_colors
from recon.workspace import Workspace, read_metrics
from recon.workspace.errors import UserError
from tests.default_settings import default_settings

CAMERA = Camera("PINHOLE", (34, 48), 50, 50, 24, 17)


def shown(size_hw, shift):
    h, w = size_hw
    y, x = np.mgrid[0:h, 0:w] / h
    return (0.5 + 0.4 * np.stack([np.sin(6 * x + shift), np.cos(5 * y), np.sin(4 * x * y)], -1)).astype(np.float32)


def render(camera, pose):
    h, w = camera.size_hw
    color = shown((h, w), pose[0, 3])
    depth = np.broadcast_to(np.linspace(1, 3, w, dtype=np.float32), (h, w)).copy()
    return RenderedView(color, np.ones((h, w), np.float32), depth, np.zeros((h, w, 3), np.float32))


def capture(folder, n=17, *, noise=0.0, alpha=None, mask=None):
    rng = np.random.default_rng(0)
    views = []
    for i in range(n):
        pose = np.eye(4)
        pose[0, 3] = i / 10
        image = shown((34, 48), i / 10) + noise * rng.choice([-1, 1], (34, 48, 1))
        pixels = (image.clip(0, 1) * 255 + 0.5).astype(np.uint8)
        if alpha is not None:
            pixels = np.concatenate([pixels, np.full((34, 48, 1), alpha, np.uint8)], -1)
        write_image(folder / f"{i:03d}.png", pixels)
        views.append(View(f"{i:03d}", folder / f"{i:03d}.png", CAMERA, pose, mask=mask))
    return Reconstruction(tuple(views))


def no_gain(view):
    return np.ones(3, np.float32)


def run(tmp_path, reconstruction, background="none", gain_fn=no_gain, **settings):
    return evaluate_field(
        Workspace(tmp_path / "run"),
        reconstruction=reconstruction,
        render_view_fn=render,
        background=background,
        gain_fn=gain_fn,
        settings=default_settings(EvaluateSettings, "evaluate", **settings),
    )


def test_perfect_renders_score_as_rounding_allows(tmp_path):
    scores = run(tmp_path, capture(tmp_path))
    assert list(scores["per_image"]) == ["000", "008", "016"]
    assert scores["n_views"] == scores["n_held_out"] == 3 and scores["size_hw"] == [34, 48]
    assert scores["psnr"] > 55 and scores["ssim"] > 0.999 and scores["ms_ssim"] > 0.999 and scores["flip"] < 0.02
    assert read_metrics(Workspace(tmp_path / "run"))["eval"] == json.loads(json.dumps(scores))
    assert sorted(p.name for p in (tmp_path / "run/held_out").glob("*.png")) == ["000.png", "008.png", "016.png"]
    assert read_image(tmp_path / "run/held_out/000.png").shape == (34, 4 * 48 + 3 * 4, 3)


@pytest.mark.parametrize("background", ["white", "black", "sky", "none"])
def test_background_is_stated(tmp_path, background):
    assert run(tmp_path, capture(tmp_path, 1), background)["background"] == background


def test_known_noise_gives_its_psnr(tmp_path):
    assert run(tmp_path, capture(tmp_path, noise=0.05))["psnr"] == pytest.approx(26.02, abs=0.1)


@pytest.mark.parametrize(("settings", "names"), [
    ({"every": 2}, ["000", "016"]), ({"max_views": 2}, ["000", "016"]), ({"max_views": 1}, ["000"]),
])  # fmt: skip
def test_subsets(tmp_path, settings, names):
    scores = run(tmp_path, capture(tmp_path), **settings)
    assert list(scores["per_image"]) == names and scores["n_held_out"] == 3


def test_scale_shrinks_photo_and_camera_alike(tmp_path):
    scores = run(tmp_path, capture(tmp_path), scale=0.5)
    assert scores["size_hw"] == [17, 24] and scores["psnr"] > 30


def test_a_rerun_is_skipped_until_a_setting_changes(tmp_path):
    reconstruction = capture(tmp_path)
    first = run(tmp_path, reconstruction)
    mark = tmp_path / "run/held_out/stage.json"
    before = mark.stat().st_mtime_ns
    assert run(tmp_path, reconstruction) == json.loads(json.dumps(first)) and mark.stat().st_mtime_ns == before
    run(tmp_path, reconstruction, every=2)
    assert mark.stat().st_mtime_ns != before


def test_masked_pixels_are_ignored(tmp_path):
    mask = np.full((34, 48), 255, np.uint8)
    mask[:, 36:] = 0
    write_image(tmp_path / "mask.png", mask)
    reconstruction = capture(tmp_path, mask=tmp_path / "mask.png")
    for view in reconstruction.views:
        image = read_image(view.image)
        image[:, 36:] = 0
        write_image(view.image, image)
    assert run(tmp_path, reconstruction)["psnr"] > 55


def test_transparency_is_composited_on_the_stated_background(tmp_path):
    photo = read_photo(capture(tmp_path, 1, alpha=0).views[0])
    assert (photo_colors(photo, "white") == 1).all() and (photo_colors(photo, "black") == 0).all()
    with pytest.raises(UserError, match="transparent"):
        photo_colors(photo, "none")
    opaque = read_photo(capture(tmp_path, 1, alpha=255).views[0])
    assert photo_colors(opaque, "none").shape == (34, 48, 3)


def test_renders_are_exposed_as_the_pictures_were(tmp_path):
    plain = run(tmp_path / "a", capture(tmp_path))
    darker = run(tmp_path / "b", capture(tmp_path), gain_fn=lambda view: np.array([0.8, 0.8, 0.9], np.float32))
    assert plain["exposure"] == "none" and darker["exposure"] == "neighbours in time"
    assert darker["psnr"] < plain["psnr"] - 10


def test_nothing_is_left_when_a_render_fails(tmp_path):
    def fail(camera, pose):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_field(
            Workspace(tmp_path / "run"),
            reconstruction=capture(tmp_path),
            render_view_fn=fail,
            background="none",
            gain_fn=no_gain,
            settings=default_settings(EvaluateSettings, "evaluate"),
        )
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize("settings", [{"every": 0}, {"max_views": 0}, {"scale": 0}, {"scale": 1.5}])
def test_impossible_settings(tmp_path, settings):
    with pytest.raises(UserError, match="expected"):
        run(tmp_path, capture(tmp_path, 1), **settings)


def test_names_that_climb_out_stay_in_the_folder(tmp_path):
    source = capture(tmp_path, 1).views[0]
    view = View("../../left/0001", source.image, CAMERA, source.world_from_camera)
    run(tmp_path, Reconstruction((view,)))
    assert [p.name for p in (tmp_path / "run/held_out").glob("*.png")] == ["_.._left_0001.png"]
