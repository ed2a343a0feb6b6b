"""Scene descriptions of one package, a file for each format. All paths in them are relative, so that the folder can be moved.

mjcf  MuJoCo    urdf  URDF    sdf  Gazebo and Drake    usd  OpenUSD with UsdPhysics    habitat  Habitat's data set
xml_file  what the XML ones share    usd_prims, usd_things  what a USD stage is made of
"""

from pathlib import Path

from recon.export.place import Place
from recon.export.scenes.habitat import write_habitat
from recon.export.scenes.mjcf import write_mjcf
from recon.export.scenes.sdf import write_sdf
from recon.export.scenes.urdf import write_urdf
from recon.export.scenes.usd import has_usd, write_usd

__all__ = ["write_scenes"]


def write_scenes(folder: Path, place: Place) -> dict[str, str]:
    """Write every scene file of `place` into the package `folder`; what was skipped, and why."""
    write_mjcf(folder, place)
    write_urdf(folder, place)
    write_sdf(folder, place)
    write_habitat(folder, place)
    if not has_usd():
        return {"scene.usd": "skipped: the package usd-core is not installed"}
    write_usd(folder / "scene.usd", place)
    return {}
