"""Every file in conf/ composes, and says exactly what the stage it configures takes."""

import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from recon.capture.settings import CaptureSettings
from recon.capture.stage import capture_frames
from recon.field.kinds import KINDS
from recon.pipeline.settings import Settings
from recon.workspace import Workspace
from recon.workspace.settings import read_settings
from tests.default_settings import read_choice

ROOT = Path(__file__).resolve().parent.parent
CHOICES = sorted(p.relative_to(ROOT / "conf").with_suffix("") for p in (ROOT / "conf").glob("*/*.yaml"))
GROUPS = sorted({choice.parent.name for choice in CHOICES} - {"experiment"})


EXPECTED = {field.name: field.type for field in fields(Settings) if is_dataclass(field.type)}


def settings_of(group: str, choice: str) -> set[str]:
    """The settings that a choice must hold: those of its stage, or of the kind of field that it names."""
    kind = KINDS[read_choice(group, choice)["kind"]].settings if group == "field" else EXPECTED[group]
    return {key.name for key in fields(kind)}  # type: ignore[arg-type]


def composed(*overrides: str) -> dict[str, Any]:
    with initialize_config_dir(version_base="1.3", config_dir=str(ROOT / "conf")):
        config = compose("config", overrides=["workspace=runs/x", *overrides])
    settings = OmegaConf.to_container(config, resolve=True)
    assert isinstance(settings, dict)
    return settings  # type: ignore[return-value]


def test_every_group_configures_a_stage() -> None:
    assert set(GROUPS) == {*EXPECTED, "field"}


@pytest.mark.parametrize("choice", [c for c in CHOICES if c.parent.name in GROUPS], ids=str)
def test_a_choice_holds_exactly_the_settings_of_its_stage(choice: Path) -> None:
    assert set(read_choice(choice.parent.name, choice.name)) == settings_of(choice.parent.name, choice.name)


@pytest.mark.parametrize("choice", [c for c in CHOICES if c.parent.name != "view"], ids=str)
def test_every_choice_composes(choice: Path) -> None:
    settings = composed(f"{choice.parent}={choice.name}")
    assert set(GROUPS) - {"view"} <= set(settings)
    assert settings["workspace"] == "runs/x"


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_every_file_opens_with_what_it_is_for(choice: Path) -> None:
    lines = (ROOT / "conf" / choice).with_suffix(".yaml").read_text().splitlines()
    comments = [line for line in lines[:2] if line.startswith("# ") and "@package" not in line]
    assert comments and len(comments[0]) > 20


def test_the_demo_measures_a_true_distance_between_frames_that_capture_keeps(tmp_path: Path) -> None:
    settings = composed("experiment=demo")
    values = {**settings["capture"], "source": str(ROOT / settings["capture"]["source"])}
    capture = read_settings(CaptureSettings, "capture", values)
    frames_json = capture_frames(Workspace(tmp_path / "run"), settings=capture) / "frames.json"
    frames = {frame["name"]: frame for frame in json.loads(frames_json.read_text())["frames"]}
    truth = json.loads((ROOT / settings["truth"]).read_text())
    centers = []
    for name in settings["scale"]["between"]:
        assert frames[name]["kept"], f"{name} is no longer kept: choose another in conf/experiment/demo.yaml"
        pose = truth["frames"][frames[name]["source_index"]]["world_from_camera"]
        centers.append(np.array(pose)[:3, 3])
    distance_m = float(np.linalg.norm(centers[1] - centers[0]))
    assert distance_m == pytest.approx(settings["scale"]["known_distance_m"], abs=0.0005)
