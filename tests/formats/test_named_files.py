"""Names as Windows, other machines and people write them lead to the files that are here; none leads out of the folder."""

from pathlib import Path

import pytest

from recon.formats.named_files import find_picture, inside
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file, read_json_value, read_text
from tests.formats.captures import picture


@pytest.mark.parametrize(
    "named",
    [
        "images/a b.png", "./images/a b.png", "images\\a b.png", ".\\images\\a b.png", "IMAGES/A B.PNG", "images/a b",
        "C:\\Users\\me\\scan\\images\\a b.png", "/home/me/scan/images/a b.png", "D:/x/a b.png",
    ],
)  # fmt: skip
def test_names_of_other_systems(tmp_path: Path, named: str) -> None:
    where = "" if named.startswith("D:") else "images/"
    expected = picture(tmp_path / f"{where}a b.png")
    assert find_picture(inside(tmp_path / "poses.json", named)) == expected


@pytest.mark.parametrize(
    "name", ["[draft] {x}.png", "it's = 50% & more!.png", "Ku\u0308che.png", "#1,2;3~.png", "back\\slash.png"]
)
def test_any_printable_name(tmp_path: Path, name: str) -> None:
    expected = picture(tmp_path / name)
    assert find_picture(inside(tmp_path / "poses.json", name)) == expected
    assert find_picture(tmp_path / "K\u00fcche.png") == (expected if name.startswith("Ku") else None)


@pytest.mark.parametrize(
    "named", ["../none.png", "/etc/passwd", "a/../../none.png", "../scan/images/a b.png", "C:\\none.png"]
)
def test_no_name_leads_out(tmp_path: Path, named: str) -> None:
    with pytest.raises(UserError, match="leads out"):
        inside(tmp_path / "poses.json", named)


def test_what_is_no_file_is_said_to_be_none(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "nowhere.png").symlink_to(tmp_path / "gone")
    for name in ("pipe.png", "loop.png", "nowhere.png", "x" * 5000, "nul\0.png", "\udcff.png", "."):
        assert not is_file(tmp_path / name) and find_picture(tmp_path / name) is None
    assert not is_file("/dev/zero")
    with pytest.raises(UserError, match="no such file"):
        read_text(tmp_path / "pipe.png")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_text_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    text = '{"file_path": "images/K\u00fcche 1.png", "w": 640}\r\n'
    (tmp_path / "t.json").write_bytes(text.encode(encoding))
    assert read_text(tmp_path / "t.json") == text
    assert read_json_value(tmp_path / "t.json")["w"] == 640


@pytest.mark.parametrize("text", ["[" * 5000, '{"a": }', "", '{"a": 1', "\x00\x01"])
def test_broken_json_is_one_kind_of_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(ValueError, match=r"\S") as caught:
        read_json_value(tmp_path / "t.json")
    assert "\n" not in str(caught.value)


def test_numbers_that_no_number_holds_are_infinite(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(f"[1e999, {'9' * 5000}, -{'9' * 400}, NaN]")
    value = read_json_value(tmp_path / "t.json")
    assert value[0] == value[1] == float("inf") and value[2] == -float("inf")
