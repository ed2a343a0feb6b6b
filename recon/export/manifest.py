"""manifest.json and README.md of a world package: units, axes, where the scale came from, and a digest of every file."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import recon
from recon.formats.cameras_json import encode_geo
from recon.geometry.mesh import TriangleMesh
from recon.geometry.reconstruction import Reconstruction
from recon.workspace import write_json

FORMAT, VERSION = "recon-world", 1
UNKNOWN_SCALE = (
    "The scale of this capture is unknown. Simulators read one unit as one metre, which is a convention here and "
    "not a measurement: sizes, speeds and forces are not physical until the world is scaled."
)


@dataclass(frozen=True)
class Lengths:
    """What a length given in metres is in package units: 1 where the scale is known."""

    scale: float
    is_metric: bool


def lengths_of(mesh: TriangleMesh, reconstruction: Reconstruction, *, assumed_diagonal: float) -> Lengths:
    """Of an unscaled scene, tolerances and probe sizes are chosen as if its diagonal measured `assumed_diagonal` metres."""
    if reconstruction.scale is not None:
        return Lengths(1.0, True)
    diagonal = float(np.linalg.norm(np.ptp(mesh.vertices, axis=0)))
    return Lengths(max(diagonal, 1e-9) / assumed_diagonal, False)


@dataclass(frozen=True)
class Manifest:
    """The value of manifest.json, but for the list of files."""

    value: dict[str, Any]

    def seal(self, folder: Path) -> None:
        """Write manifest.json with size and sha256 of every file now in `folder`."""
        files = {
            path.relative_to(folder).as_posix(): {
                "bytes": path.stat().st_size,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        write_json(folder / "manifest.json", {**self.value, "files": files})


def make_manifest(
    *,
    name: str,
    reconstruction: Reconstruction,
    lengths: Lengths,
    collision: dict[str, Any],
    ground: dict[str, Any] | None,
    friction: float,
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
            "name": name,
            "units": "metre" if lengths.is_metric else "unknown (read as metre)",
            "up_axis": "z",
            "up_axis_of": {"visual.glb": "y"},
            "is_up_aligned": reconstruction.is_up_aligned,
            "metres_per_unit": scale and scale.metres_per_unit,
            "scale": scale and {"source": scale.source, "relative_error": scale.relative_error},
            "length_scale": lengths.scale,
            "geo": reconstruction.geo and encode_geo(reconstruction.geo),
            "world_from_capture": reconstruction.world_from_capture.matrix.tolist(),
            "seen_fraction": seen_fraction,
            "friction": friction,
            "gravity": [0, 0, -9.81],
            "collision": collision,
            "ground": ground,
            "skipped": skipped,
            "warnings": warnings,
        }
    )


def write_readme(folder: Path, manifest: Manifest) -> None:
    """How to load the package, line by line, in each simulator."""
    value = manifest.value
    cautions = "".join(f"> **{warning}**\n\n" for warning in value["warnings"])
    usd = "" if "scene.usda" in value["skipped"] else _USD
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
**Isaac Sim, Isaac Lab, Omniverse**: open `scene.usda`, or

```python
from isaacsim.core.utils.stage import add_reference_to_stage
add_reference_to_stage("world/scene.usda", "/World/Place")
```
"""

_README = """# {name}: a captured place for simulators

{cautions}Units: {units}. Axes: +z up (`visual.glb` alone is +y up, as glTF demands). `manifest.json` says where the scale
came from, how the world lies in the frame of the capture, and the sha256 of every file. The folder can be moved;
nothing in it names a path outside. In the lines below `world/` is this folder.

- `visual.obj` with `.mtl`, `.png`; `visual.glb`: what is seen
- `collision/part_*.obj`: {parts} convex parts, within {tolerance} of the visual surface: for engines that collide with convex hulls
- `collision/static.obj`: one concave mesh, for engines that take a static one
- `ground.npy`, `ground.png` (when the scene has a ground): height field; layout in `manifest.json`
- `cameras.json`: where the capture's cameras stood
- `verification.json`: which engines loaded this folder, and where dropped spheres came to rest

**MuJoCo**

```python
import mujoco
model = mujoco.MjModel.from_xml_path("world/scene.xml")
```

To add robots: `spec = mujoco.MjSpec.from_file("world/scene.xml")`, then `spec.attach(robot, prefix="robot/", frame=...)`.

**PyBullet**: convex parts, or the one concave mesh

```python
import pybullet
pybullet.connect(pybullet.DIRECT)
pybullet.loadURDF("world/scene.urdf", useFixedBase=True)
pybullet.loadURDF("world/scene_concave.urdf", useFixedBase=True)  # instead: exact triangles, static only
```

**Gazebo**: name the folder `{name}` and put its parent on the resource path

```bash
GZ_SIM_RESOURCE_PATH=/path/to/parent gz sim {name}/world.sdf
```
{usd}
**SAPIEN, ManiSkill**

```python
builder = scene.create_actor_builder()
builder.add_nonconvex_collision_from_file("world/collision/static.obj")
builder.add_visual_from_file("world/visual.glb", pose=sapien.Pose(q=[0.7071068, 0.7071068, 0, 0]))
builder.build_static()
```

**Genesis**: it decimates and convexifies meshes unless told not to

```python
scene.add_entity(gs.morphs.Mesh(file="world/collision/static.obj", fixed=True, convexify=False, decimate=False))
```

**Habitat**: `{name}.stage_config.json`. **Unity, Unreal, Blender, web**: `visual.glb`.
"""
