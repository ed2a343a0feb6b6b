"""From video or photos to a verified world: every stage, finished ones skipped.

python scripts/run.py capture.source=walk.mp4 workspace=runs/walk
"""

from command import command

from recon import pipeline

if __name__ == "__main__":
    command(pipeline.run)()
