"""Posed pictures -> depth and normal of their pixels, matched between them, in matching/.

python scripts/match.py workspace=runs/walk
"""

from command import run

if __name__ == "__main__":
    run("match")
