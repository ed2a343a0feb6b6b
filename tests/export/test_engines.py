"""Programs of engines: a world where no sphere is dropped is loaded all the same."""

from pathlib import Path

import pytest
from rooms import room, workspace_of

from recon.export.settings import ExportSettings
from recon.export.stage import export_world
from recon.export.trials.engine_drop import FAST_M_S
from recon.export.trials.engine_run import TRIALS, is_installed, run_program
from recon.export.trials.rest import rest
from recon.geometry.reconstruction import Reconstruction, Scale
from tests.default_settings import default_settings


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = workspace_of(tmp_path_factory.mktemp("run"), room(side=0.5))
    metric = Reconstruction(views=(), scale=Scale(1.0, "made so", 0.01), is_up_aligned=True)
    export_world(workspace, reconstruction=metric, settings=default_settings(ExportSettings, "export", verify=False))
    return workspace.world


@pytest.mark.parametrize("name", sorted(TRIALS))
def test_an_engine_that_is_given_no_sphere_says_so_and_nothing_else(name: str, world: Path) -> None:
    trial = TRIALS[name]
    if not is_installed(trial.package):
        pytest.skip(f"{trial.package} is not installed: a world without level places is not tried in it")
    job = {"file": str(world / trial.file), "starts": [], "radii": [], "velocities": [], "gravity": 9.81}
    times = {"timestep": 0.002, "steps": 20, "record_every": 10, "damping_s": 1.0, "friction": 1.0}
    answer = run_program(trial.program, job | times)
    assert not isinstance(answer, str), answer
    assert answer[1]["tracks"].size == 0 and answer[0]["n_collisions"] > 0


@pytest.mark.parametrize("name", sorted(TRIALS))
def test_a_fast_sphere_moves_less_than_half_its_radius_in_a_step(name: str) -> None:
    """In two milliseconds it sinks in by most of its radius, and Newton pushed it out sideways, over the rim of a street."""
    radius_m = default_settings(ExportSettings, "export").sphere_radius_m
    assert TRIALS[name].timestep_s * FAST_M_S < 0.5 * radius_m


def test_a_thing_that_begins_inside_the_floor_or_over_nothing_fails_and_is_named(tmp_path: Path) -> None:
    pytest.importorskip("mujoco", reason="MuJoCo is not installed: things are not let go")

    def block(name: str, x: float, z: float) -> str:
        return f'<body name="{name}" pos="{x} 0 {z}"><geom type="box" size=".2 .2 .2" mass="5"/></body>'

    blocks = block("stands", 0.0, 0.2) + block("sunk", 1.0, 0.195) + block("beside", 9.0, 0.2)
    floor = '<geom type="box" size="3 1 .5" pos="0 0 -.5"/>'
    (tmp_path / "scene.xml").write_text(f"<mujoco><worldbody>{floor}{blocks}</worldbody></mujoco>")
    answer = rest(tmp_path, ["stands", "sunk", "beside"], scale=1.0)
    assert answer["rests"] == 2 and answer["inside_mm"] == {"stands": 0.0, "sunk": 5.0, "beside": 0.0}
    assert answer["verdict"] == (
        "fail: 1 of 3 things do not rest where they stood (beside fell: nothing is below it); "
        "1 of 3 begin inside something (sunk 5 mm)"
    )
    assert rest(tmp_path, ["stands"], scale=1.0)["verdict"] == "pass"
