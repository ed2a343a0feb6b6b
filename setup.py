"""The native kernels: an optional extension. Without a C++ compiler the installation succeeds and the torch back end serves."""

from glob import glob

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "recon.kernels.native._recon",
            sources=sorted(glob("recon/kernels/native/*.cpp")),
            depends=sorted(glob("recon/kernels/native/*.h")),
            language="c++",
            extra_compile_args=[
                "-std=c++17",
                "-O3",
                "-march=native",  # built from source on the machine that runs it
                "-fno-math-errno",
                "-ffp-contract=fast",
                "-fvisibility=hidden",
                "-Wno-psabi",
                "-g0",
            ],
            extra_link_args=["-pthread"],
            optional=True,
        )
    ],
)
