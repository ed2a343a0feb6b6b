"""The native kernels: an optional extension. Without a C++ compiler the installation succeeds and the torch back end serves.

From source there is one library, tuned for the machine that builds it. RECON_WHEEL=1 builds what a release wheel carries: on
x86-64 a library for each level of the instruction set and `_cpu`, which tells recon/kernels/native/variant.py the level of the
processor; elsewhere one library for every processor of the kind.
"""

import os
import platform
import runpy
import shutil
from glob import glob
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

NATIVE = "recon/kernels/native"
CPU = f"{NATIVE}/cpu.cpp"
VERSION = runpy.run_path(f"{NATIVE}/headers.py")["version_of"](Path(NATIVE))
IS_RELEASE = os.environ.get("RECON_WHEEL", "") not in ("", "0")
IS_X86 = platform.machine().lower() in ("x86_64", "amd64")


def library(name: str, sources: list[str], *flags: str) -> Extension:
    return Extension(
        f"{NATIVE.replace('/', '.')}.{name}",
        sources=sources,
        depends=sorted(glob(f"{NATIVE}/*.h")),
        language="c++",
        extra_compile_args=[
            "-std=c++17",
            "-O3",
            "-fno-math-errno",
            "-ffp-contract=fast",
            "-fvisibility=hidden",
            "-Wno-psabi",
            "-g0",
            f"-DRECON_VERSION={VERSION}",
            *flags,
        ],
        extra_link_args=["-pthread"],
        optional=not IS_RELEASE,  # a release without its kernels is a mistake
    )


def libraries() -> list[Extension]:
    sources = sorted({*glob(f"{NATIVE}/*.cpp")} - {CPU})
    if not IS_RELEASE:
        return [library("_recon", sources, "-march=native")]
    if not IS_X86:
        return [library("_recon", sources)]
    return [library("_cpu", [CPU]), *(library(f"_recon_v{n}", sources, f"-march=x86-64-v{n}") for n in (2, 3, 4))]


class BuildLibraries(build_ext):
    def run(self) -> None:
        # a folder `build/` left by the other kind of build would put that one's libraries into the wheel
        mine = {Path(self.build_lib, self.get_ext_filename(ext.name)) for ext in self.extensions}
        for stale in {*Path(self.build_lib, NATIVE).glob("_*.so")} - mine:
            stale.unlink()
        super().run()

    def build_extension(self, ext: Extension) -> None:
        folder = self.build_temp
        self.build_temp = os.path.join(folder, ext.name)  # the same sources give other objects for each library
        try:
            super().build_extension(ext)
        finally:
            self.build_temp = folder


class BuildWithSettings(build_py):
    """Puts conf/ into the package, where an installed `recon` looks for it (recon/command/stage_command.py)."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:  # the checkout's own is used
            return
        target = Path(self.build_lib, "recon", "conf")
        shutil.rmtree(target, ignore_errors=True)  # of an earlier build
        shutil.copytree("conf", target)


setup(ext_modules=libraries(), cmdclass={"build_ext": BuildLibraries, "build_py": BuildWithSettings})
