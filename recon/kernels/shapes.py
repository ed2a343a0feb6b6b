"""What kernels check before they believe a tensor."""

import torch
from torch import Tensor


def check(name: str, value: Tensor, shape: tuple[int | None, ...], dtype: torch.dtype | None = None) -> None:
    """`ValueError` or `TypeError` unless `value` has that shape (None: any size) and dtype (None: floating point)."""
    matches = value.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, value.shape, strict=True)
    )
    if not matches:
        raise ValueError(f"{name}: expected shape {list(shape)}, found {list(value.shape)}")
    if dtype is not None and value.dtype != dtype:
        raise TypeError(f"{name}: expected {dtype}, found {value.dtype}")
    if dtype is None and not value.is_floating_point():
        raise TypeError(f"{name}: expected floating point, found {value.dtype}")
