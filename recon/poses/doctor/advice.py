"""Findings as sentences a person can act on, the most important first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np

from recon.formats.frame_set import FrameImage
from recon.poses.doctor.coverage import Coverage, one_sided
from recon.poses.doctor.findings import Findings
from recon.poses.doctor.stretches import Stretch

Severity = Literal["problem", "hint", "good"]

_LOOSE_DEG = 4.0  # median angle between rays: twice what the stage refuses, half of what is usual
_COARSE_PX = 2.0  # median reprojection error; 0.3 to 1 is usual
_ZOOM = 0.003  # mean difference of own focal lengths from the one frames share; 0.0001 to 0.0008 is usual, 0.007 a zoom to 1.5
_JUMP_STOPS = 0.4  # seen as a step in the colours of whatever is made of the frames
_LONG_CHAIN = 6  # links from the first to the last frame, from which on small errors add up to a bend
_FEW_FRAMES = 10
_DOUBT = (
    "Usual reasons: the lens zoomed, the picture was stabilised or cropped while filming, or much of the scene moved"
)
_NAMED = 4  # photos or moments named in a sentence


@dataclass(frozen=True)
class Advice:
    """`problem`: film it again. `hint`: it would be still better. `good`: as it should be."""

    severity: Severity
    text: str


@dataclass(frozen=True)
class _Cause:
    words: str  # filled with `usual` and `found`
    remedy: str


_CAUSES = {
    "cut": _Cause(
        "the film is cut before them, and nothing that they show was seen in the other takes",
        "give one take as a film of its own, or film both places in one go",
    ),
    "hidden": _Cause(
        "the mask lets {found:.0%} of the picture count (elsewhere {usual:.0%})",
        "mend the mask, or leave the picture out",
    ),
    "blur": _Cause("motion blur (sharpness {found:.2f}, elsewhere {usual:.2f})", "move slower there or film in more light"),
    "dark": _Cause("too dark (grey level {found:.0f} of 255, elsewhere {usual:.0f})", "film in more light"),
    "exposure": _Cause("the exposure jumps by {found:.1f} stops", "lock the exposure while filming"),
    "texture": _Cause(
        "little texture ({found:.0f} features per frame, elsewhere {usual:.0f})",
        "step back from bare surfaces and keep objects in view",
    ),
    "turn": _Cause(
        "fast turn ({found:.0f} degrees between frames, usually {usual:.0f})",
        "turn more slowly, walking in an arc rather than on the spot",
    ),
    "fast": _Cause("the picture moves by {found:.0%} of its diagonal between frames", "move slower there"),
    "moving": _Cause(
        "many matches, but only {found:.0%} of them agree (elsewhere {usual:.0%}): things move, mirror or repeat there",
        "film when nobody is there, or keep them small in the picture",
    ),
    "overlap": _Cause(
        "little overlap: no more than {found:.0f} matches with the frames around (usual: {usual:.0f})",
        "film from one place to the next without a break and more slowly",
    ),
    "unexplained": _Cause(
        "they match other frames, but no place of the camera explains how",
        "film that part again from other places",
    ),
}  # fmt: skip

_EFFECTS = {
    "no pose": "no pose",
    "no link": "no link to the other frames",
    "few points": "held by few points",
    "thin": "a thin place that holds both sides together",
}
_HARMLESS = {"no pose": 1, "no link": 1, "few points": 2, "thin": 0}  # frames up to which a stretch is only a hint


def give_advice(findings: Findings, stretches: Sequence[Stretch], frames: Sequence[FrameImage], *,
                coverage: Coverage | None, unit: str, failure: str | None,
                doubts: Sequence[str] = ()) -> tuple[Advice, ...]:  # fmt: skip
    """The sentences: why the stage failed, weak stretches, why its model may be wrong, then what concerns the whole capture.

    `findings` and `stretches` are what was found in the `frames`; `coverage` of the scene, None where nothing was mapped; `unit` is
    what lengths are called; `failure` the error that ended the stage, None where it succeeded; `doubts` are of its model.
    """
    if failure is not None:  # of a stretch that is most of the capture the failure has said all there is to say
        stretches = [stretch for stretch in stretches if len(stretch.frames) <= len(frames) / 2]
        return (Advice("problem", failure), *_stretches(findings, stretches, frames))
    about_stretches = _stretches(findings, stretches, frames)
    problems = [advice for advice in about_stretches if advice.severity == "problem"]
    if doubts:  # after the stretches: they say where, and often why
        problems.append(Advice("problem", f"the poses may be wrong: {'; '.join(doubts)}. {_DOUBT}."))
    if findings.model.focal_spread > _ZOOM:
        problems.insert(0, Advice("problem", _zoomed(findings)))
    hints = [advice for advice in about_stretches if advice.severity == "hint"]
    hints += [Advice("hint", text) for text in _whole(findings, frames, coverage, unit)]
    good = [] if problems else [Advice("good", _all_good(findings, anything_else=bool(hints)))]
    return (*good, *problems, *hints)


def time_code(seconds: float) -> str:
    """Minutes and seconds as a player shows them.

    >>> time_code(68.25)
    '01:08.2'
    """
    tenths = round(seconds * 10)
    return f"{tenths // 600:02d}:{tenths % 600 / 10:04.1f}"


def span(frames: Sequence[FrameImage], first: int, last: int) -> str:
    """Frames by name, with the time code where there is one: "frames a to b (00:08.0 to 00:10.7)"."""
    (a, start), (b, end) = ((frames[i].name.removeprefix("frame_"), frames[i].time_s) for i in (first, last))
    if start is None or end is None:
        return f"photo {a}" if first == last else f"photos {a} to {b}"
    if first == last:
        return f"frame {a} ({time_code(start)})"
    return f"frames {a} to {b} ({time_code(start)} to {time_code(end)})"


def sentence(stretch: Stretch, subject: str) -> str:
    """One stretch, or several photos with one cause, in words."""
    cause = _CAUSES[stretch.cause]
    return f"{subject}: {_EFFECTS[stretch.effect]}: {cause.words.format(usual=stretch.usual, found=stretch.found)}; {cause.remedy}."


# ---- stretches -----------------------------------------------------------------------------------------------------


def _stretches(findings: Findings, stretches: Sequence[Stretch], frames: Sequence[FrameImage]) -> list[Advice]:
    order = list(_EFFECTS)
    if findings.is_video:
        ranked = sorted(stretches, key=lambda s: (order.index(s.effect), -len(s.frames), s.first))
        return [Advice(_severity(s, len(s.frames)), sentence(s, span(frames, s.first, s.last))) for s in ranked]
    return [
        Advice(_severity(group[0], len(group)), sentence(group[0], _photos([frames[s.first].name for s in group])))
        for group in _by_cause(stretches, order)
    ]


def _severity(stretch: Stretch, n_frames: int) -> Severity:
    return "hint" if n_frames <= _HARMLESS[stretch.effect] else "problem"


def _by_cause(stretches: Sequence[Stretch], order: Sequence[str]) -> Iterator[list[Stretch]]:
    """Photos with one effect and cause together: which photo stands beside which means nothing."""

    def key(stretch: Stretch) -> tuple[int, str]:
        return order.index(stretch.effect), stretch.cause

    for _, group in groupby(sorted(stretches, key=key), key):
        yield list(group)


def _photos(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"photo{'s' * (len(names) > 1)} {', '.join(names[:_NAMED])}{more}"


# ---- the whole capture ---------------------------------------------------------------------------------------------


def _whole(findings: Findings, frames: Sequence[FrameImage], coverage: Coverage | None, unit: str) -> Iterator[str]:
    model, links = findings.model, findings.links
    angle, error = float(np.median(model.angles_deg)), float(np.nanmedian(model.error_px))
    if len(frames) < _FEW_FRAMES:
        yield (
            f"only {len(frames)} pictures: what few of them show keeps no sure depth, and a held-out picture is missed. 20 or more "
            "from different places are better."
        )
    if angle < _LOOSE_DEG:
        yield (
            f"little parallax (rays to a point meet at {angle:.1f} degrees in the median; 8 and more is usual), so depth "
            "is unsure: move more sideways while filming, rather than straight ahead or on the spot."
        )
    if error > _COARSE_PX:
        yield (
            f"the poses fit the pictures to {error:.1f} px only (below 1 is usual): switch off picture stabilisation, "
            "lock the focus, do not zoom, and hold the camera steady."
        )
    jumps = np.flatnonzero(np.abs(np.nan_to_num(findings.brightness.steps)) > _JUMP_STOPS).tolist()
    if findings.is_video and jumps:
        where = ", ".join(span(frames, i, i) for i in jumps[:_NAMED]) + ", ..." * (len(jumps) > _NAMED)
        yield f"the exposure jumps at {where}: lock the exposure while filming, or colours will not agree."
    for side in one_sided(coverage) if coverage is not None else ():
        sign = ">" if side.is_above else "<"
        yield (
            f"the {side.name} side of the map ({'xy'[side.axis]} {sign} {side.limit:.2g} {unit}) was seen from one "
            f"direction only (rays meet at {side.angle_deg:.1f} degrees): film it from a second place too."
        )
    if findings.is_video and links.hops >= _LONG_CHAIN and not links.is_closed:
        yield (
            f"no loop closed: the last frame hangs on the first by a chain of {links.hops} links, along which small "
            "errors add up: where the way allows it, film the start again at the end."
        )


def _zoomed(findings: Findings) -> str:
    spread, subject = findings.model.focal_spread, "frame" if findings.is_video else "photo"
    remedy = (
        "film without zooming, with the focus locked"
        if findings.is_video
        else "leave the zoom alone, or keep the EXIF data, which tells photos of one setting apart"
    )
    return (
        f"the lens zoomed: the focal length that each {subject} asks for is {spread:.1%} from the one they share in the mean "
        f"(below 0.2% is usual), so that shapes and distances are bent: {remedy}."
    )


def _all_good(findings: Findings, *, anything_else: bool) -> str:
    registered, total = int(findings.model.is_registered.sum()), len(findings.model.is_registered)
    frames = f"all {total} frames have a pose" if registered == total else f"{registered} of {total} frames have a pose"
    if anything_else:
        return f"good: {frames} and hang together well. Next time, still better:"
    return f"all good: {frames} and hang together well; nothing to change."
