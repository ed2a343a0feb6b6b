"""recon: captured video in, virtual environment out.

    video or photos -> frames -> poses -> matching -> radiance field -> novel views
                                                            |
                                                            +-> mesh -> simulator world

Each stage is a function that reads files of the run folder (`recon.workspace`) and writes its own folder there:

    capture     source video or photos              -> frames/
    poses       frames/, or poses that are given    -> poses/
    matching    poses/ and the training pictures    -> matching/
    train       poses/, matching/ and the pictures  -> field/
    score       field/ and the held-out pictures    -> held_out/, metrics.json
    novel_views field/                              -> views/
    mesh        matching/ and field/                -> mesh/
    export      mesh/                               -> world/
    report      everything above                    -> report.html (in show/, as novel_views)

`recon.pipeline.stages.run` calls them in this order. Conventions (axes, pixels, units): docs/conventions.md. What
the other folders hold (geometry, formats, kernels, pixels, field, render, show, bench, command), and what to change for which
purpose: CONTRIBUTING.md.
"""

import os

# Threads of torch that wait must sleep, not spin: the native kernels have threads of their own and need the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# numpy's products here are of many points by 3 x 3: two threads gain nothing and spin while they wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
