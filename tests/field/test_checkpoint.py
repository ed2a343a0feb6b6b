"""A checkpoint is believed only when it is whole: keys, types, shapes, finite numbers and every byte."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from recon.errors import UserError
from recon.field import FieldShape, RadianceField
from recon.field.checkpoint import VERSION, believed, load_checkpoint, save_checkpoint
from recon.field.trained import revive
from recon.kernels import OccupancyLayout, native
from recon.render.occupancy import Occupancy


def state() -> dict[str, Any]:
    return {"key": "k", "training": {"weights": [torch.arange(6.0).view(2, 3)], "step": 3}, "curve": {"steps": [1, 2]}}


def test_round_trip(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c.pt", state())
    read = load_checkpoint(tmp_path / "c.pt")
    assert read["training"]["step"] == 3 and torch.equal(read["training"]["weights"][0], torch.arange(6.0).view(2, 3))


def test_no_flipped_byte_passes(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    save_checkpoint(path, state())
    data = path.read_bytes()
    for place in range(0, len(data), max(1, len(data) // 150)):
        damaged = bytearray(data)
        damaged[place] ^= 0x10
        path.write_bytes(bytes(damaged))
        try:
            read = load_checkpoint(path)
        except UserError as error:
            assert "\n" not in str(error)
        else:  # a byte of the container that says nothing
            assert str(read) == str(state())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_neither_written_nor_read(tmp_path: Path, value: float) -> None:
    broken = {"training": {"weights": torch.tensor([1.0, value])}}
    with pytest.raises(UserError, match=r"diverged \(training\.weights"):
        save_checkpoint(tmp_path / "c.pt", broken)
    assert not (tmp_path / "c.pt").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"version": VERSION, "digest": "x", "step": 1}, "bytes have changed"),
        ({"version": VERSION}, "bytes have changed"),
        ({"version": 1, "step": 1}, "expected a checkpoint of version"),
        ({"step": 1}, "no version"),
        ([1, 2], "no version"),
        (torch.zeros(3), "no version"),
    ],
)
def test_what_is_no_checkpoint_is_said_to_be_none(tmp_path: Path, content: Any, message: str) -> None:
    torch.save(content, tmp_path / "c.pt")
    with pytest.raises(UserError, match=message):
        load_checkpoint(tmp_path / "c.pt")


SHAPE = FieldShape(2, 2, 8, 4, 16, width=16, is_contracted=False, has_sky=True)


def parts() -> tuple[dict[str, Any], dict[str, Any]]:
    placed = {"scene_from_world": torch.eye(4, dtype=torch.float64), "n_cascades": 2}
    scene = {**placed, "near": 0.1, "near_scale": 0.2, "has_alpha": False}
    model = {
        "shape": dict(vars(SHAPE)),
        "scene": scene,
        "lattice": {"step": 0.01, "growth": 0.005},
        "background": "sky",
        "kind": "hash_grid",
        "exposures": {"names": [], "lenses": [], "log_gains": torch.zeros(0, 3)},
    }
    return model, {
        "field": RadianceField(SHAPE).state_dict(),
        "occupancy": {"occupied": torch.ones(2, 8, 8, 8, dtype=torch.bool)},
    }


WRONG: dict[str, Callable[[dict[str, Any], dict[str, Any]], Any]] = {
    "occupancy of another shape": lambda m, t: t["occupancy"].update(occupied=torch.ones(2, 8, 8, 4, dtype=torch.bool)),
    "other cascades": lambda m, t: t["occupancy"].update(occupied=torch.ones(1, 8, 8, 8, dtype=torch.bool)),
    "occupancy of numbers": lambda m, t: t["occupancy"].update(occupied=torch.ones(2, 8, 8, 8)),
    "no occupancy": lambda m, t: t.pop("occupancy"),
    "occupancy a list": lambda m, t: t.update(occupancy=[1]),
    "a key more": lambda m, t: m["shape"].update(colour=3),
    "a table of another size": lambda m, t: m["shape"].update(log2_table_size=9),
    "words for numbers": lambda m, t: m["shape"].update(n_levels="two"),
    "a background of its own": lambda m, t: m.update(background="plaid"),
    "no scene": lambda m, t: m.update(scene=None),
}


def test_parts_that_fit_make_a_field() -> None:
    assert revive(*parts(), torch.device("cpu")).layout.shape == (2, 8, 8, 8)


@pytest.mark.parametrize("what", WRONG)
def test_parts_that_do_not_fit_are_one_error(what: str) -> None:
    model, training = parts()
    WRONG[what](model, training)
    with pytest.raises(UserError, match="not a checkpoint of recon"), believed(Path("c.pt")):
        revive(model, training, torch.device("cpu"))


def test_an_occupancy_takes_only_its_own_grid() -> None:
    own = Occupancy(OccupancyLayout(1, 4), torch.ones(1, 4, 4, 4, dtype=torch.bool))
    given = own.state()
    own.load_state(given)
    with pytest.raises(ValueError, match="another grid"):
        own.load_state({**given, "densities": torch.zeros(1, 4, 4, 2)})


def test_native_calls_check_the_grid_before_they_take_its_address() -> None:
    with pytest.raises(ValueError, match="occupied"):
        native._cells(torch.ones(1, 4, 4, 2, dtype=torch.bool), OccupancyLayout(1, 4))
