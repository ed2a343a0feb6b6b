"""Marking a plain mp4 as a panorama, as Google's spherical video (version 1) has it: a uuid box with XML in the track."""

import struct
from pathlib import Path

_UUID = bytes.fromhex("ffcc8263f8554a938814587a02521fdd")
_XML = """<?xml version="1.0"?><rdf:SphericalVideo xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:GSpherical="http://ns.google.com/videos/1.0/spherical/"><GSpherical:Spherical>true</GSpherical:Spherical>
<GSpherical:Stitched>true</GSpherical:Stitched><GSpherical:StitchingSoftware>test</GSpherical:StitchingSoftware>
<GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType></rdf:SphericalVideo>"""
_NESTED = (b"trak", b"mdia", b"minf", b"stbl")


def mark_spherical(path: Path) -> None:
    """Rewrite an mp4 whose index comes first (`write_video`) with the box in its first track."""
    box = struct.pack(">I4s", 24 + len(_XML), b"uuid") + _UUID + _XML.encode()
    out = bytearray()
    for kind, body in _boxes(path.read_bytes()):
        if kind == b"moov":
            body = _with_box(body, box)
        out += struct.pack(">I4s", 8 + len(body), kind) + body
    path.write_bytes(out)


def _boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        found.append((kind, data[at + 8 : at + size]))
        at += size
    return found


def _with_box(body: bytes, box: bytes, depth: int = 0) -> bytes:
    """Children of a container, the box added to the track, the places of the pictures moved by its length."""
    out = b""
    for kind, child in _boxes(body):
        if kind in _NESTED:
            child = _with_box(child, box, depth + 1) + (box if kind == b"trak" else b"")
        elif kind == b"stco":
            n = struct.unpack_from(">I", child, 4)[0]
            places = struct.unpack_from(f">{n}I", child, 8)
            child = child[:8] + struct.pack(f">{n}I", *(place + len(box) for place in places))
        out += struct.pack(">I4s", 8 + len(child), kind) + child
    return out
