"""Fly through a trained field in the browser (needs the extra: pip install -e '.[viewer]').

python scripts/view.py workspace=runs/walk
"""

from command import command

from recon import pipeline

if __name__ == "__main__":
    command(pipeline.view, writes=False)()
