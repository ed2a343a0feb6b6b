"""A data set made sound: each picture once and on one side, a local origin, deep pictures stretched alike, orientations."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recon.formats import transforms_json
from recon.formats.photos import read_photo
from recon.geometry import Camera, Reconstruction, View, held_out
from recon.poses.given.sound import local, made_sound, without_repeats
from recon.workspace.console import take_warnings
from recon.workspace.errors import UserError
from tests.formats.captures import pose

H, W = 24, 36
CAMERA = Camera("PINHOLE", (H, W), 40.0, 41.0, 17.7, 12.3)


def noise(path: Path, seed: int, **how: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (H, W, 3), dtype=np.uint8)).save(path, **how)  # type: ignore[arg-type]
    return path


def views_of(folder: Path, n: int) -> list[View]:
    return [View(f"{i:03d}", noise(folder / f"{i:03d}.png", i), CAMERA, pose(i)) for i in range(n)]


def never_on_both_sides(views: list[View]) -> bool:
    """Whether no picture, by its bytes, is both trained on and held out."""
    sides: dict[bytes, set[bool]] = {}
    for view, out in zip(views, held_out(views), strict=True):
        sides.setdefault(view.image.read_bytes(), set()).add(out)
    return all(len(side) == 1 for side in sides.values())


def test_a_picture_counts_once_whatever_its_names(tmp_path: Path) -> None:
    views = views_of(tmp_path, 10)
    copy = tmp_path / "copy.png"
    copy.write_bytes(views[3].image.read_bytes())
    listed_twice = [*views, *(replace(view, name=f"again_{view.name}") for view in views)]
    renamed = replace(views[3], name="copy", image=copy, world_from_camera=views[8].world_from_camera)
    assert not never_on_both_sides([*listed_twice, renamed])
    once = without_repeats([*listed_twice, renamed], tmp_path)
    assert [view.name for view in once] == [view.name for view in views] and never_on_both_sides(once)
    assert "11 of 21 pictures are there twice" in take_warnings()[0]


def test_what_a_data_set_holds_out_stays_held_out(tmp_path: Path) -> None:
    (view,) = views_of(tmp_path, 1)
    both = without_repeats([replace(view, split="train"), replace(view, name="b", split="test")], tmp_path)
    assert [view.split for view in both] == ["test"]


def test_large_coordinates_get_a_local_origin_and_lose_no_digit(tmp_path: Path) -> None:
    near = Reconstruction(tuple(views_of(tmp_path, 6)))
    offset = np.array([447_312.25, 5_412_876.5, 312.0])
    far_views = []
    for view in near.views:
        moved = view.world_from_camera.copy()
        moved[:3, 3] += offset
        far_views.append(replace(view, world_from_camera=moved))
    found = local(Reconstruction(tuple(far_views)), tmp_path)
    assert np.abs(found.centers).max() < 10
    back = found.world_from_capture.inverse().points(found.centers)
    np.testing.assert_allclose(back, near.centers + offset, atol=1e-9)
    assert local(near, tmp_path) is near


def test_cameras_at_one_place_are_said_to_be_so(tmp_path: Path) -> None:
    views = []
    for i, view in enumerate(views_of(tmp_path, 4)):
        turned = pose(i)
        turned[:3, 3] = [5.0, 1.0, 2.0]
        views.append(replace(view, world_from_camera=turned))
    with pytest.raises(UserError, match="stand at one place"):
        made_sound(Reconstruction(tuple(views)), tmp_path)


def test_a_lens_that_folds_over_within_the_picture_is_refused_and_one_in_the_corners_told(tmp_path: Path) -> None:
    def seen_by(*distortion: float) -> Reconstruction:
        views = views_of(tmp_path, 4)
        camera = replace(views[0].camera, model="OPENCV", fx=50.0, fy=50.0, distortion=distortion)
        return Reconstruction(tuple(replace(view, camera=camera) for view in views))

    made_sound(seen_by(-0.1, 0.01, 0.0, 0.0), tmp_path)
    assert not take_warnings()
    with pytest.raises(UserError, match=r"folds over within the picture.*in the order k1 k2 p1 p2"):
        made_sound(seen_by(-8.0, 0.0, 0.0, 0.0), tmp_path)
    made_sound(seen_by(0.0, -5.0, 0.0, 0.0), tmp_path)
    assert "have no line of sight" in take_warnings()[0]


def test_a_principal_point_that_no_lens_has_is_told(tmp_path: Path) -> None:
    views = views_of(tmp_path, 4)
    camera = views[0].camera
    made_sound(
        Reconstruction(tuple(replace(view, camera=replace(camera, cx=camera.cx + 2.0)) for view in views)), tmp_path
    )
    assert not take_warnings()
    shares = replace(camera, cx=0.5, cy=0.5)
    made_sound(Reconstruction((*views[:3], replace(views[3], camera=shares))), tmp_path)
    (told,) = take_warnings()
    assert "(0.5, 0.5) of 003 lies far from the middle" in told and "1 of 4 pictures" in told


def test_pictures_that_are_copies_by_their_poses_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    views = views_of(tmp_path, 10)
    copy = replace(views[3], name="copy", image=noise(tmp_path / "copy.png", 99))
    made_sound(Reconstruction((*views, copy)), tmp_path)
    assert "1 of 11 pictures are from the place and direction of another one" in capsys.readouterr().out


def test_narrow_deep_pictures_are_stretched_alike(tmp_path: Path) -> None:
    rng, views = np.random.default_rng(0), []
    for i in range(5):
        values = rng.integers(7000 + 20 * i, 7900 + 20 * i, (H, W)).astype(np.uint16)
        Image.fromarray(values).save(tmp_path / f"{i}.png")
        views.append(View(str(i), tmp_path / f"{i}.png", CAMERA, pose(i)))
    found, _ = made_sound(Reconstruction(tuple(views)), tmp_path)
    levels = {view.reading.levels for view in found.views}
    assert len(levels) == 1
    means = [read_photo(view).pixels.mean() for view in found.views]
    assert min(means) > 60 and max(means) < 200 and means[4] > means[0] + 10  # one scale for all


@pytest.mark.parametrize(("tag", "is_for_stored"), [(1, True), (3, True), (6, True), (6, False), (8, False)])
def test_given_poses_are_for_the_stored_pixels_unless_sizes_say_otherwise(
    tmp_path: Path, tag: int, is_for_stored: bool
) -> None:
    import json

    exif = Image.Exif()
    exif[0x0112] = tag
    frames = []
    for i in range(3):
        noise(tmp_path / f"{i}.png", i, exif=exif)
        gl = pose(i) @ np.diag([1.0, -1, -1, 1])
        frames.append({"file_path": f"{i}.png", "transform_matrix": gl.tolist()})
    w, h = (W, H) if is_for_stored else (H, W)
    value = {"fl_x": 40.0, "cx": w / 2 - 0.3, "cy": h / 2 + 0.2, "w": w, "h": h, "frames": frames}
    for keys in (("w", "h"), ()):  # without a size the principal point tells
        (tmp_path / "transforms.json").write_text(
            json.dumps({k: v for k, v in value.items() if keys or k not in ("w", "h")})
        )
        stored = np.asarray(Image.open(tmp_path / "0.png"))
        view = transforms_json.read(tmp_path).views[0]
        expected = stored if is_for_stored else np.rot90(stored, {6: 3, 8: 1}[tag])
        assert view.camera.size_hw == (h, w)
        np.testing.assert_array_equal(read_photo(view).pixels, expected)
