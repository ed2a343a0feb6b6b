"""Plain paths just work on the command line: every printable name reaches the settings as it is."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from recon.command.plain_paths import quoted_paths
from recon.workspace.errors import UserError

NAMES = [
    "walk (1).mp4", "walk,2.mp4", "a=b.mp4", "K\u00fcche \u2013 \u00e4.mp4", "it's here.mp4", "scan #3 100%.mp4", "[draft] {x}.mp4",
    "50% & more.mp4", "my scan!.mp4", " lead.mp4", "trail ", "a\\b.mp4", "ends\\", "${env}.mp4", "x'y\"z.mp4", "a\\'b", "~x", "+y",
    "a\tb", "{a:b}", "\\\\server\\share", "a\\${b}",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_name_arrives(name: str) -> None:
    parser = OverridesParser.create()
    overrides = quoted_paths([f"capture.source={name}", f"workspace=/tmp/{name}", "train.max_steps=3"])
    values = [parser.parse_override(override).value() for override in overrides]
    config = OmegaConf.create(
        {"source": str(values[0]), "workspace": str(values[1])}
    )  # resolves what is left of ${...}
    assert (config.source, config.workspace, values[2]) == (name, f"/tmp/{name}", 3)


@pytest.mark.parametrize("name", ["2024", "007", "1e5", "1_000", "-3.5", "+2", ".5", "3.", "nan", "Inf", "1E-3"])
def test_a_folder_named_by_a_number_is_a_name(name: str) -> None:
    (override,) = quoted_paths([f"workspace={name}"])
    value = OverridesParser.create().parse_override(override).value()
    assert str(value) == name and not isinstance(value, (int, float))


def test_what_a_person_quoted_and_what_is_no_path_stays() -> None:
    given = [
        "capture.source='a b.mp4'",
        'dataset.path="x, y"',
        "dataset.intrinsics=[1,2,3,4]",
        "dataset.images=null",
        "a.b=(c",
    ]
    assert quoted_paths(given) == given
    assert quoted_paths(["-m", "capture.source=a,b"]) == ["-m", "capture.source=a,b"]


@pytest.mark.parametrize("argument", ["walk.mp4", "photos/", "/tmp", "my film (1).MOV"])
def test_a_path_alone_is_told_where_it_belongs(argument: str) -> None:
    with pytest.raises(UserError, match=r"capture\.source="):
        quoted_paths(["train.max_steps=3", argument])
    given = ["--cfg", "job", "--config-dir", argument, "~scale", "--help"]
    assert quoted_paths(given) == given


def test_a_script_takes_such_a_name(tmp_path: Path, run_script: Callable[..., object]) -> None:
    ended = run_script("capture", f"capture.source={tmp_path}/it's (1), a=b.mp4", f"workspace={tmp_path}/r [1]")
    assert "it's (1), a=b.mp4: there is no such file" in ended.error  # type: ignore[attr-defined]
