"""MJCF for MuJoCo: `world.xml` is the place and nothing else, `scene.xml` includes it and adds light, sky and camera.

So a robot's own scene includes `world.xml`, and who only wants to look opens `scene.xml`. The building is a frame of the world's
own geoms; things are bodies beside it, in geom groups of their own.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as xml

import numpy as np
from scipy.spatial.transform import Rotation

from recon.export.place import FILLED, VISUAL, Part, Place, Thing
from recon.export.scenes.xml_file import numbers, write_xml

_NEAR = 0.01  # of the view frustum, package units: a camera on a robot stands close to things
_FAR_EXTENTS = 20.0  # the far plane, in extents of the place
_OFFSCREEN_WH = (1920, 1080)
# Stiff contact, with ten times the say of a robot's own softness: at MuJoCo's default of 20 ms a fast body sinks by more than
# a board is thick, and at two time steps, the stiffest that MuJoCo holds stable, it bounces.
_CONTACT = {"solref": "0.004 1", "solmix": "10"}
VISUAL_GROUP, COLLISION_GROUP = "2", "3"  # MuJoCo's viewer draws groups 0 to 2
THING_VISUAL_GROUP, THING_COLLISION_GROUP = "1", "4"


def write_mjcf(folder: Path, place: Place) -> None:
    """Write world.xml and scene.xml."""
    write_xml(folder / "world.xml", _world(place))
    write_xml(folder / "scene.xml", _scene(place))


def _world(place: Place) -> xml.Element:
    root = xml.Element("mujoco", model=place.name)
    xml.SubElement(root, "compiler", angle="radian", meshdir="assets", texturedir="assets")
    asset = xml.SubElement(root, "asset")
    # A captured texture holds the light of the place: it glows, whatever lamps a scene adds for its robots.
    material = xml.SubElement(asset, "material", name="visual", specular="0", shininess="0", emission="1")
    if place.has_texture:
        xml.SubElement(asset, "texture", name="visual", type="2d", file="visual.png")
        material.set("texture", "visual")
    # Inertia of a shell: none is needed of a world that never moves, and open surfaces have no volume.
    for name, file in _mesh_files(place):
        xml.SubElement(asset, "mesh", name=name, file=file, inertia="shell")
    worldbody = xml.SubElement(root, "worldbody")
    # Geoms of the world itself: MuJoCo looks for contacts with them four times as fast as with a body that is fixed to it.
    building = xml.SubElement(worldbody, "frame", name=place.name)
    xml.SubElement(building, "geom", _drawn("visual", VISUAL_GROUP))
    if place.filled is not None:
        xml.SubElement(building, "geom", _drawn("filled", VISUAL_GROUP))
    for part in place.parts:
        xml.SubElement(building, "geom", _geom(part, place.friction, COLLISION_GROUP))
    for thing in place.things:
        worldbody.append(_thing(thing, place))
    return root


def _mesh_files(place: Place) -> Iterator[tuple[str, str]]:
    """Name and file, as seen from assets/, of every mesh."""
    yield "visual", str(Path(VISUAL).relative_to("assets"))
    if place.filled is not None:
        yield "filled", str(Path(FILLED).relative_to("assets"))
    for thing in place.things:
        yield thing.name, str(Path(thing.file).relative_to("assets"))
    for part in itertools.chain(place.parts, *(thing.parts for thing in place.things)):
        if part.box is None:
            yield part.name, str(Path(part.file).relative_to("assets"))


def _thing(thing: Thing, place: Place) -> xml.Element:
    """A body with mass of its own; where things are free, it has the six degrees of freedom of the world."""
    body = xml.Element("body", name=thing.name, pos=numbers(thing.origin))
    if place.things_are_free:
        xml.SubElement(body, "freejoint", name=thing.name)
    xx, yy, zz = np.diag(thing.inertia)
    xy, xz, yz = thing.inertia[[0, 0, 1], [1, 2, 2]]
    inertia = {"pos": numbers(thing.centre), "mass": f"{thing.mass:.6g}"}
    xml.SubElement(body, "inertial", {**inertia, "fullinertia": numbers((xx, yy, zz, xy, xz, yz))})
    xml.SubElement(body, "geom", _drawn(thing.name, THING_VISUAL_GROUP))
    for part in thing.parts:
        xml.SubElement(body, "geom", _geom(part, place.friction, THING_COLLISION_GROUP))
    return body


def _drawn(mesh: str, group: str) -> dict[str, str]:
    drawn = {"name": mesh, "type": "mesh", "mesh": mesh, "material": "visual", "mass": "0"}
    return {**drawn, "contype": "0", "conaffinity": "0", "group": group}


def _geom(part: Part, friction: float, group: str) -> dict[str, str]:
    shared = {
        "name": part.name,
        "mass": "0",
        "group": group,
        "friction": f"{friction:g} 0.005 0.0001",
        "rgba": "0.4 0.6 0.9 0.5",
        **_CONTACT,
    }
    if part.box is None:
        return {**shared, "type": "mesh", "mesh": part.name}
    x, y, z, w = Rotation.from_matrix(part.box.rotation).as_quat()
    where = {"pos": numbers(part.box.centre), "quat": numbers((w, x, y, z))}
    return {**shared, "type": "box", "size": numbers(part.box.half_size), **where}


def _scene(place: Place) -> xml.Element:
    low, high = place.visual.vertices.min(0), place.visual.vertices.max(0)
    extent = max(float(np.linalg.norm(high - low)), 1e-6)
    root = xml.Element("mujoco", model=f"{place.name} scene")
    xml.SubElement(root, "include", file="world.xml")
    xml.SubElement(root, "statistic", center=numbers((low + high) / 2), extent=f"{extent:.6g}")
    visual = xml.SubElement(root, "visual")
    xml.SubElement(visual, "headlight", ambient="0.4 0.4 0.4", diffuse="0.4 0.4 0.4", specular="0 0 0")
    xml.SubElement(visual, "map", znear=f"{_NEAR / extent:.6g}", zfar=f"{_FAR_EXTENTS:g}")
    width, height = _OFFSCREEN_WH
    xml.SubElement(visual, "global", offwidth=str(width), offheight=str(height), azimuth="140", elevation="-35")
    asset = xml.SubElement(root, "asset")
    sky = {
        "type": "skybox",
        "builtin": "gradient",
        "rgb1": "0.75 0.82 0.9",
        "rgb2": "0.35 0.5 0.7",
        "width": "256",
        "height": "1536",
    }
    xml.SubElement(asset, "texture", sky)
    world = xml.SubElement(root, "worldbody")
    above = numbers(((low + high) / 2 + [0, 0, extent])[:3])
    lamp = {
        "name": "sun",
        "castshadow": "false",
        "type": "directional",
        "pos": above,
        "dir": "0.2 0.3 -0.9",
        "diffuse": "0.4 0.4 0.4",
    }
    xml.SubElement(world, "light", lamp)
    return root
