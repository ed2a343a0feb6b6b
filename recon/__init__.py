"""recon: captured video in, virtual environment out.

    video or photos -> frames -> poses -> radiance field -> novel views
                                                |
                                                +-> mesh -> simulator world

Each stage is a function that reads files of the run folder (`recon.workspace`) and writes its own folder there:

    capture     source video or photos      -> frames/
    poses       frames/                      -> poses/       (or given poses -> poses/)
    train       poses/ and its images        -> field/
    evaluate    field/, held-out images      -> metrics.json, field/held_out/
    render      field/                       -> views/
    mesh        field/                       -> mesh/
    export      mesh/                        -> world/
    view        everything above             -> report.html

`recon.pipeline.run` calls them in this order. Conventions (axes, pixels, units): docs/conventions.md.
"""

import os

# Threads of torch that wait must sleep, not spin: the native kernels have threads of their own and need the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
