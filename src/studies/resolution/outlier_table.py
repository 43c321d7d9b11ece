"""Why UpscaledAI is the paper's outlier: how much of its distance to Control is the attack's budget, how much ESRGAN,
how much the seed, and how much the place of the training noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
import pandas as pd

from src.conditions import Condition
from src.metrics import Interval, welch_interval
from src.paired import paired_difference, pairs
from src.studies.resolution.config import (
    CONTROL,
    CONTROL_SMALL,
    FULL_SCALE,
    RELEASED,
    RELEASED_112,
    UPSCALED_AI,
    UPSCALED_AI_SMALL,
    Protocol,
    Variant,
)
from src.studies.resolution.evidence import on_most_images
from src.studies.resolution.plan import Job
from src.studies.resolution.rows import right

OUTLIER = "outlier.csv"

COLUMNS = ("profile", "networks", "part", "difference", "low", "high", "share", "seeds", "images", "interval")

PAIRS = ((UPSCALED_AI, CONTROL), (UPSCALED_AI_SMALL, CONTROL_SMALL))

Evaluated = Sequence[tuple[Job, pd.DataFrame]]


def outlier_table(*evaluated: Evaluated) -> pd.DataFrame:
    """Parts of the gap in attacked CNN accuracy between the ESRGAN network and its control, for each profile.

    `gap, as released` is the control at 2/255 minus the ESRGAN network at 10/255; it is the sum of `budget` (the ESRGAN
    network at 2/255 minus itself at 10/255) and `ESRGAN, both at 2/255`. `share` is of the gap. `seed` is the standard
    deviation of the ESRGAN network's accuracy at 10/255 over trainings. Intervals are Welch's over trainings where
    there are two or more of each, else the paired score interval over images.

    Args:
        evaluated: the jobs of each profile with their records.
    """
    rows = chain.from_iterable(_parts(jobs, pair) for jobs in evaluated for pair in PAIRS)
    return pd.DataFrame(list(rows), columns=list(COLUMNS))


def _parts(jobs: Evaluated, networks: tuple[Variant, Variant]) -> Iterator[dict[str, str | float | int]]:
    esrgan, control = networks
    low, high = 0, 1

    def answers(protocol: Protocol, variant: Variant, budget: int) -> list[np.ndarray]:
        found = []
        for job, records in jobs:
            if (job.protocol, job.variant) == (protocol, variant):
                rows = on_most_images(job, records, Condition(job.budget_conditions[budget].attack))
                found += [] if rows is None else [right(rows[0])]
        return found

    at_low, at_high = (answers(RELEASED, esrgan, budget) for budget in (low, high))
    control_low, control_high = (answers(RELEASED, control, budget) for budget in (low, high))
    before = answers(RELEASED_112, esrgan, high)
    if not at_low or not control_low:
        return
    budgets = [f"{one.attack.epsilon * FULL_SCALE:g}/255" for one in jobs[0][0].budget_conditions if one.attack]
    gap = _difference(control_low, at_high)
    compared = {
        f"gap, as released: {control.name} at {budgets[low]} minus {esrgan.name} at {budgets[high]}": gap,
        f"budget: {esrgan.name} at {budgets[low]} minus at {budgets[high]}": _difference(at_low, at_high),
        f"ESRGAN, both at {budgets[low]}": _difference(control_low, at_low),
        f"ESRGAN, both at {budgets[high]}": _difference(control_high, at_high),
        f"noise at 56 minus at 112, {budgets[high]}": _difference(at_high, before) if before else None,
    }
    shared = {"profile": jobs[0][0].profile.name, "networks": f"{esrgan.name} and {control.name}"}
    counts = {"seeds": min(len(at_low), len(control_low)), "images": len(at_low[0])}
    kind = "Welch over trainings" if counts["seeds"] > 1 else "paired over images"
    for part, found in compared.items():
        if found is not None:
            share = found.estimate / gap.estimate if gap.estimate else np.nan
            yield {**shared, "part": part, **_columns(found), "share": share, **counts, "interval": kind}
    if counts["seeds"] > 1:
        spread = float(np.std([one.mean() for one in at_high], ddof=1))
        part = f"seed: standard deviation of {esrgan.name} at {budgets[high]}"
        yield {**shared, "part": part, "difference": spread, "share": spread / gap.estimate, **counts}


def _difference(first: list[np.ndarray], second: list[np.ndarray]) -> Interval:
    if min(len(first), len(second)) < 2:
        return paired_difference(pairs(first[0], second[0]))
    return welch_interval([float(one.mean()) for one in first], [float(one.mean()) for one in second])


def _columns(found: Interval) -> dict[str, float]:
    return {"difference": found.estimate, "low": found.low, "high": found.high}
