"""How long to train for a quality that a person names, whatever the machine: steps that follow the scene and its pictures."""

from recon.train.schedule import Budget
from recon.train.settings import TrainSettings
from recon.workspace.console import say

SHARES = {"draft": 0.25, "standard": 1.0, "high": 4.0}
LEAST, MOST = 300, 60_000
JUDGED_AFTER = (2.0, 12.0)  # seconds of training between which the machine is timed: the first steps are no measure


def steps_of(quality: str, *, n_pixels: int, n_cascades: int) -> int:
    """Steps for pictures of `n_pixels` together, in a scene of `n_cascades` of the occupancy grid.

    "standard": 2,500 steps for ten million pixels of an object that fills the grid, growing with the root of the pixels (their
    neighbours say much the same) and by a fifth with each doubling of the scene around it. The sample (25 million pixels, 2
    cascades) comes to the 4,700 that the README's numbers are of.
    """
    standard = 2500 * (n_pixels / 1e7) ** 0.5 * (1 + 0.2 * (n_cascades - 1))
    return round(min(max(SHARES[quality] * standard, LEAST), MOST))


def budget_of(settings: TrainSettings, *, n_pixels: int, n_cascades: int) -> Budget:
    """The steps that are set, else those of the quality; in no more than the seconds that are set."""
    steps = settings.max_steps
    if steps is None and settings.quality is not None:
        steps = steps_of(settings.quality, n_pixels=n_pixels, n_cascades=n_cascades)
    return Budget(steps, settings.max_seconds)


class Forecast:
    """Tells once, after the first seconds, how long the training takes on this machine."""

    def __init__(self, budget: Budget, *, seconds: float) -> None:
        """`seconds`: of training before this run."""
        self.budget = budget
        self._begins, self._ends = (seconds + after for after in JUDGED_AFTER)
        self._first: tuple[int, float] | None = None  # step and seconds where timing began
        self._is_told = False

    def look(self, step: int, seconds: float) -> None:
        """After each step: `step` of the training, and its `seconds` so far."""
        if self._is_told or self.budget.max_steps is None or seconds < self._begins:
            return
        if self._first is None:
            self._first = step, seconds
        elif seconds >= self._ends and step > self._first[0]:
            pace = (seconds - self._first[1]) / (step - self._first[0])
            say(f"train: {told(seconds + (self.budget.max_steps - step) * pace, self.budget.max_seconds)}")
            self._is_told = True


def told(seconds: float, limit: float | None) -> str:
    """The forecast in words.

    >>> told(350, None)
    'about 6 minutes on this machine; train.max_seconds limits it'
    >>> told(350, 100)
    'all steps would take about 6 minutes on this machine; train.max_seconds ends it after 100 s'
    """
    minutes = seconds / 60
    rounded = "a minute" if minutes < 1.5 else f"{minutes:.0f} minutes"
    if limit is not None and seconds > limit:
        return f"all steps would take about {rounded} on this machine; train.max_seconds ends it after {limit:g} s"
    return f"about {rounded} on this machine; train.max_seconds limits it"
