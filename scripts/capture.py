"""Video or photos -> frames/.

python scripts/capture.py capture.source=walk.mp4 workspace=runs/walk
"""

from command import run

if __name__ == "__main__":
    run("capture")
