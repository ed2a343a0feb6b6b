"""manifest.json and README.md of a world package: units, axes, where the scale came from, and a digest of every file."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import recon
from recon.export.place import STATIC_GLB, VISUAL_GLB
from recon.export.settings import ExportSettings
from recon.export.units import Lengths
from recon.formats.cameras_json import encode_geo
from recon.geometry.reconstruction import Reconstruction
from recon.geometry.transforms import Array
from recon.workspace import write_json

FORMAT, VERSION = "recon-world", 2
_NOT_SEALED = {"manifest.json", "stage.json"}  # itself, and the run's own note that the stage finished
UNKNOWN_SCALE = (
    "The scale of this capture is unknown. Simulators read one unit as one metre, which is a convention here and "
    "not a measurement: sizes, speeds and forces are not physical until the world is scaled."
)


@dataclass(frozen=True)
class Manifest:
    """The value of manifest.json, but for the list of files."""

    value: dict[str, Any]

    def seal(self, folder: Path) -> None:
        """Write manifest.json with size and sha256 of every file of the package now in `folder`."""
        files = {
            path.relative_to(folder).as_posix(): {
                "bytes": path.stat().st_size,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name not in _NOT_SEALED
        }
        write_json(folder / "manifest.json", {**self.value, "files": files})


def make_manifest(
    settings: ExportSettings,
    *,
    reconstruction: Reconstruction,
    lengths: Lengths,
    origin: Array,
    collision: dict[str, Any],
    ground: dict[str, Any] | None,
    labels: dict[str, Any] | None,
    skipped: dict[str, str],
    seen_fraction: float | None,
) -> Manifest:
    """Gather what a simulator, or its user, must know."""
    scale = reconstruction.scale
    warnings = [] if lengths.is_metric else [UNKNOWN_SCALE]
    if not reconstruction.is_up_aligned:
        warnings.append("The up direction of this capture is unknown: gravity along -z may be wrong.")
    return Manifest(
        {
            "format": FORMAT,
            "version": VERSION,
            "generator": f"recon {recon.__version__}",
            "name": settings.name,
            "license": settings.license,
            "units": "metre" if lengths.is_metric else "unknown (read as metre)",
            "up_axis": "z",
            "up_axis_of": {VISUAL_GLB: "y", STATIC_GLB: "y"},
            "is_up_aligned": reconstruction.is_up_aligned,
            "metres_per_unit": scale and scale.metres_per_unit,
            "scale": scale and {"source": scale.source, "relative_error": scale.relative_error},
            "length_scale": lengths.scale,
            "geo": reconstruction.geo and encode_geo(reconstruction.geo),
            "origin_in_world": {"position": origin.tolist(), "why": "numbers near zero keep their millimetres"},
            "world_from_capture": reconstruction.world_from_capture.matrix.tolist(),
            "seen_fraction": seen_fraction,
            "friction": settings.friction,
            "gravity": [0, 0, -9.81],
            "collision": collision,
            "ground": ground,
            "labels": labels,
            "skipped": skipped,
            "warnings": warnings,
        }
    )


def write_changelog(folder: Path, manifest: Manifest) -> None:
    """CHANGELOG.md, for a package that is kept and edited after it was made."""
    day = datetime.now(UTC).date().isoformat()
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n- {day}: exported by {manifest.value['generator']}.\n")


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
        "tolerance": f"{value['collision']['tolerance']:.3f}",
    }


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

- `assets/visual.obj` with `.mtl`, `.png`; `assets/visual.glb`: what is seen
- `assets/convex.obj`: {parts} convex parts, an object each, within {tolerance} of the visual surface; the same parts one by
  one in `assets/parts/` (those that are boxes stand in the scene files only)
- `assets/static.obj`, `assets/static.glb`: one concave mesh, for engines that take a static one
- `assets/labels.npy`: what each face of `visual.obj` is (floor, ground, wall, ceiling, furniture, object), a number a face;
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
Collision geometry is geom group 3, drawn when that group is switched on.

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
