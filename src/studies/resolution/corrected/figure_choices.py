"""Which networks and which of their certificates a figure of protocol `corrected` shows, and how its title says so."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

from src.studies.resolution.corrected.comparison_tables import common
from src.studies.resolution.corrected.figure_parts import schedule_text, several, variants_of
from src.studies.resolution.corrected.measurements import Log, Measured


def gaussian(measured: Iterable[Measured]) -> list[Measured]:
    """Those trained on noisy images with plain cross-entropy."""
    return [one for one in measured if one.trial.recipe == "gaussian"]


def longest_trained(measured: Iterable[Measured]) -> list[Measured]:
    """Of each variant, those trained on most images in total."""
    found = list(measured)
    most: dict[str, int] = {}
    for one in found:
        most[one.trial.variant] = max(most.get(one.trial.variant, 0), one.effort)
    return [one for one in found if one.effort == most[one.trial.variant]]


def one_of_each(measured: Iterable[Measured]) -> list[Measured]:
    """Of networks that differ in nothing but seed and precision, one.

    That of the seed and precision with most certificates among all that are given; of equally many, the first seed, and
    float32 before bfloat16.
    """
    found = list(measured)
    certificates: Counter[tuple[int, str]] = Counter()
    for one in found:
        certificates[one.trial.seed, one.trial.precision] += sum(len(log.rows) for log in one.logs)

    def rank(one: Measured) -> tuple[int, int, bool]:
        trial = one.trial
        return -certificates[trial.seed, trial.precision], trial.seed, trial.precision != "float32"

    chosen: dict[str, Measured] = {}
    for one in sorted(found, key=rank):
        chosen.setdefault(json.dumps([one.trial.variant, one.trial.recipe, one.trial.training], sort_keys=True), one)
    keys = {one.trial.key for one in chosen.values()}
    return [one for one in found if one.trial.key in keys]


def entitled(title: str, measured: Iterable[Measured]) -> str:
    """A figure's title with what is not as usual: another precision than float32, another seed than 0."""
    found = list(measured)
    precisions, seeds = ({getattr(one.trial, name) for one in found} for name in ("precision", "seed"))
    notes = [] if precisions == {"float32"} else [" and ".join(sorted(precisions))]
    notes += [] if seeds == {0} else [f"seed {several(seeds)}"]
    return f"{title} ({', '.join(notes)})" if notes else title


def same_draws(measured: Iterable[Measured]) -> list[tuple[Measured, Log]]:
    """One log of each trial, all with the n that most trials have (of several, on most images in common)."""
    by_draws: dict[int, list[tuple[Measured, Log]]] = {}
    for one in measured:
        for log in one.logs:
            if log.is_fixed:
                by_draws.setdefault(log.draws, []).append((one, log))
    return max(by_draws.values(), key=lambda logs: (len(logs), len(common(*(log for _, log in logs)))), default=[])


def alike_logs(measured: Iterable[Measured]) -> list[tuple[Measured, Log]]:
    """One log of each trial, with the largest n that all have; if they have none in common, each with its largest."""
    fixed = [(one, {log.draws: log for log in one.logs if log.is_fixed}) for one in measured]
    fixed = [(one, logs) for one, logs in fixed if logs]
    shared = set.intersection(*(set(logs) for _, logs in fixed)) if fixed else set()
    return [(one, logs[max(shared or logs)]) for one, logs in fixed]


def schedules(measured: Iterable[Measured]) -> list[list[Measured]]:
    """Those trained equally long together: first the schedule of most variants (of equally many, the longest)."""
    together: dict[str, list[Measured]] = {}
    for one in measured:
        together.setdefault(schedule_text(one), []).append(one)
    return sorted(together.values(), key=lambda group: (-len(variants_of(group)), -group[0].effort))
