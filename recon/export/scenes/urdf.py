"""URDF: one link of its own, fixed to `world`. `scene.urdf` collides with the convex parts, `scene_concave.urdf` with triangles.

Gazebo's reader drops a single link named `world` with all it holds, and links without inertia; so the place is a child of
`world` with an inertia that nobody feels. `concave` is Bullet's mark that a mesh is not to be replaced by its hull.
"""

from pathlib import Path
from xml.etree import ElementTree as xml

from recon.export.place import STATIC, VISUAL, Part, Place
from recon.export.scenes.xml_file import numbers, roll_pitch_yaw, write_xml

LINK = "place"
DRAKE = "http://drake.mit.edu"


def write_urdf(folder: Path, place: Place) -> None:
    """Write scene.urdf and scene_concave.urdf."""
    xml.register_namespace("drake", DRAKE)
    root, link = _robot(place)
    for part in place.parts:
        _collide(xml.SubElement(link, "collision", name=part.name), part, place.friction)
    write_xml(folder / "scene.urdf", root)

    root, link = _robot(place)
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
    link = xml.SubElement(root, "link", name=LINK)
    inertial = xml.SubElement(link, "inertial")
    xml.SubElement(inertial, "origin", xyz="0 0 0", rpy="0 0 0")
    xml.SubElement(inertial, "mass", value="1")
    xml.SubElement(inertial, "inertia", ixx="1", ixy="0", ixz="0", iyy="1", iyz="0", izz="1")
    contact = xml.SubElement(link, "contact")  # Bullet's
    xml.SubElement(contact, "lateral_friction", value=f"{place.friction:g}")
    gazebo = xml.SubElement(root, "gazebo", reference=LINK)
    for tag in ("mu1", "mu2"):
        xml.SubElement(gazebo, tag).text = f"{place.friction:g}"
    _mesh(xml.SubElement(link, "visual", name="visual"), VISUAL)
    return root, link


def _collide(element: xml.Element, part: Part, friction: float) -> None:
    if part.box is None:
        _mesh(element, part.file)
    else:
        angles = roll_pitch_yaw(part.box.rotation)
        xml.SubElement(element, "origin", xyz=numbers(part.box.centre), rpy=numbers(angles))
        xml.SubElement(xml.SubElement(element, "geometry"), "box", size=numbers(2 * part.box.half_size))
    contact = xml.SubElement(element, f"{{{DRAKE}}}proximity_properties")
    for tag in ("mu_dynamic", "mu_static"):
        xml.SubElement(contact, f"{{{DRAKE}}}{tag}", value=f"{friction:g}")


def _mesh(element: xml.Element, file: str) -> None:
    xml.SubElement(element, "origin", xyz="0 0 0", rpy="0 0 0")
    xml.SubElement(xml.SubElement(element, "geometry"), "mesh", filename=file, scale="1 1 1")
