"""Make a page with a marker to print and lay into the scene, so that the capture comes out in metres.

    python scripts/make_marker.py marker.pdf
    python scripts/make_marker.py marker.png --dictionary apriltag_36h11 --id 3 --side-mm 120 --paper letter

Then: python scripts/run.py capture.source=walk.mp4 workspace=runs/walk scale.marker_m=0.16
"""

from command import run

if __name__ == "__main__":
    run("make_marker")
