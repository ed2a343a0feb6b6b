"""SDFormat for Gazebo and Drake: `model.sdf` with `model.config` (a model folder), and `world.sdf`, which opens by itself.

`world.sdf` holds the model instead of including it by name, so that the folder may be called anything and lie anywhere. Things
are links of the static model; where they are free, they are models of their own in `world.sdf`. What is drawn of the building is a
visual for each label, for Gazebo's segmentation cameras.
Collision is the convex parts, marked for Drake as convex; a mesh without the mark would lose all but its hull there.
"""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as xml

import numpy as np

from recon.export.labels import LABELS, by_label, floor_label
from recon.export.place import FILLED, LABELLED, VISUAL, Part, Place, Thing
from recon.export.scenes.xml_file import DRAKE, drake_contact, inertia_entries, numbers, roll_pitch_yaw, write_xml
from recon.geometry.transforms import Array

LINK = "place"  # "world" is reserved
VERSION = "1.9"
_FIRST_LABEL = 1  # for segmentation cameras, in the order of `LABELS`; 0 is what has none


def write_sdf(folder: Path, place: Place) -> None:
    """Write model.sdf, model.config and world.sdf."""
    xml.register_namespace("drake", DRAKE)
    root = xml.Element("sdf", version=VERSION)
    root.append(_model(place, things=place.things))
    write_xml(folder / "model.sdf", root)
    write_xml(folder / "model.config", _config(place))
    write_xml(folder / "world.sdf", _world(place))


def _model(place: Place, *, things: Sequence[Thing]) -> xml.Element:
    """The static model of the building, with `things` as links in it."""
    model = xml.Element("model", name=place.name)
    xml.SubElement(model, "static").text = "true"
    link = _link(LINK, mass=1.0, centre=np.zeros(3), inertia=np.eye(3))
    labelled = by_label(place.visual, place.labels)
    for label in labelled:
        _draw(link, f"visual_{label}", LABELLED.format(label), label=label)
    if not labelled:
        _draw(link, "visual", VISUAL)
    if place.filled is not None:
        _draw(link, "visual_filled", FILLED, label=floor_label(place.labels))
    for part in place.parts:
        _collide(xml.SubElement(link, "collision", name=part.name), part, place.friction)
    model.append(link)
    for thing in things:
        link = _thing(thing, place.friction)
        link.insert(0, _pose(thing.origin))
        model.append(link)
    return model


def _free_model(thing: Thing, friction: float) -> xml.Element:
    """A thing as a model of its own, which moves."""
    model = xml.Element("model", name=thing.name)
    model.append(_pose(thing.origin))
    model.append(_thing(thing, friction))
    return model


def _thing(thing: Thing, friction: float) -> xml.Element:
    link = _link(thing.name, mass=thing.mass, centre=thing.centre, inertia=thing.inertia)
    _draw(link, "visual", thing.file, label=thing.label)
    for part in thing.parts:
        _collide(xml.SubElement(link, "collision", name=part.name), part, friction)
    return link


def _link(name: str, *, mass: float, centre: Array, inertia: Array) -> xml.Element:
    link = xml.Element("link", name=name)
    inertial = xml.SubElement(link, "inertial")
    inertial.append(_pose(centre))
    xml.SubElement(inertial, "mass").text = f"{mass:.6g}"
    entries = xml.SubElement(inertial, "inertia")
    for tag, value in inertia_entries(inertia).items():
        xml.SubElement(entries, tag).text = value
    return link


def _draw(link: xml.Element, name: str, file: str, *, label: str | None = None) -> None:
    """Draw a mesh in a link; segmentation cameras see its label."""
    visual = xml.SubElement(link, "visual", name=name)
    xml.SubElement(xml.SubElement(xml.SubElement(visual, "geometry"), "mesh"), "uri").text = file
    if label is not None:
        plugin = xml.SubElement(visual, "plugin", filename="gz-sim-label-system", name="gz::sim::systems::Label")
        xml.SubElement(plugin, "label").text = str(_FIRST_LABEL + LABELS.index(label))


def _pose(position: Array) -> xml.Element:
    pose = xml.Element("pose")
    pose.text = numbers((*position, 0, 0, 0))
    return pose


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
    for tag, value in drake_contact(friction).items():
        xml.SubElement(contact, f"{{{DRAKE}}}{tag}").text = value


def _config(place: Place) -> xml.Element:
    config = xml.Element("model")
    for tag, text in (("name", place.name), ("version", "1.0")):
        xml.SubElement(config, tag).text = text
    xml.SubElement(config, "sdf", version=VERSION).text = "model.sdf"
    author = xml.SubElement(config, "author")
    xml.SubElement(author, "name").text = "recon"
    xml.SubElement(config, "description").text = "A captured place: textured mesh with collision geometry."
    return config


def _world(place: Place) -> xml.Element:
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
    world.append(_model(place, things=() if place.things_are_free else place.things))
    if place.things_are_free:
        for thing in place.things:
            world.append(_free_model(thing, place.friction))
    return root
