"""The families of COLMAP's lens models, as names: settings are checked against them before COLMAP is loaded."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """COLMAP lens models of one projection: each later one has the parameters of the earlier ones and more."""

    mapping: str  # maps most stably while little is known: one focal length, one coefficient
    richest: str  # what the winner is refined to where the pictures support it
    models: tuple[str, ...]
    # Cameras with fewer pictures or points than these cannot tell a lens with six more parameters from a bent scene.
    min_images: int
    min_observations: int


FAMILIES = {
    "perspective": Family(
        "SIMPLE_RADIAL", "OPENCV", ("SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV"), 10, 5000
    ),
    # Most of a hemisphere in every picture holds its curve well, and one coefficient does not follow it: measured with 8
    # pictures of 190 degrees, SIMPLE_RADIAL_FISHEYE finds a focal length 2.7 % too long, OPENCV_FISHEYE one within 0.2 %.
    "fisheye": Family(
        "SIMPLE_RADIAL_FISHEYE",
        "OPENCV_FISHEYE",
        ("SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE", "OPENCV_FISHEYE"),
        5,
        3000,
    ),
}
LENS_MODELS = tuple(model for family in FAMILIES.values() for model in family.models)


def family_of(model: str) -> str:
    """The name of the family that a COLMAP lens model belongs to."""
    return next(name for name, family in FAMILIES.items() if model in family.models)
