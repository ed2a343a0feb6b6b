"""Video or photos, or a data set with poses -> poses/.

python scripts/poses.py capture.source=walk.mp4 workspace=runs/walk
"""

from command import run

if __name__ == "__main__":
    run("poses")
