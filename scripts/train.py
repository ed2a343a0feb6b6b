"""Train the radiance field of a run folder, or of a data set that brings its own poses -> field/.

python scripts/train.py workspace=runs/walk train.quality=draft
python scripts/train.py dataset=blender dataset.path=lego workspace=runs/lego train.max_seconds=300
"""

from command import command

from recon import pipeline
from recon.configuration import Settings
from recon.workspace import Workspace


def train(workspace: Workspace, settings: Settings) -> None:
    if settings.dataset.format != "capture":
        pipeline.pose(workspace, settings)
    pipeline.train(workspace, settings)


if __name__ == "__main__":
    command(train)()
