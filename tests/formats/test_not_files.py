"""What stands where a file belongs and is none: a pipe nobody writes to, a device without an end, a folder, a link into nowhere.

Asked for, each is one line at once; reading a pipe would wait for ever, and reading a device would fill the memory.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recon.formats.depth_files import DepthFile
from recon.formats.depth_images import read_depth
from recon.formats.exif_gps import read_gps
from recon.formats.face_evidence import read_face_evidence
from recon.formats.image_files import read_header
from recon.formats.images import read_image
from recon.formats.masks import read_mask
from recon.formats.matched_views import read_matched_view
from recon.formats.mesh_obj import read_obj
from recon.formats.mesh_ply import read_ply
from recon.formats.named_files import find_picture
from recon.formats.points_ply import read_points
from recon.formats.text_tables import read_rows
from recon.formats.video import read_video_info
from recon.render.path_file import read_path_file
from recon.score.comparison import read_mesh
from recon.score.truth_file import read_truth
from recon.workspace.errors import UserError
from recon.workspace.reading import read_json_value, read_text

READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "points": ("p.ply", read_points),
    "ply": ("m.ply", read_ply),
    "obj": ("m.obj", read_obj),
    "mesh": ("m.ply", read_mesh),
    "faces": ("faces.npz", read_face_evidence),
    "matched view": ("a.npz", lambda path: read_matched_view(path.parent, "a")),
    "depth png": ("d.png", lambda path: read_depth(DepthFile(path, 1.0))),
    "depth npy": ("d.npy", lambda path: read_depth(DepthFile(path, 1.0))),
    "header": ("p.jpg", read_header),
    "image": ("p.png", read_image),
    "mask": ("p.png", read_mask),
    "gps": ("p.jpg", read_gps),
    "table": ("t.txt", read_rows),
    "video": ("v.mp4", read_video_info),
    "camera path": ("c.json", lambda path: read_path_file(path, max_size=64)),
    "truth": ("truth.json", read_truth),
    "text": ("t.txt", read_text),
    "json": ("j.json", read_json_value),
}


def make(path: Path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"device": "/dev/zero", "nowhere": "gone", "itself": path.name}[kind])


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "nowhere", "itself"])
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_is_one_line(tmp_path: Path, reader: str, kind: str) -> None:
    name, read = READERS[reader]
    make(tmp_path / name, kind)
    with pytest.raises(UserError) as refused:
        read(tmp_path / name)
    assert "\n" not in str(refused.value)


def test_a_material_that_is_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "m.obj").write_text("mtllib m.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    os.mkfifo(tmp_path / "m.mtl")
    with pytest.raises(UserError, match=r"m\.mtl"):
        read_obj(tmp_path / "m.obj")


def test_a_path_of_a_thousand_folders_is_missing(tmp_path: Path) -> None:
    assert find_picture(tmp_path / Path(*["a"] * 2000) / "x.png") is None


def test_a_camera_path_with_a_number_of_5000_digits(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"render_height": ' + "1" * 5000 + "}")
    with pytest.raises(UserError, match=r"c\.json"):
        read_path_file(tmp_path / "c.json", max_size=64)
