"""The part of the report on the simulator world: does it pass its trials, what is it made of, in which unit."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from recon.show.report.page import flat, table
from recon.workspace import Workspace, read_metrics

_PASS = "pass"
_SKIPPED = ("not installed", "not usable here")


def world(workspace: Workspace) -> str | None:
    """The verdict in a sentence, each trial's result, and all numbers behind a fold."""
    metrics = read_metrics(workspace)
    values = metrics.get("world")
    if not values:
        return None
    trials = {**(values.get("loads") or {}), **(values.get("engines") or {})}
    rows = [[", ".join(names), result] for result, names in _together(trials)]
    sentences = "".join(f"<li class={kind}>{escape(text)}</li>" for kind, text in _sentences(values, metrics))
    numbers = table([row for row in flat(values) if not row[0].startswith(("loads.", "engines."))])
    return (
        f"<ul class=advice>{sentences}</ul><div class=card>{table(rows, ['trial', 'result'])}</div>"
        f"<details><summary>all numbers of the trials</summary>{numbers}</details>"
    )


def is_scale_known(metrics: Mapping[str, Any]) -> bool:
    """Whether the lengths of a run are metres; True where that is not told."""
    poses = metrics.get("poses") or {}
    return "scale" not in poses or poses["scale"] is not None


def _sentences(values: Mapping[str, Any], metrics: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(class, sentence), the most important first."""
    results = {name: str(result) for name, result in (values.get("engines") or {}).items()}
    failed = [f"{', '.join(names)}: {result}" for result, names in _together(results) if not _is_fine(result)]
    passed = [name for name, result in results.items() if result == _PASS]
    if failed:
        yield "problem", f"it does not pass its trials: {'; '.join(failed)}."
    elif passed:
        yield "good", f"it passes every trial that was run: {', '.join(passed)}."
    else:
        yield "hint", "it was not tried in any simulator (export.verify=true tries it in those that are installed)."
    drop = values.get("drop") or {}
    if drop.get("dropped"):
        bad = sum(int(drop.get(key) or 0) for key in ("through", "lost", "flung", "falling"))
        yield ("problem" if bad else "good"), f"{bad} of {int(drop['dropped'])} dropped spheres went wrong."
    if not is_scale_known(metrics):
        yield (
            "hint",
            "the scale is unknown: lengths here are as if the scene's diagonal measured export.assumed_diagonal_m.",
        )
    filled = values.get("filled_area_m2")
    if isinstance(filled, (int, float)) and filled > 0:
        yield "hint", f"{filled:.1f} square metres of it are closed where no picture shows a surface."


def _together(results: Mapping[str, Any]) -> list[tuple[Any, list[str]]]:
    """Results with the names of their trials, in order; what many say in the same words is said once, but for a pass."""
    found: list[tuple[Any, list[str]]] = []
    for name, result in results.items():
        same = [names for other, names in found if other == result and isinstance(result, str) and result != _PASS]
        if same:
            same[0].append(name)
        else:
            found.append((result, [name]))
    return found


def _is_fine(result: str) -> bool:
    return result == _PASS or result.startswith(_SKIPPED)
