"""Fly through a trained field in the browser (set-up installs the viewer; of a wheel it is the extra recon[viewer]).

python scripts/view.py workspace=runs/walk
"""

from command import run

if __name__ == "__main__":
    run("view")
