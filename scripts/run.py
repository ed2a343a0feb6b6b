"""From video or photos to a verified world: every stage, finished ones skipped.

python scripts/run.py capture.source=walk.mp4 workspace=runs/walk
"""

from command import run

if __name__ == "__main__":
    run("run")
