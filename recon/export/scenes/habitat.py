"""Habitat's data set: the place as a stage, a scene that holds it, and the configuration that a simulator is given.

Both assets of a stage share its axes, so the collision mesh is a y-up GLB as the visual one is.
"""

from pathlib import Path

from recon.export.place import STATIC_GLB, VISUAL_GLB, Place
from recon.workspace import write_json


def write_habitat(folder: Path, place: Place) -> None:
    """Write NAME.stage_config.json, NAME.scene_instance.json and NAME.scene_dataset_config.json."""
    stage = {
        "render_asset": VISUAL_GLB,
        "collision_asset": STATIC_GLB,
        "up": [0, 1, 0],
        "front": [0, 0, -1],
        "scale": [1, 1, 1],
        "units_to_meters": 1.0,
        "is_collidable": True,
        "friction_coefficient": place.friction,
        "force_flat_shading": True,  # the texture holds the light of the place
    }
    write_json(folder / f"{place.name}.stage_config.json", stage)
    scene = {"stage_instance": {"template_name": place.name}, "default_lighting": "no_lights"}
    write_json(folder / f"{place.name}.scene_instance.json", scene)
    dataset = {
        "stages": {"paths": {".json": ["."]}},
        "scene_instances": {"paths": {".json": ["."]}},
    }
    write_json(folder / f"{place.name}.scene_dataset_config.json", dataset)
