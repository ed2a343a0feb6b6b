"""Train the radiance field of a run folder, or of a data set that brings its own poses -> field/.

python scripts/train.py workspace=runs/walk train.quality=draft
python scripts/train.py dataset=blender dataset.path=lego workspace=runs/lego train.max_seconds=300
"""

from command import run

if __name__ == "__main__":
    run("train")
