"""Numbers in scene files: angles that give the rotation back, also where roll and yaw are one, and how hard contact is."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from recon.export.scenes.xml_file import drake_contact, roll_pitch_yaw


@pytest.mark.parametrize(
    "angles", [(0.1, 0.2, 0.3), (0.4, np.pi / 2, 0.0), (-2.0, -np.pi / 2, 1.0), (3.0, 1.5707, -2.0)]
)
def test_roll_pitch_yaw_gives_the_rotation_back(angles: tuple[float, float, float]) -> None:
    rotation = Rotation.from_euler("xyz", angles).as_matrix()
    again = Rotation.from_euler("xyz", roll_pitch_yaw(rotation)).as_matrix()
    assert np.abs(again - rotation).max() < 1e-7


def test_drake_is_told_that_the_place_is_hard_and_rough() -> None:
    contact = drake_contact(0.7)
    assert contact["mu_dynamic"] == contact["mu_static"] == "0.7"
    # A kilogram at 20 m/s stops within two centimetres: m v^2 = k x^2.
    assert 20.0 / float(contact["point_contact_stiffness"]) ** 0.5 <= 0.02
