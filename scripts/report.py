"""Everything measured and drawn so far -> report.html.

python scripts/report.py workspace=runs/walk
"""

from command import command

from recon import pipeline

if __name__ == "__main__":
    command(pipeline.report)()
