"""Fly through a trained field in the browser (needs the extra: pip install -e '.[viewer]').

python scripts/view.py workspace=runs/walk
"""

from command import run

if __name__ == "__main__":
    run("view")
