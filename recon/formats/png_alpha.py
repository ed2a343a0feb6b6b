"""Whether a PNG shows anything, told from as few of its rows as need be: most pictures with alpha do so within the first ones.

PNG stores differences to the neighbours (the five filters of its specification, section 9). Where all alpha so far is 0, each of
them predicts 0: the first stored byte that is not is an alpha that is not. So rows are unpacked, never decoded.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {4: 2, 6: 4}  # colour types with alpha: grey, colour
_PIECE = 1 << 15  # bytes
_LONGEST_ROW = 1 << 22  # bytes: what claims more is left to the decoder and its limits


def is_clear(path: Path) -> bool | None:
    """Whether a PNG with an alpha channel is transparent all over; None where its first bytes do not let that be told."""
    with path.open("rb") as file:
        header = file.read(33)
        if not header.startswith(_SIGNATURE) or header[12:16] != b"IHDR" or len(header) < 33:
            return None
        w, h, depth, color, _, _, interlace = struct.unpack(">IIBBBBB", header[16:29])
        if color not in _CHANNELS or depth not in (8, 16) or interlace or not w or not h:
            return None
        n_bytes = depth // 8
        row, rest, left = 1 + w * _CHANNELS[color] * n_bytes, b"", h
        if row > _LONGEST_ROW:
            return None
        try:
            for piece in _unpacked(file):
                rest += piece
                rows = np.frombuffer(rest, np.uint8, len(rest) // row * row).reshape(-1, row)[:left]
                pixels = rows[:, 1:].reshape(-1, _CHANNELS[color] * n_bytes)
                if pixels[:, -n_bytes:].any():
                    return False
                left, rest = left - len(rows), rest[rows.size :]
                if not left:
                    return True
        except zlib.error:
            pass
    return None  # damaged or cut off: whoever decodes it says so


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    """The rows of pixels, each after the number of its filter, in pieces."""
    stream = zlib.decompressobj()
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IDAT":
            while length:
                packed = file.read(min(length, _PIECE))
                if not packed:
                    return
                length -= len(packed)
                while packed:
                    yield stream.decompress(packed, _PIECE)
                    packed = stream.unconsumed_tail
            file.seek(4, 1)
        else:
            file.seek(length + 4, 1)
