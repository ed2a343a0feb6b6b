"""The mesh -> a simulator package in world/, loaded and tested.

python scripts/export.py workspace=runs/walk
"""

from command import run

if __name__ == "__main__":
    run("export")
