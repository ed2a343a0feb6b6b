"""The number by which a library and the Python code tell that both know the same structs and signatures.

setup.py compiles it into every library; library.py compares. setup.py runs this file alone: it imports the standard library only.
"""

import zlib
from pathlib import Path


def version_of(folder: Path) -> int:
    """A checksum of all headers in `folder`, their names included; not negative."""
    checksum = 0
    for header in sorted(folder.glob("*.h")):
        checksum = zlib.crc32(header.name.encode() + b"\0" + header.read_bytes(), checksum)
    return checksum & 0x7FFFFFFF
