"""Novel views along a camera path -> views/.

python scripts/render.py workspace=runs/walk path=orbit
"""

from command import run

if __name__ == "__main__":
    run("render")
