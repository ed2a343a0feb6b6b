"""Ways to pose a capture, tried in turn until one gives a model that holds: cheap and usual first.

Each rung adds matches, or maps the same matches in another way. A model is judged (recon.poses.sfm.quality); the first without
a problem wins, else the best of all. Of a video, mapping all frames at once is tried even then, and wins where it fits clearly
better. A rung that cannot help is left out: more pairs do not, where all frames hold together.
"""

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pycolmap

from recon.console import say
from recon.formats.frame_set import FrameSet
from recon.poses.sfm import xfeat
from recon.poses.sfm.features import FeatureSettings, extract, feature_settings
from recon.poses.sfm.learned import extract_and_match
from recon.poses.sfm.lens_family import settle_family
from recon.poses.sfm.mapping import MAPPERS, Mapping, Models, map_globally, map_incrementally
from recon.poses.sfm.merge import merge
from recon.poses.sfm.pairs import Pair, choose_pairs, match, way_of, weakest_link
from recon.poses.sfm.polish import polish
from recon.poses.sfm.quality import Quality, judge
from recon.poses.sfm.same_model import is_same
from recon.poses.sfm.settings import PoseSettings

_STRONG_LINK = 60  # verified matches: pairs with fewer may be chance, and what hangs by them wants more pairs
_MAX_PAIRS = 6000  # exhaustive matching of more takes longer than filming anew
_RELAXED_RATIO = 0.9
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

    model: pycolmap.Reconstruction
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
        self.given = Mapping(database, images, scratch, frames, seed, threads)
        self.settings = settings
        self.features = feature_settings(frames, settings)
        self.matched: set[Pair] = set()
        self.attempts: list[Attempt] = []
        self.best: Mapped | None = None
        self.parts: Models = []  # the partial models of the attempt that posed most

    def prepare(self) -> None:
        """Features and the first pairs, in the database; what it has already is not done again."""
        self._extract(self.features)
        self._match(choose_pairs(self.given.database, self.given.frames, self.settings, seed=self.given.seed))
        self._settle_lens()

    def climb(self) -> Mapped | None:
        """Try the rungs until a model has no problem; the best one, None when nothing could be mapped."""
        for name in _RUNGS:
            mapped = self._try(name)
            if mapped is not None and not mapped.quality.problems:
                break
        if self._wants_second_opinion() and not self._is_confirmed():
            self._try(_SECOND_OPINION)
        return self.best

    def _wants_second_opinion(self) -> bool:
        """Whether a video's model may fit well and be wrong: mapped frame by frame, a repeating texture slips by a period."""
        is_tried = any(attempt.name == _SECOND_OPINION for attempt in self.attempts)
        return self.best is not None and not is_tried and self.given.frames.kind == "video"

    def _is_confirmed(self) -> bool:
        """Whether all frames mapped at once, quickly, come to the poses of the best model: then there is nothing to choose."""
        assert self.best is not None
        started = time.perf_counter()
        models = map_globally(self.given, is_quick=True) if self.settings.mapper == "auto" else []
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
        models = _RUNGS[name](self)
        if models is None:
            return None
        mapped = self._finish(max(models, key=_size), name) if models else None
        self._record(name, mapped, models, time.perf_counter() - started)
        return mapped

    def _finish(self, model: pycolmap.Reconstruction, name: str) -> Mapped | None:
        """Polished; frames that were left out, or thrown out, get a second chance from there."""
        model, lens = self._polish(copy.deepcopy(model))
        if 3 <= model.num_reg_images() < len(self.given.frames.frames):
            larger = map_incrementally(self.given, start=model)
            if larger and larger[0].num_reg_images() > model.num_reg_images():
                model, lens = self._polish(larger[0])
        if model.num_reg_images() < 3 or model.num_points3D() == 0:
            return None
        quality = judge(model, self.given.database, self.given.frames, min_registered=self.settings.retry_below)
        return Mapped(model, quality, lens, name, self.given.database)

    def _polish(self, model: pycolmap.Reconstruction) -> tuple[pycolmap.Reconstruction, str]:
        return polish(model, self.given.database, self.given.frames, camera_model=self.settings.camera_model)

    def _record(self, name: str, mapped: Mapped | None, models: Models, seconds: float) -> None:
        registered = mapped.model.num_reg_images() if mapped else 0
        problems = mapped.quality.problems if mapped else ("no model came about",)
        self.attempts.append(Attempt(name, registered, len(models), seconds, problems))
        say(
            f"poses: {name}: {registered} of {len(self.given.frames.frames)} frames"
            f"{'; ' + '; '.join(problems) if problems else ''} ({seconds:.0f} s)"
        )
        if mapped is not None and (self.best is None or mapped.quality.rank > self.best.quality.rank):
            self.best = mapped
        if sum(map(_size, models)) > sum(map(_size, self.parts)):
            self.parts = models

    # ---- what the rungs need ---------------------------------------------------------------------------------------

    def map(self, *, is_relaxed: bool = False) -> Models:
        """The matches mapped by the mapper that is set, the incremental one where that is open."""
        if self.settings.mapper in ("auto", "incremental"):
            return map_incrementally(self.given, is_relaxed=is_relaxed)
        return MAPPERS[self.settings.mapper](self.given)

    @property
    def wants_links(self) -> bool:
        """Whether the frames hang together by too little, and other pairs may be tried."""
        if self.settings.pairs != "auto":
            return False
        return weakest_link(self.given.database, share=self.settings.retry_below) < _STRONG_LINK

    def match_more(self, pairs: list[Pair]) -> bool:
        """Match those of `pairs` that are new; False when none is, or too many are."""
        new = set(pairs) - self.matched
        if not new or len(new) > _MAX_PAIRS:
            return False
        self._match(sorted(new))
        return True

    def wider_pairs(self) -> list[Pair]:
        """Three times as many neighbours in time and likeness, as the features of the database tell it."""
        return choose_pairs(self.given.database, self.given.frames, self.settings.wider, seed=self.given.seed)

    def all_pairs(self) -> list[Pair]:
        return list(combinations(range(len(self.given.frames.frames)), 2))

    def relax(self) -> None:
        """Go on with a database of more and fainter features, matched less strictly."""
        self._begin("relaxed.db")
        self._extract(self.features.relaxed)
        self._match(self.wider_pairs(), max_ratio=_RELAXED_RATIO)
        self._settle_lens()

    def learn(self) -> None:
        """Go on with a database of learned features; which frames look alike is still told by those of before."""
        frames = self.given.frames
        is_small = frames.rig is None and len(frames.frames) <= self.settings.exhaustive_up_to
        pairs = self.all_pairs() if is_small else self.wider_pairs()
        self._begin("learned.db")
        given, features = self.given, self.features
        extract_and_match(
            given.database, given.images, frames, pairs, features, detect_fn=xfeat.XFeat(), threads=given.threads
        )
        self.matched = set(pairs)
        self._settle_lens()

    @property
    def lacks_learned(self) -> bool:
        """Whether learned features might have helped, and are not on this machine."""
        return self.wants_links and not xfeat.is_installed()

    def _begin(self, name: str) -> None:
        """Go on with a new, empty database."""
        self.given = replace(self.given, database=self.given.database.with_name(name))
        self.given.database.unlink(missing_ok=True)
        self.matched = set()

    def _extract(self, features: FeatureSettings) -> None:
        given = self.given
        extract(given.database, given.images, given.frames, features, threads=given.threads)

    def _match(self, pairs: list[Pair], **options: Any) -> None:
        given = self.given
        match(given.database, given.frames, pairs, folder=given.scratch, threads=given.threads, **options)
        self.matched |= set(pairs)

    def _settle_lens(self) -> None:
        if not self.given.frames.is_lens_exact:
            settle_family(self.given.database, camera_model=self.settings.camera_model, seed=self.given.seed)

    def report(self) -> list[dict[str, Any]]:
        """The attempts as JSON."""
        return [asdict(attempt) for attempt in self.attempts]


def _first(ladder: Ladder) -> Models:
    """The pairs that suit the kind of capture."""
    return ladder.map()


def _wider(ladder: Ladder) -> Models | None:
    """Three times as many neighbours in time and likeness: bridges blur, cuts and quick turns."""
    if not ladder.wants_links or way_of(ladder.given.frames, ladder.settings) == "exhaustive":
        return None
    return ladder.map() if ladder.match_more(ladder.wider_pairs()) else None


def _exhaustive(ladder: Ladder) -> Models | None:
    """Every pair: finds what likeness misses."""
    if not ladder.wants_links or ladder.given.frames.rig is not None:
        return None
    return ladder.map() if ladder.match_more(ladder.all_pairs()) else None


def _global(ladder: Ladder) -> Models | None:
    """The same matches, all frames at once: no first pair to go wrong, no drift."""
    return map_globally(ladder.given) if ladder.settings.mapper == "auto" else None


def _merged(ladder: Ladder) -> Models | None:
    """Partial models joined through the points they share."""
    if len(ladder.parts) < 2:
        return None
    merged = merge([copy.deepcopy(part) for part in ladder.parts], ladder.given)
    return None if merged is None else [merged]


def _relaxed(ladder: Ladder) -> Models | None:
    """More and fainter features at full size, looser thresholds: dark, smooth or soft pictures."""
    if not ladder.wants_links:
        return None
    ladder.relax()
    return ladder.map(is_relaxed=True)


def _learned(ladder: Ladder) -> Models | None:
    """Learned features, where they are installed: blur, darkness and noise that SIFT does not see through."""
    if not ladder.wants_links or not xfeat.is_installed():
        return None
    ladder.learn()
    return ladder.map(is_relaxed=True)


_RUNGS: dict[str, Callable[[Ladder], Models | None]] = {
    "first pairs": _first,
    "wider window": _wider,
    "exhaustive pairs": _exhaustive,
    "global mapping": _global,
    "merged models": _merged,
    "relaxed thresholds": _relaxed,
    "learned features": _learned,
}


def _size(model: pycolmap.Reconstruction) -> int:
    return model.num_reg_images()
