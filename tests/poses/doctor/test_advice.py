"""The sentences: nothing but praise for a good capture, the right words and order for a bad one."""

import re
from dataclasses import replace

import numpy as np
import pytest

from recon.poses.doctor.advice import Advice, give_advice, span, time_code
from recon.poses.doctor.coverage import Coverage
from recon.poses.doctor.findings import Findings
from recon.poses.doctor.stretches import find_stretches
from tests.poses.doctor.findings import chain_matching, findings, frame_images, unlinked, walk_model, without_pose

N = 24


def advice(
    f: Findings, coverage: Coverage | None = None, failure: str | None = None, doubts: tuple[str, ...] = ()
) -> tuple[Advice, ...]:
    frames = frame_images(len(f.sharpness), is_video=f.is_video)
    return give_advice(f, find_stretches(f), frames, coverage=coverage, unit="m", failure=failure, doubts=doubts)


def test_a_good_capture_is_told_so_and_nothing_else() -> None:
    (only,) = advice(findings(walk_model(N)))
    assert only.severity == "good" and "all 24 frames" in only.text and "nothing to change" in only.text


def test_a_model_that_fits_badly_is_not_called_good() -> None:
    """A lens that zoomed leaves all frames posed, and all of them wrong."""
    (only,) = advice(findings(walk_model(N)), doubts=("points are 0.6 px off",))
    assert only.severity == "problem" and "points are 0.6 px off. Usual reasons: the lens zoomed" in only.text


@pytest.mark.parametrize(("is_video", "remedy"), [(True, "film without zooming"), (False, "keep the EXIF data")])
def test_a_lens_that_zoomed_is_named(is_video: bool, remedy: str) -> None:
    model = walk_model(N)
    zoomed = replace(model, focal_change=np.where(np.arange(N) < N // 2, -0.02, 0.001))
    (only,) = advice(findings(zoomed, is_video=is_video))
    assert only.severity == "problem" and "zoomed" in only.text and remedy in only.text
    lost = replace(model, focal_change=np.where(np.arange(N) == 5, 0.3, 0.0005))
    assert "zoomed" not in advice(findings(lost, is_video=is_video))[0].text, "one frame is no zoom"


def test_a_lost_stretch_is_named_by_frames_times_cause_and_remedy() -> None:
    f = findings(without_pose(walk_model(N), list(range(8, 13))), unlinked(chain_matching(N), range(8, 13)))
    f = replace(f, sharpness=np.where(np.isin(np.arange(N), range(8, 13)), 0.21, 0.5))
    first, *others = advice(f)
    assert first.severity == "problem" and not [a for a in others if a.severity == "good"]
    assert first.text == (
        "frames f008 to f012 (00:01.6 to 00:02.4): no pose: motion blur (sharpness 0.21, elsewhere 0.50); "
        "move slower there or film in more light."
    )


def test_frames_that_their_masks_hide_are_not_called_blurred() -> None:
    f = findings(without_pose(walk_model(N), [9]), unlinked(chain_matching(N), range(9, 10)))
    is_it = np.arange(N) == 9
    f = replace(f, sharpness=np.where(is_it, 0.2, 0.5), shown=np.where(is_it, 0.0, 0.8))
    told = next(a.text for a in advice(f) if "f009" in a.text)
    assert "the mask lets 0% of the picture count (elsewhere 80%); mend the mask" in told and "blur" not in told


def test_one_lost_frame_of_many_is_a_hint() -> None:
    first, second = advice(findings(without_pose(walk_model(N), [11])))
    assert first.severity == "good" and "23 of 24" in first.text
    assert second.severity == "hint" and second.text.startswith("frame f011 (00:02.2)")


def test_lost_frames_come_before_weak_ones_and_long_runs_before_short() -> None:
    model = without_pose(walk_model(40), [5, 6, 20, 21, 22])
    occupancy = model.occupancy.copy()
    occupancy[30:36] = 0.02
    texts = [a.text for a in advice(findings(replace(model, occupancy=occupancy))) if a.severity == "problem"]
    assert [re.match(r"frames f(\d+)", text)[1] for text in texts] == ["020", "005", "030"]  # type: ignore[index]


def test_a_failure_comes_first_and_whole_capture_hints_are_kept_back() -> None:
    f = findings(without_pose(walk_model(N), list(range(N))), unlinked(chain_matching(N), range(6)))
    first, second, *rest = advice(f, failure="the camera does not move")
    assert first == Advice("problem", "the camera does not move")
    assert "f000 to f005" in second.text and "no link" in second.text
    assert not any("loop" in a.text or "good" in a.severity for a in rest)


def test_a_failure_of_nearly_everything_is_not_explained_twice() -> None:
    f = findings(without_pose(walk_model(N), list(range(16))), unlinked(chain_matching(N), range(16)))
    assert advice(f, failure="too little light") == (Advice("problem", "too little light"),)


def test_photos_with_one_cause_share_a_sentence() -> None:
    f = findings(without_pose(walk_model(N), [3, 9, 12, 15, 20]), is_video=False)
    problems = [a.text for a in advice(f) if a.severity == "problem"]
    assert len(problems) == 1 and problems[0].startswith("photos f003, f009, f012, f015 and 1 more: no pose")


def test_an_open_chain_is_a_hint_and_a_closed_loop_is_not() -> None:
    long_walk = findings(walk_model(60))
    good, hint = advice(long_walk)
    assert good.text.startswith("good") and "no loop closed" in hint.text and hint.severity == "hint"
    closed = replace(long_walk, links=replace(long_walk.links, returns=((0, 57), (0, 58), (1, 59))))
    assert [a.severity for a in advice(closed)] == ["good"]


def test_exposure_parallax_and_error_are_hints() -> None:
    f = findings(walk_model(N))
    steps = f.brightness.steps.copy()
    steps[7] = -0.9
    model = replace(f.model, angles_deg=np.full_like(f.model.angles_deg, 3.0), error_px=np.full(N, 3.3))
    good, parallax, error, jump = advice(replace(f, model=model, brightness=replace(f.brightness, steps=steps)))
    assert good.severity == "good" and {a.severity for a in (parallax, error, jump)} == {"hint"}
    assert "3.0 degrees" in parallax.text and "3.3 px" in error.text and "f007 (00:01.4)" in jump.text


def test_a_side_seen_from_one_direction_is_named_where_it_is() -> None:
    angles = np.full((10, 12), 12.0)
    angles[:, 8:] = 2.0
    coverage = Coverage(
        low=(-1.0, 0.0), cell=0.5, points=np.full((10, 12), 9), views=np.full((10, 12), 4.0), angles_deg=angles
    )
    _, hint = advice(findings(walk_model(N)), coverage)
    assert hint.text.startswith("the right side of the map (x > 3 m) was seen from one direction only")


@pytest.mark.parametrize(
    ("seconds", "code"), [(0.0, "00:00.0"), (59.96, "01:00.0"), (68.25, "01:08.2"), (3599.9, "59:59.9")]
)
def test_time_codes(seconds: float, code: str) -> None:
    assert time_code(seconds) == code


def test_spans() -> None:
    video, photos = frame_images(9), frame_images(9, is_video=False)
    assert span(video, 2, 2) == "frame f002 (00:00.4)"
    assert span(photos, 2, 4) == "photos f002 to f004" and span(photos, 2, 2) == "photo f002"
