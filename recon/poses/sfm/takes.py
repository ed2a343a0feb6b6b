"""Films that are cut: which takes a model is of, and when trying further is in vain."""

from dataclasses import dataclass

from recon.formats.frame_set import FrameSet
from recon.poses.sfm.colmap_model import Model

_WHOLE, _ABSENT = 0.9, 0.1  # shares of the frames of a take that are posed


@dataclass(frozen=True)
class Takes:
    """How much of each take of a film a model has posed."""

    shares: tuple[float, ...]  # [takes] of the frames of each, in order
    counts: tuple[int, ...]  # [takes] frames of each

    @property
    def are_of_other_places(self) -> bool:
        """Whether every take is posed as a whole or not at all, and both occur: what is left out shows another place."""
        whole = [share >= _WHOLE for share in self.shares]
        absent = [share <= _ABSENT for share in self.shares]
        return any(whole) and any(absent) and all(a or b for a, b in zip(whole, absent, strict=True))

    def __str__(self) -> str:
        kept = ", ".join(str(i + 1) for i, share in enumerate(self.shares) if share >= _WHOLE)
        return f"{kept} of the {len(self.shares)} takes that the film is cut into ({', '.join(map(str, self.counts))} frames)"


def takes_of(model: Model, frames: FrameSet) -> Takes:
    """The takes of `frames`, and how much of each `model` has posed."""
    posed = {model.image(i).name for i in model.reg_image_ids()}
    by_take: dict[int, list[bool]] = {}
    for frame in frames.frames:
        by_take.setdefault(frame.take, []).append(frame.image in posed)
    parts = [by_take[take] for take in sorted(by_take)]
    return Takes(tuple(sum(part) / len(part) for part in parts), tuple(map(len, parts)))
