"""Scores of the held-out views -> metrics.json and held_out/.

python scripts/evaluate.py workspace=runs/walk
"""

from command import run

if __name__ == "__main__":
    run("evaluate")
