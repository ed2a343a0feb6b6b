"""The table of commands, and the program that runs one of them."""

import gc
import sys
from collections.abc import Callable, Sequence

from recon.command.errors import be_quiet_when_interrupted, fail

STAGES = {  # name of the command: the function of recon.pipeline.stages, and what it does
    "run": ("run", "all stages, from video or photos to a verified world; finished ones are skipped"),
    "capture": ("capture", "video or photos -> frames/"),
    "poses": ("capture_and_pose", "video, photos, or a data set with poses -> poses/"),
    "match": ("match", "poses/ and its pictures -> matching/"),
    "train": ("pose_and_train", "poses/ and its pictures -> field/"),
    "evaluate": ("evaluate", "held-out views of field/ -> held_out/"),
    "render": ("render", "novel views along a camera path -> views/"),
    "mesh": ("mesh", "matching/ and field/ -> mesh/"),
    "export": ("export", "mesh/ -> world/, verified"),
    "score": ("compare", "mesh/ beside other surfaces against exact truth"),
    "report": ("report", "everything measured and drawn so far -> report.html"),
    "view": ("view", "fly through field/ in the browser"),
}
_RARELY = 20_000  # new objects between two searches for garbage
_READING = ("view",)  # commands beside which another may write to the run folder


def _summary() -> int:
    from recon.command.summary import main as summary

    return summary()


def _make_marker() -> int:
    from recon.command.make_marker import main as make_marker

    return make_marker()


OTHERS: dict[str, tuple[Callable[[], int], str]] = {
    "summary": (_summary, "what a run came to: summary FOLDER"),
    "make_marker": (_make_marker, "a page with a marker to print, for a world in metres: make_marker FILE.pdf"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """`recon COMMAND ...`: run the command that the first argument names."""
    name, *rest = [*(sys.argv[1:] if arguments is None else arguments), ""]
    if name in ("", "-h", "--help"):
        print(_usage())
        sys.exit(0 if name else 2)
    if name not in STAGES and name not in OTHERS:
        fail(
            f"{name}: no command. Expected one of {', '.join([*STAGES, *OTHERS])}; `recon --help` tells what each does."
        )
    sys.argv = [f"{sys.argv[0]} {name}", *rest[:-1]]
    run(name)


def run(name: str) -> None:
    """Run a command of the tables with the arguments in `sys.argv`."""
    be_quiet_when_interrupted()
    gc.set_threshold(_RARELY)  # importing makes many objects, none of them garbage
    if name in OTHERS:
        from recon.command.errors import one_line_errors

        with one_line_errors():
            sys.exit(OTHERS[name][0]())
    from recon.command.stage_command import stage_command

    stage_command(STAGES[name][0], writes=name not in _READING)()


def _usage() -> str:
    lines = ["usage: recon COMMAND [group=choice] [key=value ...]", ""]
    lines += [f"  {name:<12} {what}" for name, (_, what) in [*STAGES.items(), *OTHERS.items()]]
    lines += ["", "  recon run capture.source=walk.mp4 workspace=runs/walk", "  recon train --help      every setting"]
    return "\n".join(lines)
