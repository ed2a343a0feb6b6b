"""Every frame of a video whose poses are given: into `frames/` of the run folder, frame i of the video as NNNNNi.jpg."""

from pathlib import Path

from recon.formats.frames_json import Capture, FrameRecord, read_capture, write_frames_json
from recon.formats.images import write_image
from recon.formats.video import read_frames
from recon.workspace import StageRun, Workspace
from recon.workspace.console import say


def extract_frames(workspace: Workspace, video: Path) -> list[float]:
    """Write all frames of `video` and `frames.json`, where they are not there yet; the time of each in seconds.

    None may be left out, as a row of poses belongs to each: nothing is chosen by sharpness or motion, and a frame that
    does not decode is an error of the reader that counts them.
    """
    settings = {"source": str(video), "every_frame": True}
    run = StageRun(workspace, "frames", workspace.frames, settings=settings, inputs=[video], has_metrics=False)
    if not run.is_finished:
        with run as folder:
            capture = _write_frames(video, folder)
            write_frames_json(folder / workspace.frames_json.name, capture)
        say(f"frames: {len(capture.frames)} frames of {video.name} -> {workspace.frames}")
    return [frame.time_s or 0.0 for frame in read_capture(workspace).frames]


def _write_frames(video: Path, folder: Path) -> Capture:
    """Every frame, written; none is judged by its sharpness or exposure."""
    records, size_hw = [], (0, 0)
    for frame in read_frames(video):
        name = f"{frame.source_index:05d}"
        write_image(folder / f"{name}.jpg", frame.image)
        size_hw = frame.image.shape[:2]
        records.append(
            FrameRecord(
                name=name,
                image=f"{name}.jpg",
                source_index=frame.source_index,
                source_name=None,
                time_s=frame.time_s,
                sharpness=None,
                kept=True,
                reason=None,
                exposure=None,
            )
        )
    return Capture(source=video, kind="video", size_hw=size_hw, shared_camera=True, frames=tuple(records))
