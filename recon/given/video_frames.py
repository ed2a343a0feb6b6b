"""Every frame of a video whose poses are given: into `frames/` of the run folder, frame i of the video as NNNNNi.jpg."""

from pathlib import Path

from recon.console import say
from recon.formats.images import write_image
from recon.formats.video import read_frames
from recon.workspace import StageRun, Workspace, read_json, write_json

_MADE_BY = "python scripts/poses.py dataset=... workspace=..."


def extract_frames(workspace: Workspace, video: Path) -> list[float]:
    """Write all frames of `video` and `frames.json`, where they are not there yet; the time of each in seconds.

    None may be left out, as a row of poses belongs to each: nothing is chosen by sharpness or motion, and a frame that
    does not decode is an error of the reader that counts them.
    """
    settings = {"source": str(video), "every_frame": True}
    run = StageRun(workspace, "frames", workspace.frames, settings=settings, inputs=[video], has_metrics=False)
    if not run.is_finished:
        with run as folder:
            records = _write_frames(video, folder)
            write_json(folder / workspace.frames_json.name, {**_SHARED, "source": str(video), "frames": records})
        say(f"frames: {len(records)} frames of {video.name} -> {workspace.frames}")
    return [frame["time_s"] for frame in read_json(workspace.frames_json, made_by=_MADE_BY)["frames"]]


_SHARED = {"kind": "video", "shared_camera": True, "focal_prior_px": None}


def _write_frames(video: Path, folder: Path) -> list[dict[str, object]]:
    """One record a frame, as the capture stage writes them."""
    records = []
    for frame in read_frames(video):
        name = f"{frame.source_index:05d}"
        write_image(folder / f"{name}.jpg", frame.image)
        record = {"name": name, "image": f"{name}.jpg", "source_index": frame.source_index, "time_s": frame.time_s}
        records.append({**record, "sharpness": None, "kept": True, "reason": None})
    return records
