"""Everything measured and drawn so far -> report.html.

python scripts/report.py workspace=runs/walk
"""

from command import run

if __name__ == "__main__":
    run("report")
