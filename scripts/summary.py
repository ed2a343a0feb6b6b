"""What a run came to, in a dozen lines, from its metrics.json. Exit code 1 when the world did not pass its test.

python scripts/summary.py runs/demo
"""

from command import run

if __name__ == "__main__":
    run("summary")
