"""Every file in conf/ composes, and says exactly what the stage it configures takes."""

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from recon.capture import capture_frames
from recon.export.settings import ExportSettings
from recon.field.settings import HashGridSettings
from recon.matching.settings import MatchingSettings
from recon.mesh.comparison import CompareSettings
from recon.mesh.settings import MeshSettings
from recon.novel_views.settings import ViewsSettings
from recon.poses import import_dataset, pose_frames
from recon.score.settings import EvaluateSettings
from recon.train.settings import TrainSettings
from recon.viewer.settings import ViewSettings
from recon.workspace import Workspace
from recon.world_frame.scale.settings import ScaleSettings

ROOT = Path(__file__).resolve().parent.parent
CHOICES = sorted(p.relative_to(ROOT / "conf").with_suffix("") for p in (ROOT / "conf").glob("*/*.yaml"))
GROUPS = sorted({choice.parent.name for choice in CHOICES} - {"experiment"})


def settings_of(function: Callable[..., Any], *given: str) -> set[str]:
    """Keyword-only arguments of a stage but for those that the pipeline itself gives; none may have a default."""
    parameters = inspect.signature(function).parameters.values()
    keywords = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in given]
    has_default = [p.name for p in keywords if p.default is not p.empty]
    assert not has_default, f"{function.__name__}: {has_default} have a second home beside conf/"
    return {p.name for p in keywords}


def fields_of(noun: type, *given: str) -> set[str]:
    return set(inspect.signature(noun).parameters) - set(given)


EXPECTED = {
    "capture": settings_of(capture_frames),
    "dataset": settings_of(import_dataset, "scale", "image_size", "max_features", "seed", "threads"),
    "poses": settings_of(pose_frames, "scale"),
    "scale": fields_of(ScaleSettings),
    "field": fields_of(HashGridSettings),
    "train": fields_of(TrainSettings),
    "evaluate": fields_of(EvaluateSettings),
    "views": fields_of(ViewsSettings),
    "matching": fields_of(MatchingSettings),
    "mesh": fields_of(MeshSettings),
    "compare": fields_of(CompareSettings),
    "export": fields_of(ExportSettings),
    "view": fields_of(ViewSettings),
}


def composed(*overrides: str) -> dict[str, Any]:
    with initialize_config_dir(version_base="1.3", config_dir=str(ROOT / "conf")):
        config = compose("config", overrides=["workspace=runs/x", *overrides])
    settings = OmegaConf.to_container(config, resolve=True)
    assert isinstance(settings, dict)
    return settings  # type: ignore[return-value]


def test_every_group_configures_a_stage() -> None:
    assert set(GROUPS) == set(EXPECTED)


@pytest.mark.parametrize("choice", [c for c in CHOICES if c.parent.name in EXPECTED], ids=str)
def test_a_choice_holds_exactly_the_settings_of_its_stage(choice: Path) -> None:
    settings = yaml.safe_load((ROOT / "conf" / choice).with_suffix(".yaml").read_text())
    assert set(settings) == EXPECTED[choice.parent.name]


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
    capture = {**settings["capture"], "source": ROOT / settings["capture"]["source"]}
    frames_json = capture_frames(Workspace(tmp_path / "run"), **capture) / "frames.json"
    frames = {frame["name"]: frame for frame in json.loads(frames_json.read_text())["frames"]}
    truth = json.loads((ROOT / settings["truth"]).read_text())
    centers = []
    for name in settings["scale"]["between"]:
        assert frames[name]["kept"], f"{name} is no longer kept: choose another in conf/experiment/demo.yaml"
        pose = truth["frames"][frames[name]["source_index"]]["world_from_camera"]
        centers.append(np.array(pose)[:3, 3])
    distance_m = float(np.linalg.norm(centers[1] - centers[0]))
    assert distance_m == pytest.approx(settings["scale"]["known_distance_m"], abs=0.0005)
