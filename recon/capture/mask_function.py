"""A person's own mask function, named in the configuration: `capture.mask_fn=package.module:function`."""

import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recon.workspace.errors import UserError

MaskFn = Callable[[NDArray[np.uint8]], NDArray[np.bool_]]  # image [h, w, 3] RGB -> [h, w], True where it counts
NAME = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*"


def load_mask_fn(name: str) -> tuple[MaskFn, Path | None]:
    """The function called `name` ("package.module:function") and the file it is in, whose change means new masks."""
    module_name, _, function_name = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UserError(
            f"capture.mask_fn={name}: {error}. Put the folder of {module_name.split('.')[0]} on PYTHONPATH, or install it."
        ) from error
    except Exception as error:  # what a person's module does when imported, nobody knows
        raise UserError(f"capture.mask_fn={name}: importing {module_name} failed: {_one_line(error)}") from error
    function = getattr(module, function_name, None)
    if not callable(function):
        found = "nothing of that name" if function is None else f"a {type(function).__name__}"
        raise UserError(f"capture.mask_fn={name}: expected a function in {module_name}, found {found}.")
    file = getattr(module, "__file__", None)
    return function, Path(file) if file else None


def called(mask_fn: MaskFn, image: NDArray[np.uint8], name: str) -> NDArray[np.bool_]:
    """The function's mask of an image [h, w, 3]; `UserError` naming the frame where it is not one."""
    try:
        mask = mask_fn(image.copy())
    except Exception as error:
        raise UserError(f"capture.mask_fn failed on {name}: {_one_line(error)}") from error
    found = f"{getattr(mask, 'dtype', type(mask).__name__)} {getattr(mask, 'shape', '')}".strip()
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != image.shape[:2]:
        raise UserError(
            f"capture.mask_fn on {name}: expected a bool array {image.shape[:2]}, True where the picture counts, "
            f"found {found}."
        )
    return mask


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
