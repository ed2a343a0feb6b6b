"""The one door to Open3D, which needs a system library that a plain machine lacks."""

import ctypes
from functools import cache
from types import ModuleType


@cache
def import_open3d() -> ModuleType:
    """Import Open3D (heavy: a few seconds), with the libusb of the `libusb-package` wheel where the system has none.

    Open3D links against libusb-1.0.so.0 for cameras nobody here plugs in; loading the wheel's copy globally first is enough.
    """
    try:
        ctypes.CDLL("libusb-1.0.so.0", mode=ctypes.RTLD_GLOBAL)
    except OSError:
        import libusb_package

        library = libusb_package.get_library_path()
        if library is not None:
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    import open3d

    open3d.utility.set_verbosity_level(open3d.utility.VerbosityLevel.Error)
    return open3d
