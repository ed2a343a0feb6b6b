"""The mesh -> a simulator package in world/, loaded and tested.

python scripts/export.py workspace=runs/walk
"""

from command import command

from recon import pipeline

if __name__ == "__main__":
    command(pipeline.export)()
