"""Numbers in scene files: angles that give the rotation back, also where roll and yaw are one."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from recon.export.scenes.xml_file import roll_pitch_yaw


@pytest.mark.parametrize(
    "angles", [(0.1, 0.2, 0.3), (0.4, np.pi / 2, 0.0), (-2.0, -np.pi / 2, 1.0), (3.0, 1.5707, -2.0)]
)
def test_roll_pitch_yaw_gives_the_rotation_back(angles: tuple[float, float, float]) -> None:
    rotation = Rotation.from_euler("xyz", angles).as_matrix()
    again = Rotation.from_euler("xyz", roll_pitch_yaw(rotation)).as_matrix()
    assert np.abs(again - rotation).max() < 1e-7
