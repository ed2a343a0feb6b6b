"""Each rung of the ladder wins on a capture that needs it, and rungs that cannot help are left out."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pycolmap
import pytest

from recon.formats.frame_set import FrameSet
from recon.poses.sfm import ladder as ladder_module
from recon.poses.sfm import rungs as rungs_module
from recon.poses.sfm.colmap_log import colmap_log
from recon.poses.sfm.ladder import Ladder, Mapped
from recon.poses.sfm.mapping import map_incrementally
from recon.poses.sfm.settings import PoseSettings
from tests.default_settings import default_settings
from tests.poses import room, synthetic

SETTINGS = default_settings(
    PoseSettings,
    "poses",
    max_features=1500,
    image_size=None,
    overlap=4,
    loop_neighbours=0,
    exhaustive_up_to=10,
    retrieval_neighbours=1,
    camera_model="SIMPLE_RADIAL",
    retry_below=0.9,
    dense=False,
)


def ladder_of(folder: Path, frames: FrameSet, **changed: Any) -> Ladder:
    """A ladder before its first step; the database may be there already."""
    settings = replace(SETTINGS, **changed)
    return Ladder(folder / "d.db", frames, settings, images=folder, scratch=folder, seed=0, threads=2)


def climb(
    folder: Path, given: synthetic.Scene, looks: np.ndarray | None = None, **changed: Any
) -> tuple[Ladder, Mapped]:
    synthetic.write_database(folder / "d.db", given, looks=looks)
    ladder = ladder_of(folder, given.frames, **changed)
    with colmap_log(folder / "colmap.log"):
        ladder.matching.prepare()
        mapped = ladder.climb()
    assert mapped is not None
    return ladder, mapped


def names(ladder: Ladder) -> list[str]:
    """The rungs that were tried; all but the last had problems; every one took time."""
    assert all(attempt.seconds > 0 for attempt in ladder.attempts)
    assert all(attempt.problems for attempt in ladder.attempts[:-1])
    return [attempt.name for attempt in ladder.attempts]


def test_a_model_that_slipped_loses_against_the_second_opinion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One frame after the other, a model may slip and still pass the gate: here its second half is turned by a degree."""
    given = synthetic.scene(room.walk(10), points=1500, noise_px=0.3)
    honest = ladder_module.map_incrementally

    def slipping(*arguments: Any, **options: Any) -> Any:
        models = honest(*arguments, **options)
        for model in models:
            turn = pycolmap.Rigid3d(pycolmap.Rotation3d(np.array([0.0, np.radians(0.5), 0.0])), np.zeros(3))
            for frame_id in sorted(model.reg_frame_ids())[5:]:
                model.frame(frame_id).rig_from_world = turn * model.frame(frame_id).rig_from_world
        return models

    for module in (ladder_module, rungs_module):
        monkeypatch.setattr(module, "map_incrementally", slipping)
    monkeypatch.setattr(ladder_module, "polish", lambda model, *_, **__: (model, "SIMPLE_RADIAL"))
    ladder, mapped = climb(tmp_path, given, retry_below=0.5)
    assert mapped.method == "global mapping" and [a.name for a in ladder.attempts][-1] == "global mapping"
    assert synthetic.center_errors(mapped.model, given).max() < 0.02


def test_a_plain_walk_needs_the_first_pairs_only(tmp_path: Path) -> None:
    given = synthetic.scene(room.walk(10), points=1500, noise_px=0.3)
    ladder, mapped = climb(tmp_path, given)
    # The matches leave no doubt, so nobody asks for a second opinion.
    assert names(ladder) == ["first pairs"] and mapped.method == "first pairs"
    assert ladder.report()[0]["problems"] == () and mapped.quality.problems == ()
    assert synthetic.center_errors(mapped.model, given).max() < 0.005
    assert len(ladder.matching.matched) == 9 + 8 + 7 + 6


@pytest.mark.parametrize(("lens", "is_exact"), [("OPENCV", False), ("PINHOLE", False), ("auto", True)])
def test_a_frame_that_was_left_out_gets_its_second_chance_whatever_the_lens_has_become(
    tmp_path: Path, lens: str, is_exact: bool
) -> None:
    """Mapping goes on from a model whose lens was changed since: COLMAP takes only that of its database."""
    given = synthetic.scene(room.walk(10), points=1500, noise_px=0.3, blank=[4])
    given = replace(given, frames=replace(given.frames, is_lens_exact=is_exact))
    _, mapped = climb(tmp_path, given, camera_model=lens)
    assert synthetic.posed(mapped.model) == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert mapped.lens == ("SIMPLE_PINHOLE" if is_exact else lens)
    # the database guesses a focal length, and an exact lens keeps it
    assert is_exact or synthetic.center_errors(mapped.model, given).max() < 0.01


@pytest.mark.parametrize(("share", "asked"), [(0.95, []), (0.8, ["quick global mapping"]), (0.5, ["global mapping"])])
def test_the_less_matches_agree_the_more_a_second_opinion_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float, asked: list[str]
) -> None:
    monkeypatch.setattr(ladder_module, "weakest_cut", lambda *_: share)
    ladder, _ = climb(tmp_path, synthetic.scene(room.walk(10), points=1500, noise_px=0.3))
    assert [attempt.name for attempt in ladder.attempts] == ["first pairs", *asked]


def test_threads_do_not_decide_which_pair_mapping_begins_with(tmp_path: Path) -> None:
    """Nor does what else the machine does: of several threads the quickest would, and every run would give another model."""
    ladder, _ = climb(tmp_path, synthetic.scene(room.walk(14), points=1500, noise_px=0.3))
    poses = []
    for threads in (1, 4, 2, 4):
        (model,) = map_incrementally(replace(ladder.matching.given, threads=threads))
        images = sorted(model.images.values(), key=lambda image: image.name)
        poses.append(np.stack([image.cam_from_world().matrix() for image in images]))
    assert all(np.array_equal(poses[0], other) for other in poses[1:])


def test_blurred_frames_longer_than_the_overlap_need_a_wider_window(tmp_path: Path) -> None:
    given = synthetic.scene(room.walk(26), points=1500, noise_px=0.3, blank=range(10, 16))
    ladder, mapped = climb(tmp_path, given, retry_below=0.75)
    assert names(ladder) == ["first pairs", "wider window"]
    assert ladder.attempts[0].problems == ("10 of 26 frames posed",) and ladder.attempts[0].models == 2
    assert synthetic.posed(mapped.model) == [*range(10), *range(16, 26)]
    assert synthetic.center_errors(mapped.model, given).max() < 0.01


def test_photos_whose_likeness_misleads_need_all_pairs(tmp_path: Path) -> None:
    """Five photos each from four places: the three most similar ones are always of the same place."""
    rng, poses = np.random.default_rng(0), []
    for place in room.walk(4):
        for _ in range(5):
            poses.append(place.copy())
            poses[-1][:3, 3] += rng.uniform(-0.12, 0.12, 3)
    given = synthetic.scene(poses, points=1500, noise_px=0.3, kind="photos")
    ladder, mapped = climb(tmp_path, given)
    assert names(ladder) == ["first pairs", "wider window", "exhaustive pairs"]
    assert synthetic.posed(mapped.model) == list(range(20))
    assert synthetic.center_errors(mapped.model, given).max() < 0.005


def sparse() -> synthetic.Scene:
    """Some thirty features per picture: too few for any pair to begin with, enough for all together."""
    return synthetic.scene(room.walk(10), points=300, noise_px=0.3)


def test_where_no_pair_suffices_to_begin_all_are_mapped_at_once(tmp_path: Path) -> None:
    ladder, mapped = climb(tmp_path, sparse(), pairs="exhaustive")
    assert names(ladder) == ["first pairs", "global mapping"]
    assert ladder.attempts[0].registered < 9
    assert synthetic.posed(mapped.model) == list(range(10))
    assert synthetic.center_errors(mapped.model, sparse()).max() < 0.02


def test_a_named_mapper_and_named_pairs_are_kept_to(tmp_path: Path) -> None:
    """`wants_links` is false where pairs are named: no other pairs, no relaxed matches; nor another mapper than the named."""
    ladder, mapped = climb(tmp_path, sparse(), pairs="exhaustive", mapper="incremental")
    assert names(ladder) == ["first pairs"] and mapped.quality.problems
    assert not ladder.matching.wants_links
    assert not (tmp_path / "relaxed.db").exists()


def two_lights(n: int = 16, in_common: int = 40) -> tuple[synthetic.Scene, np.ndarray]:
    """A walk whose light changes in the middle: only some points look the same in both halves, too few to pose by."""
    given = synthetic.scene(room.walk(n), points=2000, noise_px=0.3)
    looks = np.tile(np.arange(2000), (n, 1))
    looks[n // 2 :] += 2000
    same = np.random.default_rng(0).permutation(np.unique(np.concatenate(given.seen)))[:in_common]
    looks[n // 2 :, same] -= 2000
    return given, looks


def test_halves_that_share_few_points_are_merged(tmp_path: Path) -> None:
    given, looks = two_lights()
    ladder, mapped = climb(tmp_path, given, looks, pairs="sequential", overlap=6, mapper="incremental")
    assert names(ladder) == ["first pairs", "merged models"]
    assert ladder.attempts[0].models == 2 and ladder.attempts[0].problems == ("8 of 16 frames posed",)
    assert synthetic.posed(mapped.model) == list(range(16)) and mapped.quality.parts == 1
    assert synthetic.center_errors(mapped.model, given).max() < 0.01


def test_a_film_cut_to_another_place_is_not_tried_further(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What wider pairs do not link to the one take is of another place, and the ladder ends there."""
    given, looks = two_lights(14, in_common=0)
    frames = tuple(replace(frame, take=int(i >= 7)) for i, frame in enumerate(given.frames.frames))
    cut = replace(given, frames=replace(given.frames, frames=frames))
    ladder, mapped = climb(tmp_path, cut, looks)
    assert names(ladder)[:2] == ["first pairs", "wider window"] and len(names(ladder)) <= 3
    assert synthetic.posed(mapped.model) in (list(range(7)), list(range(7, 14)))
    assert "the 2 takes that the film is cut into (7, 7 frames)" in capsys.readouterr().out


def test_halves_that_share_nothing_stay_apart(tmp_path: Path) -> None:
    given, looks = two_lights(14, in_common=0)
    ladder, mapped = climb(tmp_path, given, looks, pairs="sequential", overlap=4)
    assert "merged models" not in names(ladder)
    assert synthetic.posed(mapped.model) in (list(range(7)), list(range(7, 14)))
    assert mapped.quality.problems == ("7 of 14 frames posed",)


def test_strong_links_want_no_other_pairs(tmp_path: Path) -> None:
    strong = synthetic.scene(room.walk(6), points=1500)
    synthetic.write_database(tmp_path / "d.db", strong)
    ladder = ladder_of(tmp_path, strong.frames)
    with colmap_log(tmp_path / "colmap.log"):
        ladder.matching.prepare()
    assert not ladder.matching.wants_links
    matched = set(ladder.matching.matched)
    assert not ladder.matching.match_more(sorted(matched)) and ladder.matching.matched == matched


def test_all_frames_count_where_links_are_judged(tmp_path: Path) -> None:
    """Frames without a link want pairs when they are more than may stay without a pose."""
    given = synthetic.scene(room.walk(10), points=1500, blank=[3, 7])
    synthetic.write_database(tmp_path / "d.db", given)
    with colmap_log(tmp_path / "colmap.log"):
        ladder = ladder_of(tmp_path, given.frames)
        ladder.matching.prepare()
    assert ladder.matching.wants_links
    assert not ladder_of(tmp_path, given.frames, retry_below=0.8).matching.wants_links
