"""A checkpoint is believed only when it is whole: keys, types, shapes, finite numbers and every byte."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from recon.field import FieldShape, RadianceField
from recon.field.checkpoint import VERSION, load_checkpoint, save_checkpoint
from recon.field.field_file import load_trained_field, save_field
from recon.kernels import OccupancyLayout, Sampling, StepLattice
from recon.render.occupancy import Occupancy
from recon.workspace import Workspace
from recon.workspace.errors import UserError


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


def parts() -> dict[str, Any]:
    """What `save_field` writes."""
    placed = {"scene_from_world": torch.eye(4, dtype=torch.float64), "n_cascades": 2}
    scene = {**placed, "near": 0.1, "near_scale": 0.2, "pixel_side": 0.002, "has_alpha": False}
    model = {
        "shape": dict(vars(SHAPE)),
        "scene": scene,
        "lattice": {"step": 0.01, "growth": 0.005},
        "background": "sky",
        "kind": "hash_grid",
        "exposures": {"names": [], "lenses": [], "log_gains": torch.zeros(0, 3)},
    }
    cells = {"shape": [2, 8, 8, 8], "bits": torch.full((128,), 255, dtype=torch.uint8)}
    return {"model": model, "parameters": RadianceField(SHAPE).state_dict(), "occupied": cells}


WRONG: dict[str, Callable[[dict[str, Any]], Any]] = {
    "occupancy of another shape": lambda s: s["occupied"].update(shape=[2, 8, 8, 4]),
    "occupancy of a shape that is none": lambda s: s["occupied"].update(shape=[2, 8, 64]),
    "other cascades": lambda s: s["occupied"].update(shape=[1, 8, 8, 16]),
    "occupancy of numbers": lambda s: s["occupied"].update(bits=torch.ones(128)),
    "no occupancy": lambda s: s.pop("occupied"),
    "occupancy a list": lambda s: s.update(occupied=[1]),
    "a key more": lambda s: s["model"]["shape"].update(colour=3),
    "a table of another size": lambda s: s["model"]["shape"].update(log2_table_size=9),
    "words for numbers": lambda s: s["model"]["shape"].update(n_levels="two"),
    "a billion levels": lambda s: s["model"]["shape"].update(n_levels=10**9),
    "levels of 400 digits": lambda s: s["model"]["shape"].update(n_levels=10**400),
    "no width": lambda s: s["model"]["shape"].update(width=0),
    "half a feature": lambda s: s["model"]["shape"].update(n_features=0.5),
    "a background of its own": lambda s: s["model"].update(background="plaid"),
    "steps that never end": lambda s: s["model"]["lattice"].update(step=1e-30),
    "steps that leap": lambda s: s["model"]["lattice"].update(growth=1e30),
    "no scene": lambda s: s["model"].update(scene=None),
    "parameters that are no tensors": lambda s: s.update(parameters={"table": 3}),
}


def write_parts(root: Path, state: dict[str, Any]) -> Workspace:
    workspace = Workspace(root)
    workspace.field.mkdir()
    save_checkpoint(workspace.field_file, state)
    return workspace


def test_a_field_file_gives_the_field_back(tmp_path: Path) -> None:
    """In half precision, which is within 2^-11 of each parameter; the cells exactly; written again, the same bytes."""
    trained = load_trained_field(write_parts(tmp_path, parts()), device="cpu", backend="reference")
    assert trained.occupied.shape == (2, 8, 8, 8) and bool(trained.occupied.all())
    field = trained.field
    with torch.no_grad():
        for i, parameter in enumerate(field.parameters()):  # small and large ones, some too large for half precision
            parameter.normal_(std=10.0 ** (3 * i - 4))
    trained.occupied[1, 3, :, ::3] = False
    save_field(tmp_path / "field/field.pt", trained)
    read = load_trained_field(Workspace(tmp_path), device="cpu", backend="reference")
    assert torch.equal(read.occupied, trained.occupied) and not read.occupied.all()
    for name, value in trained.field.state_dict().items():
        torch.testing.assert_close(read.field.state_dict()[name], value, rtol=2**-11, atol=2**-25)
    assert read.scene.scene_from_world.matrix.tolist() == trained.scene.scene_from_world.matrix.tolist()
    before = (tmp_path / "field/field.pt").read_bytes()
    save_field(tmp_path / "field/field.pt", read)
    assert (tmp_path / "field/field.pt").read_bytes() == before


@pytest.mark.parametrize("what", WRONG)
def test_parts_that_do_not_fit_are_one_error(what: str, tmp_path: Path) -> None:
    state = parts()
    WRONG[what](state)
    workspace = write_parts(tmp_path, state)
    with pytest.raises(UserError, match="not a checkpoint of recon"):
        load_trained_field(workspace, device="cpu", backend="reference")


def test_an_occupancy_takes_only_its_own_grid() -> None:
    own = Occupancy(OccupancyLayout(1, 4), torch.ones(1, 4, 4, 4, dtype=torch.bool))
    given = own.state()
    own.load_state(given)
    with pytest.raises(ValueError, match="another grid"):
        own.load_state({**given, "densities": torch.zeros(1, 4, 4, 2)})


@pytest.mark.parametrize("shape", [(1, 4, 4, 2), (4, 4, 4), ()])
def test_a_grid_is_checked_before_kernels_take_its_address(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="occupied"):
        Sampling(torch.ones(shape, dtype=torch.bool), StepLattice(0.1, 0.0))
    with pytest.raises(TypeError, match="occupied"):
        Sampling(torch.ones(1, 4, 4, 4), StepLattice(0.1, 0.0))
