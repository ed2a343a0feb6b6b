"""URDF: one link of its own, fixed to `world`. `scene.urdf` collides with the convex parts, `scene_concave.urdf` with triangles.

Gazebo's reader drops a single link named `world` with all it holds, and links without inertia; so the place is a child of
`world` with an inertia that nobody feels. `concave` is Bullet's mark that a mesh is not to be replaced by its hull.
"""

from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as xml

import numpy as np

from recon.export.place import FILLED, STATIC, VISUAL, Part, Place, Thing
from recon.export.scenes.xml_file import DRAKE, drake_contact, inertia_entries, numbers, roll_pitch_yaw, write_xml
from recon.geometry.transforms import Array

LINK = "place"


def write_urdf(folder: Path, place: Place) -> None:
    """Write scene.urdf and scene_concave.urdf."""
    xml.register_namespace("drake", DRAKE)
    root, link = _robot(place)
    for part in place.parts:
        _collide(xml.SubElement(link, "collision", name=part.name), part, place.friction)
    for thing in place.things:
        _stand(root, thing, place.friction)
    write_xml(folder / "scene.urdf", root)

    root, link = _robot(place)
    for thing in place.things:
        _mesh(xml.SubElement(link, "visual", name=thing.name), thing.file, at=thing.origin)
    collision = xml.SubElement(link, "collision", name="static", concave="yes")
    _mesh(collision, STATIC)
    write_xml(folder / "scene_concave.urdf", root)


def _robot(place: Place) -> tuple[xml.Element, xml.Element]:
    """The robot, and its link of the place with the visual in it."""
    root = xml.Element("robot", name=place.name)
    xml.SubElement(root, "link", name="world")
    joint = xml.SubElement(root, "joint", name=f"world_to_{LINK}", type="fixed")
    xml.SubElement(joint, "parent", link="world")
    xml.SubElement(joint, "child", link=LINK)
    link = _link(root, LINK, mass=1.0, centre=np.zeros(3), inertia=np.eye(3), friction=place.friction)
    _mesh(xml.SubElement(link, "visual", name="visual"), VISUAL)
    if place.filled is not None:
        _mesh(xml.SubElement(link, "visual", name="filled"), FILLED)
    return root, link


def _stand(root: xml.Element, thing: Thing, friction: float) -> None:
    """A thing as a link of its own, fixed where it stands: a robot's links have no way to be free."""
    joint = xml.SubElement(root, "joint", name=f"{LINK}_to_{thing.name}", type="fixed")
    xml.SubElement(joint, "parent", link=LINK)
    xml.SubElement(joint, "child", link=thing.name)
    xml.SubElement(joint, "origin", xyz=numbers(thing.origin), rpy="0 0 0")
    link = _link(root, thing.name, mass=thing.mass, centre=thing.centre, inertia=thing.inertia, friction=friction)
    _mesh(xml.SubElement(link, "visual", name=thing.name), thing.file)
    for part in thing.parts:
        _collide(xml.SubElement(link, "collision", name=part.name), part, friction)


def _link(root: xml.Element, name: str, *, mass: float, centre: Array, inertia: Array, friction: float) -> xml.Element:
    """A link under `root`: its name, mass in kg, centre of mass [3], inertia [3, 3] about it, and friction of its contacts."""
    link = xml.SubElement(root, "link", name=name)
    inertial = xml.SubElement(link, "inertial")
    xml.SubElement(inertial, "origin", xyz=numbers(centre), rpy="0 0 0")
    xml.SubElement(inertial, "mass", value=f"{mass:.6g}")
    xml.SubElement(inertial, "inertia", inertia_entries(inertia))
    contact = xml.SubElement(link, "contact")  # Bullet's
    xml.SubElement(contact, "lateral_friction", value=f"{friction:g}")
    gazebo = xml.SubElement(root, "gazebo", reference=name)
    for tag in ("mu1", "mu2"):
        xml.SubElement(gazebo, tag).text = f"{friction:g}"
    return link


def _collide(element: xml.Element, part: Part, friction: float) -> None:
    if part.box is None:
        _mesh(element, part.file)
    else:
        angles = roll_pitch_yaw(part.box.rotation)
        xml.SubElement(element, "origin", xyz=numbers(part.box.centre), rpy=numbers(angles))
        xml.SubElement(xml.SubElement(element, "geometry"), "box", size=numbers(2 * part.box.half_size))
    contact = xml.SubElement(element, f"{{{DRAKE}}}proximity_properties")
    for tag, value in drake_contact(friction).items():
        xml.SubElement(contact, f"{{{DRAKE}}}{tag}", value=value)


def _mesh(element: xml.Element, file: str, *, at: Iterable[float] = (0, 0, 0)) -> None:
    xml.SubElement(element, "origin", xyz=numbers(at), rpy="0 0 0")
    xml.SubElement(xml.SubElement(element, "geometry"), "mesh", filename=file, scale="1 1 1")
