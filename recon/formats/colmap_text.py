"""COLMAP models in text files, read only; also those that people wrote by hand."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from recon.formats.colmap_parts import Posed, camera_of, damaged, finite_points, pose_of
from recon.geometry.cameras import Camera
from recon.geometry.points import Points
from recon.workspace.reading import read_text


def lines_of(file: Path) -> list[str]:
    """The lines of a file, stripped, but for comments."""
    return [line.strip() for line in read_text(file).split("\n") if not line.startswith("#")]


def read_cameras(file: Path) -> dict[int, Camera]:
    """The cameras of cameras.txt, by their ids."""
    cameras = {}
    for line in filter(None, lines_of(file)):
        words = line.split()
        try:
            camera_id, width, height = int(words[0]), int(words[2]), int(words[3])
            numbers = [float(word) for word in words[4:]]
        except (IndexError, ValueError) as error:
            raise damaged(file, f"line {line[:60]!r}") from error
        cameras[camera_id] = camera_of(file, words[1], width, height, numbers)
    return cameras


def read_images(file: Path) -> list[Posed]:
    """One line per image with its pose; the line of its observations is not read, and files made by hand may lack it."""
    posed: list[Posed] = []
    for words in pose_lines(file, lines_of(file)):
        numbers, name = [float(word) for word in words[1:8]], words[9]
        posed.append((name, int(words[8]), partial(pose_of, file, name, numbers[:4], numbers[4:])))
    return posed


def pose_lines(file: Path, lines: list[str]) -> Iterator[list[str]]:
    """The words of each pose: image id, quaternion, translation, camera id, name (which may hold blanks).

    A line of observations is empty, or triples of numbers, and follows a pose: told apart by what is in it, not by its place.
    """
    may_be_observed = False
    for line in filter(None, lines):
        words = line.split(maxsplit=9)
        is_pose = len(words) == 10 and _is_whole(words[0]) and _is_whole(words[8]) and all(map(_is_number, words[1:8]))
        if may_be_observed and (not is_pose or _is_observations(line)):
            if not _is_number(words[0]):
                raise damaged(file, f"line {line[:60]!r}")
            may_be_observed = False
            continue
        if not is_pose:
            raise damaged(file, f"line {line[:60]!r}")
        may_be_observed = True
        yield words


def _is_observations(line: str) -> bool:
    """Whether a line that could be a pose is triples x y id: all numbers, no name."""
    words = line.split()
    return len(words) % 3 == 0 and all(map(_is_number, words[9:])) and not _is_unit(words[1:5])


def _is_unit(words: Sequence[str]) -> bool:
    return abs(sum(float(word) ** 2 for word in words) - 1) < 0.2


def _is_whole(word: str) -> bool:
    return word.lstrip("-").isascii() and word.lstrip("-").isdecimal() and len(word) < 20


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def read_points(file: Path) -> Points:
    """The points of points3D.txt, without tracks."""
    positions, colors = [], []
    for line in filter(None, lines_of(file)):
        words = line.split(maxsplit=7)
        try:
            positions.append([float(words[i]) for i in (1, 2, 3)])
            colors.append([min(255, max(0, int(words[i]))) for i in (4, 5, 6)])
        except (IndexError, ValueError) as error:
            raise damaged(file, f"line {line[:60]!r}") from error
    return finite_points(positions, colors)
