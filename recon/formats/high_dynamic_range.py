"""High-dynamic-range video (HLG, as phones film it; PQ, as HDR10 and Dolby Vision have it) to ordinary 8-bit sRGB.

Shown as they are, such frames look grey and washed out; here they are brought to linear light, from BT.2020 to BT.709
primaries, rolled off above diffuse white and encoded again. ITU-R BT.2100 (transfer functions), BT.2087 (primaries).
"""

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Transfer = Literal["pq", "hlg"]

_BT709_FROM_BT2020 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], dtype=np.float32
)
_DIFFUSE_WHITE_NITS = 203.0  # BT.2408: where white paper sits in PQ
_DIFFUSE_WHITE_HLG = 0.75  # and the same for HLG, as a signal
_KNEE = 0.7  # linear below; above, highlights are squeezed into what is left below 1


def sdr_from_hdr(signal: NDArray[np.uint16], *, transfer: Transfer) -> NDArray[np.uint8]:
    """Full-range BT.2020 RGB signal, uint16 [h, w, 3], to sRGB uint8 [h, w, 3]; diffuse white maps to 242."""
    linear = _linear_table(transfer)[signal] @ _BT709_FROM_BT2020.T
    np.clip(linear, 0.0, None, out=linear)
    over = np.maximum(linear - _KNEE, 0.0)
    mapped = np.minimum(linear, _KNEE) + (1.0 - _KNEE) * (1.0 - np.exp(-over / (1.0 - _KNEE)))
    return _srgb_table()[(mapped * 4095.0 + 0.5).astype(np.int32)]


@cache
def _linear_table(transfer: Transfer) -> NDArray[np.float32]:
    """Light of each 16-bit signal value, 1 = diffuse white. [65536]"""
    signal = np.linspace(0.0, 1.0, 65536)
    if transfer == "pq":
        return (_pq_nits(signal) / _DIFFUSE_WHITE_NITS).astype(np.float32)
    return (_hlg_scene(signal) / _hlg_scene(np.array(_DIFFUSE_WHITE_HLG))).astype(np.float32)


def _pq_nits(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Candela per square metre of a PQ signal (the EOTF of SMPTE ST 2084)."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    root = signal ** (1 / m2)
    return 10000.0 * (np.maximum(root - c1, 0.0) / (c2 - c3 * root)) ** (1 / m1)


def _hlg_scene(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """ARIB STD-B67 inverse OETF: scene light in 0..1."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3.0, (np.exp((signal - c) / a) + b) / 12.0)


@cache
def _srgb_table() -> NDArray[np.uint8]:
    """sRGB code of each light value in steps of 1/4095. [4096]"""
    light = np.linspace(0.0, 1.0, 4096)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(encoded * 255.0).astype(np.uint8)
