"""Novel views along a camera path -> views/.

python scripts/render.py workspace=runs/walk path=orbit
"""

from command import command

from recon import pipeline

if __name__ == "__main__":
    command(pipeline.render)()
