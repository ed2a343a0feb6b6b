"""Make a page with a marker to print and lay into the scene, so that the capture comes out in metres.

    python scripts/make_marker.py marker.pdf
    python scripts/make_marker.py marker.png --dictionary apriltag_36h11 --id 3 --side-mm 120 --paper letter

Then: python scripts/run.py capture.source=walk.mp4 workspace=runs/walk scale.marker_m=0.16
"""

import argparse
from pathlib import Path

from recon.poses.world_frame.scale.marker_dictionaries import DICTIONARIES
from recon.poses.world_frame.scale.marker_page import PAPERS_MM, write_marker_page
from recon.workspace.console import say


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="file to write, .pdf or .png")
    parser.add_argument("--dictionary", default="4x4_50", help=f"one of {', '.join(DICTIONARIES)}")
    parser.add_argument("--id", type=int, default=0, help="of the marker; two sheets in one scene need two ids")
    parser.add_argument("--side-mm", type=float, default=160.0, help="of the black square")
    parser.add_argument("--paper", default="a4", help=f"one of {', '.join(PAPERS_MM)}")
    parser.add_argument("--dpi", type=int, default=300)
    given = parser.parse_args()
    path = write_marker_page(
        given.output, given.dictionary, given.id, side_mm=given.side_mm, paper=given.paper, dpi=given.dpi
    )
    say(f"wrote {path}: print it at 100 %, measure the black square and set scale.marker_m to its side in metres")
    return 0
