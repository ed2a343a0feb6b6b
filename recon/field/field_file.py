"""field/field.pt: a trained field as all later stages read it, without what only training needs.

Parameters are written in half precision and the occupied cells as bits: about a sixth of a checkpoint, which keeps float32 and
the optimizer's moments. It is written beside every checkpoint and believed as a checkpoint is: whole, finite, of this version.
"""

from dataclasses import asdict
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recon import kernels
from recon.field.checkpoint import believed, load_checkpoint, save_checkpoint
from recon.field.kinds import empty_field
from recon.field.trained import TrainedField, choose_device
from recon.geometry import Similarity
from recon.kernels import StepLattice
from recon.pixels import Scene
from recon.pixels.exposures import Exposures
from recon.workspace import Workspace, check_poses

_FINEST_STEP = 1e-5  # scene units: half of what the finest settings give


def save_field(path: Path, trained: TrainedField) -> None:
    """Write a trained field, atomically. `UserError` where one of its numbers is not finite."""
    occupied = trained.occupied.cpu().numpy()
    parameters = {name: _halved(value) for name, value in trained.field.state_dict().items()}
    cells = {"shape": list(occupied.shape), "bits": torch.from_numpy(np.packbits(occupied))}
    save_checkpoint(path, {"model": _described(trained), "parameters": parameters, "occupied": cells})


def load_trained_field(workspace: Workspace, *, device: str, backend: str) -> TrainedField:
    """The trained field of a run folder; `UserError` when there is none yet, or its poses are no longer those in poses/."""
    check_poses(workspace, workspace.field, made_by="python scripts/train.py")
    chosen = choose_device(device)
    kernels.use(backend, chosen)
    state = load_checkpoint(workspace.field_file)
    with believed(workspace.field_file):
        return revive(state["model"], state["parameters"], _unpacked(state["occupied"]), chosen)


def revive(
    model: dict[str, Any], parameters: dict[str, Tensor], occupied: Tensor, device: torch.device
) -> TrainedField:
    """The trained field that a file describes; `ValueError`, `KeyError` or `TypeError` for values that make none."""
    field = empty_field(model["kind"], model["shape"])
    field.load_state_dict(
        {name: value.float() if value.is_floating_point() else value for name, value in parameters.items()}
    )
    matrix = model["scene"]["scene_from_world"].numpy()
    scene = Scene(**{**model["scene"], "scene_from_world": Similarity.from_matrix(matrix)})
    side = occupied.shape[-1]
    if tuple(occupied.shape) != (scene.n_cascades, side, side, side):
        raise ValueError(f"occupied cells {list(occupied.shape)} in {scene.n_cascades} cascades")
    lattice = StepLattice(**model["lattice"])
    if not _FINEST_STEP <= lattice.step <= 1 or lattice.growth > 1:
        raise ValueError(f"steps along rays that no settings give: {lattice}")
    if model["background"] not in ("white", "black", "sky"):
        raise ValueError(f"background {model['background']!r}")
    return TrainedField(
        field.to(device).eval(),
        scene,
        occupied.to(device),
        lattice,
        model["background"],
        Exposures.of(model["exposures"]),
    )


def _described(trained: TrainedField) -> dict[str, Any]:
    """The plain values that, with the parameters, make the trained field again."""
    scene = trained.scene
    return {
        "kind": trained.field.kind,
        "shape": asdict(trained.field.shape),
        "scene": {**vars(scene), "scene_from_world": torch.from_numpy(scene.scene_from_world.matrix)},
        "lattice": asdict(trained.lattice),
        "background": trained.background,
        "exposures": trained.exposures.plain(),
    }


def _halved(value: Tensor) -> Tensor:
    """A parameter in half precision; as it is where it is no float32, or too large for half precision."""
    if value.dtype != torch.float32:
        return value
    half = value.half()
    return half if bool(torch.isfinite(half).all()) else value


def _unpacked(cells: dict[str, Any]) -> Tensor:
    """Occupied cells [cascades, r, r, r] (bool) of their bits."""
    shape, bits = [int(side) for side in cells["shape"]], cells["bits"]
    if len(shape) != 4 or min(shape) < 1 or bits.dtype != torch.uint8 or bits.numel() != -(-prod(shape) // 8):
        raise ValueError(f"{bits.numel()} bytes of {bits.dtype} for {shape} occupied cells")
    flat = np.unpackbits(bits.numpy(), count=prod(shape))
    return torch.from_numpy(flat.astype(bool).reshape(shape))
