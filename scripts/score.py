"""mesh/ of a run against exact truth, beside plainer surfaces of the same run and other programs' files.

python scripts/score.py workspace=runs/walk truth=data/sample/truth.json 'compare.others=[dense_mesh.ply]'
"""

from command import run

if __name__ == "__main__":
    run("score")
