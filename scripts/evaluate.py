"""Scores of the held-out views -> metrics.json and held_out/.

python scripts/evaluate.py workspace=runs/walk
"""

from command import command

from recon import pipeline

if __name__ == "__main__":
    command(pipeline.evaluate)()
