"""How each face of a mesh is known, and how far it may be from the true surface."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Evidence(IntEnum):
    """Why a face is where it is, from nothing to much."""

    INVENTED = 0  # no view shows it: it joins what is known
    FILLED = 1  # no view shows it: a plane that is known beside it goes on
    SEEN = 2  # the radiance field shows it, and several views agree
    PLANE = 3  # the pictures are blank here; a plane of the scene passes through
    MATCHED = 4  # matched between pictures
    SENSOR = 5  # measured by a depth sensor
    CUT_OUT = 6  # of an object cut out of its pictures: the field shows it, taught by outlines and colours


@dataclass(frozen=True)
class FaceEvidence:
    """One entry per face, in the order of the mesh's faces."""

    evidence: NDArray[np.uint8]  # [f] of `Evidence`
    expected_error: NDArray[np.float32]  # [f] world units: expected distance from the true surface

    def __post_init__(self) -> None:
        assert self.evidence.ndim == 1 and self.evidence.shape == self.expected_error.shape
        assert self.evidence.dtype == np.uint8 and (self.evidence <= max(Evidence)).all(), "evidence of no known kind"
        assert (self.expected_error >= 0).all(), "an expected error below 0"

    def where(self, keep: NDArray[np.bool_]) -> "FaceEvidence":
        """Of the faces where `keep` [f] is True."""
        return FaceEvidence(self.evidence[keep], self.expected_error[keep])

    @staticmethod
    def concatenated(parts: Sequence["FaceEvidence"]) -> "FaceEvidence":
        """Of the faces of all parts, one after the other."""
        evidence = np.concatenate([part.evidence for part in parts])
        return FaceEvidence(evidence, np.concatenate([part.expected_error for part in parts]))

    @property
    def is_confirmed(self) -> NDArray[np.bool_]:
        """[f] measured, matched between pictures, on a plane that pictures show, or of an object that is cut out of them."""
        return self.evidence >= Evidence.PLANE
