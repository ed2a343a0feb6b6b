"""Make a capture of a procedural place, with exact truth beside it: by default the sample in data/sample.

    python scripts/make_sample.py                                  # the checked-in sample
    python scripts/make_sample.py --place furnished_room --output runs/room_film
    python scripts/make_sample.py --output tiny --frames 24 --size 120 160 --texel 0.02

The same seed gives the same truth, byte for byte; the video also depends on the version of the H.264 encoder.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from recon.bench.synthetic.film import PLACES, make_capture
from recon.workspace.console import say
from recon.workspace.errors import UserError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("data/sample"), help="folder to write")
    parser.add_argument("--place", choices=sorted(PLACES), default="courtyard", help="what is filmed")
    parser.add_argument("--seed", type=int, default=7, help="of the world, the walk and the noise")
    parser.add_argument("--frames", type=int, default=150, help="length at 15 frames per second, always the whole walk")
    parser.add_argument("--size", type=int, nargs=2, default=(480, 640), metavar=("H", "W"), help="pixels, even")
    parser.add_argument("--texel", type=float, default=0.003, help="texture resolution in metres")
    parser.add_argument("--crf", type=int, default=24, help="H.264 quality, smaller is better and larger")
    parser.add_argument("--depth", action="store_true", help="photos with a sensor's depth beside them too, in rgbd/")
    arguments = parser.parse_args()
    folder = make_capture(
        arguments.output,
        place=arguments.place,
        seed=arguments.seed,
        n_frames=arguments.frames,
        size_hw=tuple(arguments.size),
        texel_m=arguments.texel,
        crf=arguments.crf,
        with_depth=arguments.depth,
    )
    depth = ", rgbd/" if arguments.depth else ""
    say(f"wrote {folder}: video.mp4, truth.json, truth_mesh.ply, preview.png{depth}")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
