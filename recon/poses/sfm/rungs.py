"""The rungs of the ladder: what each matches anew or maps in another way, and what has been matched so far."""

import copy
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

from recon.poses.sfm import xfeat
from recon.poses.sfm.features import FeatureSettings, extract, feature_settings
from recon.poses.sfm.learned import extract_and_match
from recon.poses.sfm.lens_family import settle_family
from recon.poses.sfm.mapping import MAPPERS, Mapping, Models, map_globally, map_incrementally
from recon.poses.sfm.merge import merge
from recon.poses.sfm.pairs import Pair, choose_pairs, match, way_of, weakest_link
from recon.poses.sfm.settings import PoseSettings

_STRONG_LINK = 60  # verified matches: pairs with fewer may be chance, and frames that they alone join need more
_MAX_PAIRS = 6000  # exhaustive matching of more takes longer than filming anew
_RELAXED_RATIO = 0.9


class Matching:
    """What has been matched so far: a database, which a rung may fill further or leave for another, and its mapper."""

    def __init__(self, given: Mapping, settings: PoseSettings) -> None:
        self.given = given
        self.settings = settings
        self.features = feature_settings(given.frames, settings)
        self.matched: set[Pair] = set()
        self.parts: Models = []  # the partial models of the attempt that posed most

    def prepare(self) -> None:
        """Features and the first pairs, in the database; what it has already is not done again."""
        self._extract(self.features)
        self._match(choose_pairs(self.given.database, self.given.frames, self.settings, seed=self.given.seed))
        self._settle_lens()

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


def _first(matching: Matching) -> Models:
    """The pairs that suit the kind of capture."""
    return matching.map()


def _wider(matching: Matching) -> Models | None:
    """Three times as many neighbours in time and likeness: bridges blur, cuts and quick turns."""
    if not matching.wants_links or way_of(matching.given.frames, matching.settings) == "exhaustive":
        return None
    return matching.map() if matching.match_more(matching.wider_pairs()) else None


def _exhaustive(matching: Matching) -> Models | None:
    """Every pair: finds what likeness misses."""
    if not matching.wants_links or matching.given.frames.rig is not None:
        return None
    return matching.map() if matching.match_more(matching.all_pairs()) else None


def _global(matching: Matching) -> Models | None:
    """The same matches, all frames at once: no first pair to go wrong, no drift."""
    return map_globally(matching.given) if matching.settings.mapper == "auto" else None


def _merged(matching: Matching) -> Models | None:
    """Partial models joined through the points they share."""
    if len(matching.parts) < 2:
        return None
    merged = merge([copy.deepcopy(part) for part in matching.parts], matching.given)
    return None if merged is None else [merged]


def _relaxed(matching: Matching) -> Models | None:
    """More and fainter features at full size, looser thresholds: dark, smooth or soft pictures."""
    if not matching.wants_links:
        return None
    matching.relax()
    return matching.map(is_relaxed=True)


def _learned(matching: Matching) -> Models | None:
    """Learned features, where they are installed: blur, darkness and noise that SIFT does not see through."""
    if not matching.wants_links or not xfeat.is_installed():
        return None
    matching.learn()
    return matching.map(is_relaxed=True)


RUNGS: dict[str, Callable[[Matching], Models | None]] = {
    "first pairs": _first,
    "wider window": _wider,
    "exhaustive pairs": _exhaustive,
    "global mapping": _global,
    "merged models": _merged,
    "relaxed thresholds": _relaxed,
    "learned features": _learned,
}
