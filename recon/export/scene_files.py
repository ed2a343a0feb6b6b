"""Scene descriptions of one package: MJCF, URDF (convex parts, and concave for Bullet), SDF for Gazebo, Habitat's stage.

All paths are relative to the file that holds them, so that the folder can be moved. All of these are z-up and in metres;
only `visual.glb` is y-up.
"""

import json
from pathlib import Path
from xml.etree import ElementTree as xml


def write_mjcf(path: Path, *, parts: list[str], has_texture: bool, friction: float) -> None:
    """MuJoCo: the visual mesh drawn and not collided (group 2), the parts collided and not drawn (group 3)."""
    root = xml.Element("mujoco", model="world")
    # assets next to the file; parts are thin shells, whose inertia nobody needs: the world is static
    xml.SubElement(root, "compiler", angle="radian")
    xml.SubElement(root, "option", timestep="0.002")
    visual = xml.SubElement(root, "visual")
    xml.SubElement(visual, "headlight", ambient="1 1 1", diffuse="0 0 0", specular="0 0 0")  # texture holds the light
    asset = xml.SubElement(root, "asset")
    material = xml.SubElement(asset, "material", name="visual", specular="0", shininess="0")
    if has_texture:
        xml.SubElement(asset, "texture", name="visual", type="2d", file="visual.png")
        material.set("texture", "visual")
    xml.SubElement(asset, "mesh", name="visual", file="visual.obj", inertia="shell")
    for part in parts:
        xml.SubElement(asset, "mesh", name=_stem(part), file=part, inertia="shell")
    world = xml.SubElement(root, "worldbody")
    drawn = {"name": "visual", "type": "mesh", "mesh": "visual", "material": "visual", "mass": "0"}
    xml.SubElement(world, "geom", {**drawn, "contype": "0", "conaffinity": "0", "group": "2"})
    collided = {"type": "mesh", "mass": "0", "group": "3", "rgba": "0.4 0.6 0.9 0.5"}
    for part in parts:
        name, slide = _stem(part), f"{friction:g} 0.005 0.0001"
        xml.SubElement(world, "geom", {"name": name, "mesh": name, "friction": slide, **collided})
    _write(path, root)


def write_urdf(path: Path, *, collisions: list[str], is_concave: bool) -> None:
    """One static link. `is_concave` writes Bullet's mark that a mesh is not to be replaced by its hull."""
    root = xml.Element("robot", name="world")
    link = xml.SubElement(root, "link", name="world")
    if is_concave:
        link.set("concave", "yes")
    inertial = xml.SubElement(link, "inertial")  # mass 0 is Bullet's sign of a body that never moves
    xml.SubElement(inertial, "origin", xyz="0 0 0", rpy="0 0 0")
    xml.SubElement(inertial, "mass", value="0")
    xml.SubElement(inertial, "inertia", ixx="0", ixy="0", ixz="0", iyy="0", iyz="0", izz="0")
    _urdf_mesh(xml.SubElement(link, "visual"), "visual.obj")
    for file in collisions:
        collision = xml.SubElement(link, "collision", name=_stem(file))
        if is_concave:
            collision.set("concave", "yes")
        _urdf_mesh(collision, file)
    _write(path, root)


def _urdf_mesh(element: xml.Element, file: str) -> None:
    xml.SubElement(element, "origin", xyz="0 0 0", rpy="0 0 0")
    xml.SubElement(xml.SubElement(element, "geometry"), "mesh", filename=file, scale="1 1 1")


def write_sdf(folder: Path, *, name: str, friction: float) -> None:
    """Gazebo: model.sdf and model.config (a model folder), and world.sdf that includes it as `model://<name>`."""
    root = xml.Element("sdf", version="1.9")
    model = xml.SubElement(root, "model", name=name)
    xml.SubElement(model, "static").text = "true"
    link = xml.SubElement(model, "link", name="world")
    collision = xml.SubElement(link, "collision", name="static")
    _sdf_mesh(collision, "collision/static.obj")
    ode = xml.SubElement(xml.SubElement(xml.SubElement(collision, "surface"), "friction"), "ode")
    xml.SubElement(ode, "mu").text = xml.SubElement(ode, "mu2").text = f"{friction:g}"
    _sdf_mesh(xml.SubElement(link, "visual", name="visual"), "visual.obj")
    _write(folder / "model.sdf", root)

    config = xml.Element("model")
    for tag, text in (("name", name), ("version", "1.0")):
        xml.SubElement(config, tag).text = text
    xml.SubElement(config, "sdf", version="1.9").text = "model.sdf"
    author = xml.SubElement(config, "author")
    xml.SubElement(author, "name").text = "recon"
    xml.SubElement(config, "description").text = "A captured place: textured mesh with collision geometry."
    _write(folder / "model.config", config)

    root = xml.Element("sdf", version="1.9")
    world = xml.SubElement(root, "world", name=f"{name}_world")
    physics = xml.SubElement(world, "physics", name="default", type="ode")
    xml.SubElement(physics, "max_step_size").text = "0.001"
    xml.SubElement(physics, "real_time_factor").text = "1"
    xml.SubElement(world, "gravity").text = "0 0 -9.81"
    light = xml.SubElement(world, "light", name="sun", type="directional")
    xml.SubElement(light, "cast_shadows").text = "false"
    xml.SubElement(light, "pose").text = "0 0 10 0 0 0"
    xml.SubElement(light, "diffuse").text = "1 1 1 1"
    xml.SubElement(light, "specular").text = "0 0 0 1"
    xml.SubElement(light, "direction").text = "-0.3 0.2 -0.9"
    xml.SubElement(xml.SubElement(world, "include"), "uri").text = f"model://{name}"
    _write(folder / "world.sdf", root)


def _sdf_mesh(element: xml.Element, file: str) -> None:
    mesh = xml.SubElement(xml.SubElement(element, "geometry"), "mesh")
    xml.SubElement(mesh, "uri").text = file


def write_habitat_stage(path: Path) -> None:
    """Habitat: the y-up GLB to draw and to collide with."""
    stage = {
        "render_asset": "visual.glb",
        "collision_asset": "visual.glb",
        "up": [0, 1, 0],
        "front": [0, 0, -1],
        "scale": [1, 1, 1],
        "is_collidable": True,
    }
    path.write_text(json.dumps(stage, indent=1) + "\n")


def _stem(file: str) -> str:
    return Path(file).stem


def _write(path: Path, root: xml.Element) -> None:
    xml.indent(root)
    path.write_bytes(xml.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
