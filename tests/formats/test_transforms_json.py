"""transforms.json: round trip, intrinsics in all their spellings, and every bad input."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recon.formats import transforms_json
from recon.geometry import Camera, Points, Reconstruction, View, look_at, opengl_from_opencv
from recon.geometry.lenses import LENSES
from recon.workspace.console import take_warnings
from recon.workspace.errors import UserError
from tests.formats.captures import PINHOLE, capture

SIZE_HW = (24, 36)


def picture(path: Path, size_hw: tuple[int, int] = SIZE_HW) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size_hw[1], size_hw[0]), (90, 120, 60)).save(path)
    return path


def pose(i: int) -> np.ndarray:
    return look_at(np.array([3.0, 0.4 * i, 1.0 + 0.1 * i]), np.array([0.0, 0.1, 0.2]), np.array([0.0, 0.0, 1.0]))


def minimal(folder: Path, n: int = 3) -> dict:
    for i in range(n):
        picture(folder / f"images/{i:03d}.png")
    frames = [
        {"file_path": f"images/{i:03d}.png", "transform_matrix": opengl_from_opencv(pose(i)).tolist()} for i in range(n)
    ]
    return {"fl_x": 40.0, "fl_y": 41.0, "cx": 18.5, "cy": 11.0, "w": 36, "h": 24, "frames": frames}


def save(folder: Path, value: dict) -> Path:
    path = folder / "transforms.json"
    path.write_text(json.dumps(value))
    return path


@pytest.mark.parametrize("model", ["PINHOLE", "OPENCV", "OPENCV_FISHEYE"])
def test_round_trip(tmp_path: Path, model: str) -> None:
    distortion = () if model == "PINHOLE" else (0.05, -0.02, 0.001, 0.002)
    views = []
    for i in range(3):
        size_hw = (24 + i, 36)
        camera = Camera(model, size_hw, 40.0 + i, 41.0, 17.7, 12.3, distortion)
        image = picture(tmp_path / f"images/{i:03d}.png", size_hw)
        mask = picture(tmp_path / f"masks/{i:03d}.png", size_hw)
        views.append(View(f"{i:03d}", image, camera, pose(i), 0.5 * i, mask, "test" if i == 1 else "train"))
    points = Points(np.random.default_rng(0).normal(size=(5, 3)), np.arange(15, dtype=np.uint8).reshape(5, 3))
    transforms_json.write(tmp_path / "transforms.json", Reconstruction(tuple(views), points))
    read = transforms_json.read(tmp_path)
    for a, b in zip(read.views, views, strict=True):
        assert (a.name, a.camera, a.image, a.mask, a.split, a.time_s) == (
            b.name, b.camera, b.image, b.mask, b.split, b.time_s,
        )  # fmt: skip
        np.testing.assert_allclose(a.world_from_camera, b.world_from_camera, atol=1e-12)
    assert read.points is not None
    np.testing.assert_array_equal(read.points.positions, points.positions)
    np.testing.assert_array_equal(read.points.colors, points.colors)


def test_per_frame_intrinsics_win_and_angle_serves_without_focal(tmp_path: Path) -> None:
    value = minimal(tmp_path)
    value["frames"][1]["fl_x"] = 55.0
    del value["frames"][2]["file_path"]
    value["frames"][2]["file_path"] = "images/002"  # suffix left out
    views = transforms_json.read(save(tmp_path, value)).views
    assert [view.camera.fx for view in views] == [40.0, 55.0, 40.0]
    for key in ("fl_x", "fl_y", "cx", "cy", "w", "h"):
        del value[key]
    del value["frames"][1]["fl_x"]
    value["camera_angle_x"] = 2 * np.arctan(18 / 40)
    camera = transforms_json.read(save(tmp_path, value)).views[0].camera
    assert camera.model == "PINHOLE" and camera.fx == pytest.approx(40.0) and (camera.cx, camera.cy) == (18, 12)


def test_nerfstudios_list_of_coefficients_is_read(tmp_path: Path) -> None:
    """k1 k2 k3 k4 p1 p2, at the top or in a frame."""
    value = minimal(tmp_path)
    value["distortion_params"] = [0.1, 0.02, 0.0, 0.0, 0.001, -0.002]
    value["frames"][1]["distortion_params"] = [0.05, 0, 0, 0, 0, 0]
    views = transforms_json.read(save(tmp_path, value)).views
    assert [view.camera.model for view in views] == ["OPENCV"] * 3
    assert views[0].camera.distortion == (0.1, 0.02, 0.001, -0.002) and views[1].camera.distortion == (0.05, 0, 0, 0)
    for wrong in ([0.1, 0.02], "0.1", [0.1, None, 0, 0, 0, 0]):
        value["distortion_params"] = wrong
        with pytest.raises(UserError):
            transforms_json.read(save(tmp_path, value))


def test_focal_lengths_of_frames_that_overrule_the_top_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value = minimal(tmp_path)
    for frame in value["frames"]:
        frame["fl_x"] = 40.0
    transforms_json.read(save(tmp_path, value))
    assert "which counts" not in capsys.readouterr().out
    for frame, focal in zip(value["frames"], (40.0, 55.0, 60.0), strict=True):
        frame["fl_x"] = focal
    transforms_json.read(save(tmp_path, value))
    assert (
        "frames have a 'fl_x' of their own, which counts, not the 40 at the top (2 frames)" in capsys.readouterr().out
    )


def test_keys_of_other_programs_that_say_nothing_of_the_camera_change_nothing(tmp_path: Path) -> None:
    value = minimal(tmp_path)
    plain = transforms_json.read(save(tmp_path, value)).views
    value |= {
        "aabb_scale": 16, "scale": 0.33, "offset": [0.5, 0.5, 0.5], "orientation_override": "none",
        "applied_transform": [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, -1, 0]], "applied_scale": 0.5, "is_fisheye": False,
        "integer_depth_scale": 0.001, "k1": 0.0, "k3": 0.0, "k4": 0, "sharpness_discard_threshold": 0.0,
    }  # fmt: skip
    for frame in value["frames"]:
        frame |= {"depth_file_path": "depth/none.png", "sharpness": 30.0, "colmap_im_id": 7}
    read = transforms_json.read(save(tmp_path, value)).views
    for a, b in zip(read, plain, strict=True):
        assert (a.name, a.image, a.camera) == (b.name, b.image, b.camera)
        np.testing.assert_array_equal(a.world_from_camera, b.world_from_camera)


def test_lenses_by_the_keys_of_each_program(tmp_path: Path) -> None:
    def camera(**changes: object) -> Camera:
        return transforms_json.read(save(tmp_path, {**minimal(tmp_path), **changes})).views[0].camera

    assert camera(is_fisheye=True, k1=0.1, k4=0.2).distortion == (0.1, 0, 0, 0.2)
    assert camera(camera_model="OPENCV_FISHEYE", k3=0.3).distortion == (0, 0, 0.3, 0)
    assert camera(camera_model="SIMPLE_RADIAL", k1=0.1).distortion == (0.1, 0, 0, 0)
    assert camera(camera_model="PINHOLE", k1=0.1, p2=0.01).distortion == (0.1, 0, 0, 0.01)
    assert camera(camera_model="OPENCV", k3=0.3).distortion == (0, 0, 0, 0, 0.3, 0, 0, 0)
    assert camera(camera_model="FULL_OPENCV", k1=0.1, k6=0.3).distortion == (0.1, 0, 0, 0, 0, 0, 0, 0.3)
    assert camera(camera_model="FOV", omega=0.9).distortion == (0.9,)
    assert camera(camera_model="THIN_PRISM_FISHEYE", k4=0.2, sy1=0.01).distortion == (0, 0, 0, 0, 0, 0.2, 0, 0.01)


@pytest.mark.parametrize("model", LENSES)
def test_every_lens_comes_back_from_what_we_write(tmp_path: Path, model: str) -> None:
    views = transforms_json.read(save(tmp_path, minimal(tmp_path))).views
    coefficients = tuple(0.01 * (i + 1) for i in range(len(LENSES[model].coefficients)))
    for distortion in {coefficients, (*coefficients[:5], 0.0, 0.0, 0.0) if model == "FULL_OPENCV" else coefficients}:
        camera = replace(views[0].camera, model=model, distortion=distortion)
        written = Reconstruction(tuple(replace(view, camera=camera) for view in views), None)
        transforms_json.write(tmp_path / "again.json", written)
        assert {view.camera for view in transforms_json.read(tmp_path / "again.json").views} == {camera}
        named = json.loads((tmp_path / "again.json").read_text())["camera_model"]
        assert named == ("OPENCV" if distortion[5:] == (0.0, 0.0, 0.0) else model)  # nerfstudio's OPENCV has a k3


def test_a_picture_whose_mask_is_missing_or_broken_is_left_out_and_told(tmp_path: Path) -> None:
    """What was to be hidden would be trained on without it."""
    value = minimal(tmp_path, n=6)
    for i, frame in enumerate(value["frames"]):
        frame["mask_path"] = f"masks/{i}.png"
        picture(tmp_path / frame["mask_path"])
    (tmp_path / "masks/1.png").unlink()
    (tmp_path / "masks/4.png").write_bytes(b"no picture")
    take_warnings()
    views = transforms_json.read(save(tmp_path, value)).views
    (warning,) = take_warnings()
    assert [view.name for view in views] == ["000", "002", "003", "005"] and all(view.mask for view in views)
    assert "2 of 6 pictures name a mask that is not there or does not open and are skipped" in warning
    assert "images/001.png" in warning and "masks/1.png does not exist" in warning


def test_paths_with_the_escapes_of_web_addresses_are_found(tmp_path: Path) -> None:
    value = minimal(tmp_path)
    picture(tmp_path / "images/my photo (1).png")
    picture(tmp_path / "images/100%25.png")  # as it is on the disk
    value["frames"][0]["file_path"] = "images/my%20photo%20%281%29.png"
    value["frames"][1]["file_path"] = "images/100%25.png"
    value["frames"][2]["file_path"] = "images/no%20photo.png"
    take_warnings()
    views = transforms_json.read(save(tmp_path, value)).views
    (warning,) = take_warnings()
    assert sorted(view.image.name for view in views) == ["100%25.png", "my photo (1).png"]
    assert "1 of 3 pictures do not exist and are skipped (images/no%20photo.png)" in warning


def test_coefficients_that_a_lens_does_not_have_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    transforms_json.read(
        save(tmp_path, {**minimal(tmp_path), "camera_model": "OPENCV", "k1": 0.1, "k5": 0.2, "sx1": 0.0})
    )
    out = capsys.readouterr().out
    assert (
        "'k5' is no coefficient of an OPENCV lens (k1 k2 p1 p2): it is not used (3 frames)" in out and "sx1" not in out
    )


def test_intrinsics_of_each_frame_as_polycam_has_them(tmp_path: Path) -> None:
    value = minimal(tmp_path)
    numbers = {key: value.pop(key) for key in ("fl_x", "fl_y", "cx", "cy", "w", "h")}
    for i, frame in enumerate(value["frames"]):
        frame |= {**numbers, "fl_x": 40.0 + i}
        frame["file_path"] = f"./{frame['file_path']}".replace("/", "\\") if i == 1 else f"./{frame['file_path']}"
    views = transforms_json.read(save(tmp_path, {"camera_model": "OPENCV", **value})).views
    assert [view.camera.fx for view in views] == [40, 41, 42]


def test_fields_of_view_in_degrees(tmp_path: Path) -> None:
    value = minimal(tmp_path)
    del value["fl_x"], value["fl_y"]
    value |= {"x_fov": float(np.degrees(2 * np.arctan(18 / 40))), "y_fov": float(np.degrees(2 * np.arctan(12 / 30)))}
    camera = transforms_json.read(save(tmp_path, value)).views[0].camera
    assert (camera.fx, camera.fy) == (pytest.approx(40), pytest.approx(30))


def test_pictures_elsewhere_are_read_where_the_person_says_so(tmp_path: Path) -> None:
    value = minimal(tmp_path / "data")
    (tmp_path / "data/images").rename(tmp_path / "photos")
    value["frames"][0]["file_path"] = "../photos/000.png"
    value["frames"][1]["file_path"] = str(tmp_path / "photos/001.png")
    path = save(tmp_path / "data", value)
    with pytest.raises(UserError, match="leads out"):
        transforms_json.read(path)
    views = transforms_json.read(path, images="../photos").views
    assert [view.image for view in views] == [tmp_path / f"photos/{i:03d}.png" for i in range(3)]
    value["frames"][0]["file_path"] = "../secrets/none.png"
    (picture(tmp_path / "secrets/none.png"), take_warnings())
    views = transforms_json.read(save(tmp_path / "data", value), images="../photos").views
    assert len(views) == 2 and "1 of 3 pictures do not exist" in take_warnings()[0]
    with pytest.raises(UserError, match=r"dataset\.images=nowhere"):
        transforms_json.read(path, images="nowhere")


def test_nerfstudio_finds_the_camera_and_all_three_lists_at_the_top(tmp_path: Path) -> None:
    camera = Camera("OPENCV_FISHEYE", SIZE_HW, 40.0, 41.0, 17.7, 12.3, (0.05, -0.02, 0.001, 0.002))
    views = [
        View(f"{i}", picture(tmp_path / f"{i}.png"), camera, pose(i), split="test" if i else "train") for i in (0, 1)
    ]
    transforms_json.write(tmp_path / "transforms.json", Reconstruction(tuple(views)))
    value = json.loads((tmp_path / "transforms.json").read_text())
    assert (value["camera_model"], value["is_fisheye"], value["fl_y"], value["k4"]) == (
        "OPENCV_FISHEYE",
        True,
        41.0,
        0.002,
    )
    assert set(value["frames"][0]) == {"file_path", "transform_matrix"}
    lists = [value[f"{name}_filenames"] for name in ("train", "val", "test")]
    assert lists == [["0.png"], ["1.png"], ["1.png"]]


def test_points_that_were_not_copied_are_done_without(tmp_path: Path) -> None:
    given = capture([tmp_path / f"{i}.png" for i in range(3)], ["0", "1", "2"], PINHOLE)
    transforms_json.write(tmp_path / "transforms.json", given)
    value = json.loads((tmp_path / "transforms.json").read_text()) | {"ply_file_path": "sparse_pc.ply"}
    (tmp_path / "transforms.json").write_text(json.dumps(value))
    take_warnings()
    assert transforms_json.read(tmp_path / "transforms.json").points is None
    (warning,) = take_warnings()
    assert "sparse_pc.ply are not there" in warning


def test_missing_pictures_are_skipped_with_one_warning(tmp_path: Path) -> None:
    value = minimal(tmp_path, 5)
    for i in (1, 3):
        (tmp_path / f"images/{i:03d}.png").unlink()
    take_warnings()
    views = transforms_json.read(save(tmp_path, value)).views
    assert [view.name for view in views] == ["000", "002", "004"]
    warnings = take_warnings()
    assert len(warnings) == 1 and "2 of 5" in warnings[0]


def test_pictures_saved_anew_in_another_format_are_read_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value = minimal(tmp_path, 5)
    for i in (1, 3):
        picture(tmp_path / f"images/{i:03d}.JPG")
        (tmp_path / f"images/{i:03d}.png").unlink()
    value["frames"][4]["file_path"] = "images/004.bmp"
    views = transforms_json.read(save(tmp_path, value)).views
    assert [view.image.name for view in views] == ["000.png", "001.JPG", "002.png", "003.JPG", "004.png"]
    assert (
        "3 of 5 pictures are there in another format and are read (001.JPG for images/001.png)"
        in capsys.readouterr().out
    )


def test_scaled_copies_scale_the_camera_and_other_shapes_are_errors(tmp_path: Path) -> None:
    value = minimal(tmp_path)
    for i in range(3):
        picture(tmp_path / f"images/{i:03d}.png", (48, 72))
    camera = transforms_json.read(save(tmp_path, value)).views[0].camera
    assert (camera.size_hw, camera.fx, camera.cx) == ((48, 72), 80.0, 37.0)
    picture(tmp_path / "images/001.png", (36, 24))
    with pytest.raises(UserError, match="turned"):
        transforms_json.read(tmp_path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"fl_x": 40 / 36, "fl_y": 41 / 24, "cx": 18.5 / 36, "cy": 11 / 24}, "shares of the picture's sides"),
        ({"fl_x": 40 / 36, "fl_y": 41 / 36, "cx": 18.5 / 36, "cy": 11 / 24}, "shares of the picture's longer side"),
        ({"fl_x": 480, "fl_y": 492, "cx": 222, "cy": 132, "w": None, "h": None}, "12 times as large"),
        (
            {"fl_x": 40 / 6, "fl_y": 41 / 6, "cx": 18.5 / 6, "cy": 11 / 6, "w": None, "h": None},
            "0.166667 times as large",
        ),
    ],
)
def test_intrinsics_in_other_units_and_of_other_sizes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: dict, said: str
) -> None:
    value = {**minimal(tmp_path), **given}
    save(tmp_path, {key: number for key, number in value.items() if number is not None})
    camera = transforms_json.read(tmp_path).views[0].camera
    assert (camera.fx, camera.fy) == pytest.approx((40, 41), rel=0.01) and camera.size_hw == (24, 36)
    assert (camera.cx, camera.cy) == pytest.approx((18.5, 11), abs=1)
    assert said in capsys.readouterr().out


def test_pictures_without_a_pose_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path, minimal(tmp_path))
    for name in ("003.png", "004.png", "000_depth.png", "001.mask.png"):
        picture(tmp_path / "images" / name)
    assert len(transforms_json.read(tmp_path).views) == 3
    assert "2 more pictures lie there without a pose and are left out (003.png, ...)" in capsys.readouterr().out


def test_what_is_listed_for_training_and_testing_is_held_out(tmp_path: Path) -> None:
    value = minimal(tmp_path)
    names = [frame["file_path"] for frame in value["frames"]]
    save(tmp_path, {**value, "test_filenames": names[1:2], "train_filenames": names[:2], "val_filenames": []})
    assert [view.split for view in transforms_json.read(tmp_path).views] == ["train", "test", "train"]
    assert "1 pictures are listed for training and for testing" in take_warnings()[0]


def test_names_in_the_letters_of_western_windows(tmp_path: Path) -> None:
    value = minimal(tmp_path)
    (tmp_path / "images/001.png").rename(tmp_path / "images/Küche.png")
    value["frames"][1]["file_path"] = "images/Küche.png"
    (tmp_path / "transforms.json").write_bytes(json.dumps(value, ensure_ascii=False).encode("cp1252"))
    images = [view.image.name for view in transforms_json.read(tmp_path).views]
    assert sorted(images) == ["000.png", "002.png", "Küche.png"] and take_warnings() == []


def test_repeated_stems_give_unique_flat_names(tmp_path: Path) -> None:
    value = minimal(tmp_path, 2)
    picture(tmp_path / "left/000.png")
    value["frames"][1]["file_path"] = "left/000.png"
    names = [view.name for view in transforms_json.read(save(tmp_path, value)).views]
    assert sorted(names) == ["images_000", "left_000"]


BAD = {
    "NaN": lambda v: v["frames"][1].update(transform_matrix=np.full((4, 4), np.nan).tolist()),
    "transform_matrix": lambda v: v["frames"][1].pop("transform_matrix"),
    "file_path": lambda v: v["frames"][1].pop("file_path"),
    "'frames'": lambda v: v.pop("frames"),
    "focal length": lambda v: v.pop("fl_x"),
    "'\\.\\.'": lambda v: v["frames"][1].update(file_path="../images/none.png"),
    "leads out": lambda v: v["frames"][1].update(file_path="/etc/passwd"),
    "not rigid": lambda v: v["frames"][1].update(transform_matrix=np.diag([2.0, 2, 2, 1]).tolist()),
    "axes are 2 long, expected 1": lambda v: v["frames"][1].update(transform_matrix=np.diag([2.0, 2, 2, 1]).tolist()),
    "last row is 0 0 0 2, expected 0 0 0 1": lambda v: v["frames"][1]["transform_matrix"][3].__setitem__(3, 2.0),
    "mirrored": lambda v: v["frames"][1].update(transform_matrix=np.diag([-1.0, 1, 1, 1]).tolist()),
    "4x4 pose": lambda v: v["frames"][1].update(transform_matrix=[[1.0, 2.0]]),
    "not a matrix": lambda v: v["frames"][1].update(transform_matrix="identity"),
    "finite number": lambda v: v.update(fl_x="wide"),
    "positive": lambda v: v.update(fl_x=-3.0),
    "camera model 'EUCM'": lambda v: v.update(camera_model="EUCM"),
    "panoramas with given poses.*capture.projection": lambda v: (
        v.pop("fl_x"),
        v.update(camera_model="EQUIRECTANGULAR"),
    ),
    "k4": lambda v: v.update(k1=0.1, k4=0.1),
    "FTHETA": lambda v: v.update(ftheta_p0=1.0),
    "under 180": lambda v: (v.pop("fl_x"), v.pop("fl_y"), v.update(x_fov=181)),
    "none of its": lambda v: [f.update(file_path=f["file_path"] + "x") for f in v["frames"]],
    "3 of 3 pictures name a mask that is not there": lambda v: [
        f.update(mask_path="masks/no.png") for f in v["frames"]
    ],
    "leads out of": lambda v: v["frames"][1].update(mask_path="../../no.png"),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_named(tmp_path: Path, message: str) -> None:
    value = minimal(tmp_path)
    BAD[message](value)
    with pytest.raises(UserError, match=message):
        transforms_json.read(save(tmp_path, value))


def test_lists_of_splits_alone_are_of_another_format(tmp_path: Path) -> None:
    (tmp_path / "transforms_train.json").write_text("{}")
    with pytest.raises(UserError, match=r"transforms\.json does not exist, but .*dataset=blender reads it"):
        transforms_json.read(tmp_path)


def test_not_json_and_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        transforms_json.read(tmp_path)
    (tmp_path / "transforms.json").write_text("{frames:")
    with pytest.raises(UserError, match="not valid JSON"):
        transforms_json.read(tmp_path)
    (tmp_path / "transforms.json").write_text("[1]")
    with pytest.raises(UserError, match="JSON object"):
        transforms_json.read(tmp_path)


def test_depth_that_is_not_there_or_looked_for_elsewhere_is_told(tmp_path: Path) -> None:
    value = minimal(tmp_path)
    value["frames"][0]["depth_file_path"] = "sensor/a.png"
    (tmp_path / "sensor").mkdir()
    (tmp_path / "sensor/a.png").touch()
    take_warnings()
    transforms_json.read(save(tmp_path, value))
    assert not take_warnings()
    transforms_json.read(save(tmp_path, value).rename(tmp_path / "mine.json"))
    value["frames"][1]["depth_file_path"] = "sensor/gone.png"
    transforms_json.read(save(tmp_path, value))
    elsewhere, gone = take_warnings()
    assert "1 of 1 depth images that frames name are not read" in elsewhere
    assert "1 of 2 depth images that frames name are not read" in gone and "Put them there" in gone
