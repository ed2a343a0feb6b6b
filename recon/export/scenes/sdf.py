"""SDFormat for Gazebo and Drake: `model.sdf` with `model.config` (a model folder), and `world.sdf`, which opens by itself.

`world.sdf` holds the model instead of including it by name, so that the folder may be called anything and lie anywhere.
Collision is the convex parts, marked for Drake as convex; a mesh without the mark would lose all but its hull there.
"""

import copy
from pathlib import Path
from xml.etree import ElementTree as xml

from recon.export.place import VISUAL, Part, Place
from recon.export.scenes.xml_file import numbers, roll_pitch_yaw, write_xml

LINK = "place"  # "world" is reserved
VERSION = "1.9"
DRAKE = "http://drake.mit.edu"


def write_sdf(folder: Path, place: Place) -> None:
    """Write model.sdf, model.config and world.sdf."""
    xml.register_namespace("drake", DRAKE)
    model = _model(place)
    root = xml.Element("sdf", version=VERSION)
    root.append(copy.deepcopy(model))
    write_xml(folder / "model.sdf", root)
    write_xml(folder / "model.config", _config(place))
    write_xml(folder / "world.sdf", _world(place, model))


def _model(place: Place) -> xml.Element:
    model = xml.Element("model", name=place.name)
    xml.SubElement(model, "static").text = "true"
    link = xml.SubElement(model, "link", name=LINK)
    inertial = xml.SubElement(link, "inertial")
    xml.SubElement(inertial, "mass").text = "1"
    inertia = xml.SubElement(inertial, "inertia")
    for tag, value in (("ixx", 1), ("ixy", 0), ("ixz", 0), ("iyy", 1), ("iyz", 0), ("izz", 1)):
        xml.SubElement(inertia, tag).text = str(value)
    visual = xml.SubElement(link, "visual", name="visual")
    xml.SubElement(xml.SubElement(xml.SubElement(visual, "geometry"), "mesh"), "uri").text = VISUAL
    for part in place.parts:
        _collide(xml.SubElement(link, "collision", name=part.name), part, place.friction)
    return model


def _collide(element: xml.Element, part: Part, friction: float) -> None:
    if part.box is None:
        mesh = xml.SubElement(xml.SubElement(element, "geometry"), "mesh")
        xml.SubElement(mesh, "uri").text = part.file
        xml.SubElement(mesh, f"{{{DRAKE}}}declare_convex")
    else:
        angles = roll_pitch_yaw(part.box.rotation)
        xml.SubElement(element, "pose").text = numbers((*part.box.centre, *angles))
        box = xml.SubElement(xml.SubElement(element, "geometry"), "box")
        xml.SubElement(box, "size").text = numbers(2 * part.box.half_size)
    ode = xml.SubElement(xml.SubElement(xml.SubElement(element, "surface"), "friction"), "ode")
    xml.SubElement(ode, "mu").text = xml.SubElement(ode, "mu2").text = f"{friction:g}"
    contact = xml.SubElement(element, f"{{{DRAKE}}}proximity_properties")
    for tag in ("mu_dynamic", "mu_static"):
        xml.SubElement(contact, f"{{{DRAKE}}}{tag}").text = f"{friction:g}"


def _config(place: Place) -> xml.Element:
    config = xml.Element("model")
    for tag, text in (("name", place.name), ("version", "1.0")):
        xml.SubElement(config, tag).text = text
    xml.SubElement(config, "sdf", version=VERSION).text = "model.sdf"
    author = xml.SubElement(config, "author")
    xml.SubElement(author, "name").text = "recon"
    xml.SubElement(config, "description").text = "A captured place: textured mesh with collision geometry."
    return config


def _world(place: Place, model: xml.Element) -> xml.Element:
    root = xml.Element("sdf", version=VERSION)
    world = xml.SubElement(root, "world", name=f"{place.name}_world")
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
    world.append(model)
    return root
