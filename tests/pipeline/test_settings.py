"""Every key of the configuration refuses every impossible value by name, all of them in one error."""

import copy
import math

import pytest

from recon.pipeline.settings import Settings
from recon.workspace.errors import UserError
from recon.workspace.settings import read_settings
from tests.test_configs import GROUPS, composed

IMPOSSIBLE = [-1, 0, math.nan, math.inf, 1e300, "abc", True, []]

# What is possible after all: "abc" as a name or a file, true as a switch, 0 where nothing is meant, no files at all.
ZERO_POSSIBLE = {
    "poses.loop_neighbours", "poses.exhaustive_up_to", "poses.retry_below", "poses.min_registered",
    "scale.known_distance_error_m", "scale.marker_error_m", "scale.camera_height_error_m", "scale.given_relative_error",
    "scale.depth_relative_error",
    "train.final_learning_rate_ratio", "train.opacity_loss", "train.distortion_loss", "train.sky_noise",
    "train.depth_share", "train.depth_loss", "train.occupancy_decay", "train.weight_decay",
    "train.checkpoint_seconds", "train.preview_count", "views.smoothing",
    "mesh.min_opacity", "mesh.min_cosine", "mesh.min_agreeing", "mesh.min_area_fraction", "mesh.max_hole_voxels",
    "mesh.occlusion_margin_px", "mesh.seen_min_cosine", "mesh.sharpening_rounds", "mesh.fill_reach",
    "export.friction", "export.walk_steps", "seed",
}  # fmt: skip
TEXT_POSSIBLE = {
    "capture.source", "dataset.path", "export.name", "export.license_holder", "view.host", "workspace",
    "truth",
}  # fmt: skip
SHIPPED = composed()
KEYS = [f"{key}.{name}" for key in GROUPS for name in SHIPPED[key]] + [key for key in SHIPPED if key not in GROUPS]
NEED_MORE = {"dataset.refine", "dataset.refine_intrinsics"}  # another setting has to change too
SWITCHES = {
    f"{group}.{name}" for group in GROUPS for name, value in SHIPPED[group].items() if isinstance(value, bool)
} - NEED_MORE
POSSIBLE = (
    {(key, "0") for key in ZERO_POSSIBLE}
    | {(key, "'abc'") for key in TEXT_POSSIBLE}
    | {(key, "True") for key in SWITCHES}
    | {("compare.others", "[]"), ("export.engines", "[]"), ("export.things_boxes", "[]")}
)


def read_with(changes: dict[str, object]) -> Settings:
    values = copy.deepcopy(SHIPPED)
    for key, value in changes.items():
        group, _, name = key.rpartition(".")
        (values[group] if group else values)[name] = value
    return read_settings(Settings, "", values)


def test_the_shipped_configuration_is_possible() -> None:
    read_with({})


@pytest.mark.parametrize("key", KEYS)
def test_impossible_values_are_refused_by_name(key: str) -> None:
    for value in IMPOSSIBLE:
        if (key, repr(value)) in POSSIBLE:
            read_with({key: value})
            continue
        with pytest.raises(UserError) as refused:
            read_with({key: value})
        assert key in str(refused.value) and "\n" not in str(refused.value)


def test_what_is_possible_is_told_of_keys_that_are_there() -> None:
    assert {key for key, _ in POSSIBLE} <= set(KEYS)


@pytest.mark.parametrize(
    ("key", "value"),
    [("export.things_boxes", 10**400), ("export.things_boxes", [[10**400]]), ("export.engines", [[[]]])],
)
def test_lists_of_anything_are_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(UserError, match=key):
        read_with({key: value})


def test_errors_of_all_groups_come_in_one_message() -> None:
    with pytest.raises(UserError) as refused:
        read_with({"mesh.max_faces": -1, "train.huber_delta": math.nan, "seed": "x", "capture.alpha": 3})
    for key in ("mesh.max_faces=-1", "train.huber_delta=nan", "seed='x'", "capture.alpha=3"):
        assert key in str(refused.value)
