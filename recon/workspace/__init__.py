"""What every stage works with: the run folder, checked settings, what it tells a person.

The run folder is the only interface between stages: each reads files of it and writes its own folder (`StageRun`).

paths    files of the run folder by name    stage_run  one run of a stage: skipped, measured, marked finished
files    atomic writes, JSON                metrics    metrics.json
lock     one writer at a time               usage      time, processor time, peak memory
reading  files that may be anything         settings   typed settings, their ranges and how they are read
console  messages, warnings, progress       errors     UserError
fingerprints  digests of settings and files
"""

from recon.workspace.files import read_json, replace_file, replace_folder, write_json
from recon.workspace.fingerprints import fingerprint
from recon.workspace.lock import only_writer
from recon.workspace.metrics import read_metrics, write_metrics
from recon.workspace.paths import Workspace, open_workspace
from recon.workspace.stage_run import STAGE_MARK, StageRun, check_poses, is_finished, mark_finished, stage_warnings

__all__ = [
    "STAGE_MARK",
    "StageRun",
    "Workspace",
    "check_poses",
    "fingerprint",
    "is_finished",
    "mark_finished",
    "only_writer",
    "open_workspace",
    "read_json",
    "read_metrics",
    "replace_file",
    "replace_folder",
    "stage_warnings",
    "write_json",
    "write_metrics",
]
