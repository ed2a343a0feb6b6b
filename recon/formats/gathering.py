"""What a reader takes of a data set and what it leaves, so that nothing is passed over without a word.

One bad frame does not spoil the set: pictures that do not exist or do not open and poses that were lost are left out, and each
reason is told once, with a count. Only where too little stays is the set refused.
"""

import re
import urllib.parse
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from recon.formats.image_files import what_is_wrong
from recon.formats.images import list_images
from recon.formats.named_files import find_picture, find_saved_anew, folded, inside, picture_names
from recon.geometry.transforms import Array
from recon.workspace.console import say, warn
from recon.workspace.errors import UserError

_FEWEST = 3  # posed pictures that are worth going on with, where others had to be left out for their poses
MISSING, DAMAGED, OUTSIDE = "do not exist", "do not open", "are not in the capture's folder"
# What programs keep beside a photo under a name of its own.
_NO_PHOTO = re.compile(r"depth|mask|normal|label|instance|semantic|segm|conf|albedo|flow|thumb|preview", re.IGNORECASE)
MASKLESS = "name a mask that is not there or does not open"
_MOST_MASKLESS = 0.5  # share of the pictures: beyond, the masks' folder was left behind
LOST = "have lost their pose (not finite, or all zeros)"


class LostPoseError(UserError):
    """A pose that tracking lost: NaN, infinity, zeros or nothing where numbers belong."""


class Gathering:
    """The pictures and poses of one data set as they are found; `tell` ends it."""

    def __init__(self, source: Path, *, also: Sequence[Path] = (), shown: Path | None = None) -> None:
        """source: a file; pictures that it names lie beside it or in `also`. shown: what messages call it, None: its path."""
        self.source, self._also, self._shown = source, also, shown or source
        self._names: dict[str, frozenset[str]] = {}
        self._found: set[Path] = set()
        self._anew: list[tuple[str, str]] = []  # names as listed, and of the files in another format that were taken
        self._left: dict[str, list[str]] = {}
        self._errors: dict[str, UserError] = {}

    def picture(self, named: str, *, also_as: Path | None = None) -> Path | None:
        """The picture that `source` names, or `also_as`; None, noted, where it is missing or does not open."""
        found = self._picture(named, also_as)
        for spelling in _other_spellings(named) if found is None else ():
            if found is None and named in self._left.get(MISSING, ()):
                self._left[MISSING].remove(named)
                found = self._picture(spelling, also_as)
                self._left[MISSING] = [named if name == spelling else name for name in self._left[MISSING]]
        if found is not None:
            self._found.add(found)
        return found

    def mask(self, named: str, picture: str) -> Path | None:
        """The mask that `source` names for a picture; None, noted, where it is missing or does not open.

        The picture is left out then: without its mask, what is to be hidden would be trained on.
        """
        found = find_picture(inside(self.source, named, also=self._also))
        problem = f"{named} does not exist." if found is None else what_is_wrong(found)
        if problem is not None:
            self.leave(picture, MASKLESS, UserError(problem))
        return None if problem is not None else found

    def _picture(self, named: str, also_as: Path | None) -> Path | None:
        if also_as is None and self._is_surely_missing(named):
            self.leave(named, MISSING)
            return None
        try:
            found = find_picture(inside(self.source, named, also=self._also))
        except UserError as error:
            found = None
            if also_as is None:
                self.leave(named, OUTSIDE, error)
                return None
        if found is None and also_as is not None:
            found = find_picture(also_as)
        if found is None:
            found = find_saved_anew(inside(self.source, named, also=self._also) if also_as is None else also_as)
            self._anew += [] if found is None else [(named, found.name)]
        if found is None:
            self.leave(named, MISSING)
            return None
        return found if self.opens(found, named) else None

    def _is_surely_missing(self, named: str) -> bool:
        """Whether a plain name fits no file of its folder. The folder is listed once, for however many names."""
        if self._also or "\\" in named or "\0" in named or ".." in named or named.startswith(("/", "~")):
            return False
        folder, _, name = named.rpartition("/")
        if folder not in self._names:
            self._names[folder] = picture_names(self.source.parent / folder)
        stem, dot, _ = name.rpartition(".")
        return folded(name) not in self._names[folder] and not (dot and folded(stem) in self._names[folder])

    def opens(self, picture: Path, name: str) -> bool:
        """Whether a picture that exists can be read; noted where not."""
        problem = what_is_wrong(picture)
        if problem is not None:
            self.leave(name, DAMAGED, UserError(problem))
        return problem is None

    def pose(self, name: str, make: Callable[[], Array]) -> Array | None:
        """The pose that `make` gives; None, noted, where it was lost. What is no pose at all is an error of the whole set."""
        try:
            return make()
        except LostPoseError as error:
            self.leave(name, LOST, error)
        return None

    def leave(self, name: str, reason: str, error: UserError | None = None) -> None:
        """Note that a picture is left out, to be told at the end."""
        self._left.setdefault(reason, []).append(name)
        if error is not None:
            self._errors.setdefault(reason, error)

    def count(self, *reasons: str) -> int:
        """How many are left out, for these reasons or for any."""
        return sum(len(self._left[reason]) for reason in reasons or self._left if reason in self._left)

    def tell(self, n_kept: int, *, hint: str = "Put them beside the file.") -> None:
        """Warn once for each reason; `UserError` where none is kept, or hardly any for want of poses."""
        total = n_kept + self.count()
        if self.count(LOST) and n_kept < _FEWEST:
            raise self._errors[LOST]
        if OUTSIDE in self._left:
            raise self._errors[OUTSIDE]
        if self.count(MASKLESS) > _MOST_MASKLESS * total:
            raise UserError(
                f"{self._shown}: {self.count(MASKLESS)} of {total} pictures {MASKLESS} ({self._errors[MASKLESS]}). Put the masks "
                "there, or delete their entries."
            )
        if total and not n_kept:
            if self.count(DAMAGED) == total:
                raise UserError(f"{self._shown}: none of its {total} pictures opens: {self._errors[DAMAGED]}")
            raise UserError(f"{self._shown}: none of its {total} listed pictures exists. {hint}")
        for reason, names in ((reason, names) for reason, names in self._left.items() if names):
            listed = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            why = f" {self._errors[reason]}" if reason in (DAMAGED, MASKLESS) else ""
            warn(f"{self._shown}: {len(names)} of {total} pictures {reason} and are skipped ({listed}).{why}")
        if self._anew:
            (named, found_as), n = self._anew[0], len(self._anew)
            say(
                f"{self._shown}: {n} of {total} pictures are there in another format and are read ({found_as} for {named})."
            )
        folders = sorted({found.parent for found in self._found})
        unnamed = [path.name for folder in folders for path in list_images(folder) if self._is_unnamed(path)]
        if unnamed:
            say(
                f"{self._shown}: {len(unnamed)} more pictures lie there without a pose and are left out ({unnamed[0]}, ...)"
            )

    def _is_unnamed(self, picture: Path) -> bool:
        return picture not in self._found and not _NO_PHOTO.search(picture.name)


def _other_spellings(named: str) -> list[str]:
    """A name as Western European Windows spells it, where its bytes were no UTF-8 (see `reading.read_text`); and without the
    escapes of web addresses (%20)."""
    spellings = [urllib.parse.unquote(named, errors="surrogateescape")]
    if any("\udc80" <= letter <= "\udcff" for letter in named):
        with suppress(UnicodeError):
            spellings.append(named.encode("utf-8", "surrogateescape").decode("cp1252"))
    return [spelling for spelling in spellings if spelling != named]


def check_not_lost(matrix: Array, label: str) -> None:
    """Raise `LostPoseError` for a pose [r, c] or row [c] that holds NaN or infinity, or only zeros."""
    if not np.isfinite(matrix).all():
        raise LostPoseError(f"{label}: the pose holds NaN or infinity. Correct it or delete the frame.")
    if matrix.size and not (matrix[:, :3] if matrix.ndim == 2 else matrix).any():
        raise LostPoseError(f"{label}: the pose is all zeros. Correct it or delete the frame.")
