"""README.md of a world package: what is in it, and how to load it in each simulator."""

from pathlib import Path
from typing import Any

from recon.export.manifest import Manifest


def write_readme(folder: Path, manifest: Manifest) -> None:
    """How to load the package, line by line, in each simulator."""
    value = manifest.value
    cautions = "".join(f"> **{warning}**\n\n" for warning in value["warnings"])
    usd = "" if "scene.usd" in value["skipped"] else _USD
    (folder / "README.md").write_text(_README.format(name=value["name"], cautions=cautions, usd=usd, **_numbers(value)))


def _numbers(value: dict[str, Any]) -> dict[str, str]:
    scale = value["scale"]
    known = scale and f"metres ({scale['source']}; relative error {scale['relative_error']:.2%})"
    return {
        "units": known or "unknown, read as metres",
        "parts": str(value["collision"]["n_parts"]),
        "apart": (_FILLED if value["collision"]["filled"] else "") + _things(value["things"]),
        "tolerance": _tolerance(value["collision"], reach=value["reach"]),
    }


def _tolerance(collision: dict[str, Any], *, reach: float) -> str:
    """What the parts keep to, where they are coarser, and where that is not what was asked. reach: beyond it all are."""
    asked, reached = collision["asked_tolerance"], collision["tolerance"]
    rough = f" ({collision['loosened_share']:.2%} of it: {reached:.3f})" if reached > 1.01 * asked else ""
    told = f"{asked:.3f} of the visual surface"
    if "floor" in collision["slabs"]:
        told += f" where something may stand or drive{rough}, {collision['relief_tolerance']:.3f} elsewhere"
    else:  # nobody knows where that is: it holds everywhere
        told += rough
    far = [zone["tolerance"] for zone in collision["zones"] if zone["looser"] > 1]
    if far:
        told += f", {min(far):.3g}{f' to {max(far):.3g}' if len(far) > 1 else ''} beyond {reach:.1f} from the cameras"
    return told


def _things(entry: dict[str, Any] | None) -> str:
    if entry is None or not entry["bodies"]:
        return ""
    moving = {
        "static": "They stand fast; export with `export.things=free` for bodies that move.",
        "free": "They are free to move in `scene.xml`, `world.sdf` and `scene.usd`; a URDF has them fixed.",
    }[entry["are"]]
    n = len(entry["bodies"])
    count = "1 thing is a body of its own" if n == 1 else f"{n} things are bodies of their own"
    return (
        f"- {count} ({', '.join(entry['bodies'])}):\n"
        f"  `assets/NAME.obj` in frames that `manifest.json` tells, mass from {entry['density_kg_m3']:g} kg per cubic metre.\n"
        f"  {moving} What the floor and the walls have behind them nobody saw: it is continued.\n"
    )


_FILLED = """- `assets/filled.obj`: floor that nobody saw, continued; drawn apart, so that you can hide it: the geom, visual or
  node `filled` (`visual_filled` in the SDF, `Filled` in USD; in MuJoCo `model.geom("filled").rgba[3] = 0`)
"""

_USD = """
**Isaac Sim, Isaac Lab, Omniverse**: open `scene.usd`, or

```python
from isaacsim.core.utils.stage import add_reference_to_stage
add_reference_to_stage("world/scene.usd", "/World/Place")
```
"""

_README = """# {name}: a captured place for simulators

![{name}]({name}.png)

{cautions}Units: {units}. Axes: +z up (GLB files alone are +y up, as glTF demands). `manifest.json` says where the scale
came from, how the world lies in the frame of the capture, and the sha256 of every file. The folder can be moved and
renamed; nothing in it names a path outside. In the lines below `world/` is this folder.

- `assets/visual.obj` with `.mtl`, `.png`: the building as it is seen; `assets/visual.glb`: all that is seen, things too
{apart}- `assets/convex.obj`: {parts} convex parts, an object each, within {tolerance};
  the same parts one by one in `assets/parts/` (those that are boxes stand in the scene files only)
- `assets/static.obj`, `assets/static.glb`: one concave mesh of all, for engines that take a static one
- `assets/labels.npy`: what each face of `visual.obj` is (floor, ground, wall, ceiling, furniture, object), a number per face;
  names and colours in `manifest.json`. Convex parts are named after theirs, and `scene.usd` has a labelled subset for each
- `ground.npy`, `ground.png` (when the scene has a ground): height field; layout in `manifest.json`
- `cameras.json`: where the capture's cameras stood
- `verification.json`: which engines loaded this folder, and where dropped spheres came to rest

**MuJoCo**: `scene.xml` includes `world.xml` (the place alone) and adds light and sky

```python
import mujoco
model = mujoco.MjModel.from_xml_path("world/scene.xml")
```

To add robots: `spec = mujoco.MjSpec.from_file("world/scene.xml")`, then `spec.attach(robot, prefix="robot/", frame=...)`.
Collision geometry is geom group 3, of things 4, drawn when that group is switched on.

**PyBullet**: convex parts, or the one concave mesh

```python
import pybullet
pybullet.connect(pybullet.DIRECT)
pybullet.loadURDF("world/scene.urdf", useFixedBase=True)
pybullet.loadURDF("world/scene_concave.urdf", useFixedBase=True)  # instead: exact triangles, static only
```

**Drake**

```python
plant, scene_graph = AddMultibodyPlantSceneGraph(builder, time_step=0.002)
Parser(plant).AddModels("world/model.sdf")
```

**Gazebo**: `gz sim world/world.sdf`; as a model of another world, put this folder's parent on `GZ_SIM_RESOURCE_PATH` and
include `model://` with the folder's name.
{usd}
**Newton**

```python
builder = newton.ModelBuilder()
builder.add_usd("world/scene.usd")
```

**SAPIEN, ManiSkill**

```python
builder = scene.create_actor_builder()
builder.add_nonconvex_collision_from_file("world/assets/static.obj")
builder.add_visual_from_file("world/assets/visual.glb", pose=sapien.Pose(q=[0.7071068, 0.7071068, 0, 0]))
builder.build_static()
```

**Genesis**: it decimates and convexifies meshes unless told not to

```python
scene.add_entity(gs.morphs.Mesh(file="world/assets/static.obj", fixed=True, convexify=False, decimate=False))
```

**Habitat**

```python
backend = habitat_sim.SimulatorConfiguration()
backend.scene_dataset_config_file = "world/{name}.scene_dataset_config.json"
backend.scene_id = "{name}"
```

**Unity, Unreal, Blender, web**: `assets/visual.glb`.
"""
