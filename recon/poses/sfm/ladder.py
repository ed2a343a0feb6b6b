"""Ways to pose a capture, tried in turn until one gives a model that holds: cheap and usual first.

Each rung adds matches, or maps the same matches in another way. A model is judged (recon.poses.sfm.quality); the first without
a problem wins, else the best of all. Of a video, mapping all frames at once is tried even then, unless the matches leave no
doubt (recon.poses.sfm.doubt), and wins where it fits clearly better. A rung that cannot help is left out: more pairs do not,
where all frames hold together.
"""

import copy
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recon.formats.frame_set import FrameSet
from recon.poses.sfm.colmap_model import Model
from recon.poses.sfm.doubt import is_hopeless, is_settled, weakest_cut
from recon.poses.sfm.mapping import Mapping, Models, map_globally, map_incrementally
from recon.poses.sfm.polish import polish
from recon.poses.sfm.quality import Quality, judge
from recon.poses.sfm.rungs import RUNGS, Matching
from recon.poses.sfm.same_model import is_same
from recon.poses.sfm.settings import PoseSettings
from recon.poses.sfm.takes import takes_of
from recon.workspace.console import say

_SECOND_OPINION = "global mapping"


@dataclass(frozen=True)
class Attempt:
    """What one rung came to, for the report."""

    name: str
    registered: int
    models: int  # partial models that mapping ended with
    seconds: float
    problems: tuple[str, ...]  # why the next rung was tried; none: this one won


@dataclass(frozen=True)
class Mapped:
    """The best model of all and how it came about."""

    model: Model
    quality: Quality
    lens: str
    method: str  # the rung that won
    database: Path  # with the features and matches it was made of


class Ladder:
    """The state of one climb: what has been matched and mapped so far."""

    def __init__(
        self,
        database: Path,
        frames: FrameSet,
        settings: PoseSettings,
        *,
        images: Path,
        scratch: Path,
        seed: int,
        threads: int | None,
    ) -> None:
        """database: features and matches so far; frames, images: the frames and the folder of their pictures. settings: conf/poses.
        scratch: folder for models on the way. seed: of all random numbers; threads: None: all cores.
        """
        self.matching = Matching(Mapping(database, images, scratch, frames, seed, threads), settings)
        self.settings = settings
        self.attempts: list[Attempt] = []
        self.best: Mapped | None = None

    def climb(self) -> Mapped | None:
        """Try the rungs until a model has no problem; the best one, None when nothing could be mapped."""
        for name in RUNGS:
            mapped = self._try(name)
            if mapped is not None and (not mapped.quality.problems or self._is_cut(name, mapped)):
                break
        if self._wants_second_opinion() and not self._is_confirmed():
            self._try(_SECOND_OPINION)
        return self.best

    def _is_cut(self, name: str, mapped: Mapped) -> bool:
        """Whether nothing ails the model but that other takes of the film are missing, which wider pairs have not linked to it."""
        takes = takes_of(mapped.model, self.matching.given.frames)
        if name == next(iter(RUNGS)) or not takes.are_of_other_places:
            return False
        given = self.matching.given
        if judge(mapped.model, given.database, given.frames, min_registered=0.0).problems:
            return False
        say(f"poses: the model is of {takes}: the others show another place, and no further attempt is made")
        return True

    def _wants_second_opinion(self) -> bool:
        """Whether a video's model may fit well and be wrong: mapped frame by frame, a repeating texture slips by a period."""
        is_tried = any(attempt.name == _SECOND_OPINION for attempt in self.attempts)
        return self.best is not None and not is_tried and self.matching.given.frames.kind == "video"

    def _is_confirmed(self) -> bool:
        """Whether there is nothing to choose: no doubt, or a quick mapping of all frames at once comes to the same poses."""
        assert self.best is not None
        given = self.matching.given
        share = weakest_cut(self.best.model, given.database, given.frames.images)
        if is_settled(share):
            say(f"poses: wherever the film is cut, {share:.0%} of the matches agree with the poses: no second opinion")
            return True
        if is_hopeless(share) or self.settings.mapper != "auto":
            return False
        started = time.perf_counter()
        models = map_globally(given, is_quick=True)
        if not models or not is_same(self.best.model, max(models, key=_size)):
            return False
        seconds = time.perf_counter() - started
        self.attempts.append(
            Attempt("quick global mapping", self.best.model.num_reg_images(), len(models), seconds, ())
        )
        say(f"poses: quick global mapping: the same poses ({seconds:.0f} s)")
        return True

    def _try(self, name: str) -> Mapped | None:
        """One rung; None where it is left out or gives no model."""
        started = time.perf_counter()
        models = RUNGS[name](self.matching)
        if models is None:
            return None
        mapped = self._finish(max(models, key=_size), name) if models else None
        self._record(name, mapped, models, time.perf_counter() - started)
        return mapped

    def _finish(self, model: Model, name: str) -> Mapped | None:
        """Polished; frames that were left out, or thrown out, get a second chance from there."""
        model, lens = self._polish(copy.deepcopy(model))
        if 3 <= model.num_reg_images() < len(self.matching.given.frames.frames):
            larger = map_incrementally(self.matching.given, start=model)
            if larger and larger[0].num_reg_images() > model.num_reg_images():
                model, lens = self._polish(larger[0])
        if model.num_reg_images() < 3 or model.num_points3D() == 0:
            return None
        quality = judge(
            model, self.matching.given.database, self.matching.given.frames, min_registered=self.settings.retry_below
        )
        return Mapped(model, quality, lens, name, self.matching.given.database)

    def _polish(self, model: Model) -> tuple[Model, str]:
        return polish(
            model, self.matching.given.database, self.matching.given.frames, camera_model=self.settings.camera_model
        )

    def _record(self, name: str, mapped: Mapped | None, models: Models, seconds: float) -> None:
        registered = mapped.model.num_reg_images() if mapped else 0
        problems = mapped.quality.problems if mapped else ("no model came about",)
        self.attempts.append(Attempt(name, registered, len(models), seconds, problems))
        say(
            f"poses: {name}: {registered} of {len(self.matching.given.frames.frames)} frames"
            f"{'; ' + '; '.join(problems) if problems else ''} ({seconds:.0f} s)"
        )
        if mapped is not None and (self.best is None or mapped.quality.rank > self.best.quality.rank):
            self.best = mapped
        if sum(map(_size, models)) > sum(map(_size, self.matching.parts)):
            self.matching.parts = models

    def report(self) -> list[dict[str, Any]]:
        """The attempts as JSON."""
        return [asdict(attempt) for attempt in self.attempts]


def _size(model: Model) -> int:
    return model.num_reg_images()
