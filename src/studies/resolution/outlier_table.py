"""Why UpscaledAI is the paper's outlier: how much of its distance to Control is the attack's budget, how much ESRGAN,
how much the seed, and how much the place of the training noise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd

from src.experiments.conditions import Attack, Condition
from src.statistics.intervals import Interval
from src.statistics.paired import paired_difference, pairs
from src.statistics.seeds import paired_trainings_interval
from src.studies.resolution.config import (
    CONTROL,
    CONTROL_SMALL,
    FULL_SCALE,
    NOTEBOOK_EPSILONS,
    RELEASED,
    RELEASED_112,
    UPSCALED_AI,
    UPSCALED_AI_SMALL,
    Protocol,
    Variant,
)
from src.studies.resolution.evidence import on_most_images
from src.studies.resolution.plan import Job
from src.studies.resolution.rows import common_answers

OUTLIER = "outlier.csv"

COLUMNS = ("profile", "networks", "part", "difference", "low", "high", "share", "seeds", "images", "interval")

PAIRS = ((UPSCALED_AI, CONTROL), (UPSCALED_AI_SMALL, CONTROL_SMALL))

Evaluated = Sequence[tuple[Job, pd.DataFrame]]


def outlier_table(*evaluated: Evaluated) -> pd.DataFrame:
    """Parts of the gap in attacked CNN accuracy between each ESRGAN network and its control, for each profile.

    `gap, as released` is the control minus the ESRGAN network, each under the notebook's budget. Where those differ it
    is the sum of `budget` (the ESRGAN network at the control's budget minus itself at its own) and of `ESRGAN` at
    the control's budget. `training noise` is what the gap would lose if the noise were added at 112x112. `share` is of
    the gap as released, for its parts, and where the gap's interval does not hold zero. `seed` is the standard
    deviation of that gap over pairs of trainings from one seed. Intervals are over pairs of trainings and the images
    where there are two seeds or more, else Tango's over the images.

    Args:
        evaluated: the jobs of each profile with their records, one of each seed.
    """
    rows = chain.from_iterable(_parts(jobs, *pair) for jobs in evaluated for pair in PAIRS)
    return pd.DataFrame(list(rows), columns=list(COLUMNS))


@dataclass(frozen=True)
class Answers:
    """What trainings of one network answer under one budget.

    Attributes:
        name: of the network.
        epsilon: of FGSM, in [0, 1].
        by_seed: records of each training.
    """

    name: str
    epsilon: float
    by_seed: Mapping[int, pd.DataFrame]

    def __str__(self) -> str:
        return f"{self.name} at {self.epsilon * FULL_SCALE:g}/255"


def _parts(jobs: Evaluated, esrgan: Variant, control: Variant) -> Iterator[dict[str, str | float | int]]:
    own, controls = RELEASED.attack_epsilon(esrgan), RELEASED.attack_epsilon(control)
    gap = _answers(jobs, RELEASED, control, controls), _answers(jobs, RELEASED, esrgan, own)
    released = _difference(*gap)
    if released is None:
        return
    parts = [("gap, as released", gap)]
    if own != controls:
        parts.append(("budget", (_answers(jobs, RELEASED, esrgan, controls), gap[1])))
        parts.append(("ESRGAN", (gap[0], _answers(jobs, RELEASED, esrgan, controls))))
    noise_at_112 = _answers(jobs, RELEASED_112, esrgan, own)
    parts.append(("training noise at 112 minus at 56", (noise_at_112, gap[1])))
    whole = released[0]
    for name, (first, second) in parts:
        yield from _row(jobs, (esrgan, control), name, first, second, math.nan if 0.0 in whole else whole.estimate)
    for epsilon in NOTEBOOK_EPSILONS:
        if epsilon != controls:
            equal = _answers(jobs, RELEASED, control, epsilon), _answers(jobs, RELEASED, esrgan, epsilon)
            yield from _row(jobs, (esrgan, control), "gap, one budget", *equal, math.nan)
    seeds = sorted(set(gap[0].by_seed) & set(gap[1].by_seed))
    if len(seeds) > 1:
        answers = common_answers(*([one.by_seed[seed] for seed in seeds] for one in gap))
        spread = float(np.std(answers[0].mean(axis=1) - answers[1].mean(axis=1), ddof=1))
        share = math.nan if 0.0 in whole else spread / whole.estimate
        yield {
            **_which(jobs, (esrgan, control)), "part": "seed: standard deviation of the gap, as released",
            "difference": spread, "low": math.nan, "high": math.nan, "share": share, "seeds": len(seeds),
            "images": released[2], "interval": "none",
        }  # fmt: skip


def _row(
    jobs: Evaluated, networks: tuple[Variant, Variant], name: str, first: Answers, second: Answers, gap: float
) -> Iterator[dict[str, str | float | int]]:
    compared = _difference(first, second)
    if compared is None:
        return
    found, seeds, images = compared
    described = f"{first} minus at {second.epsilon * FULL_SCALE:g}/255" if first.name == second.name else (
        f"{first} minus {second}"
    )
    yield {
        **_which(jobs, networks),
        "part": f"{name}: {described}",
        "difference": found.estimate,
        "low": found.low,
        "high": found.high,
        "share": found.estimate / gap,
        "seeds": seeds,
        "images": images,
        "interval": "paired trainings and images" if seeds > 1 else "paired images",
    }


def _which(jobs: Evaluated, networks: tuple[Variant, Variant]) -> dict[str, str]:
    return {"profile": jobs[0][0].profile.name, "networks": " and ".join(network.name for network in networks)}


def _answers(jobs: Evaluated, protocol: Protocol, variant: Variant, epsilon: float) -> Answers:
    found = {}
    for job, records in jobs:
        if (job.protocol, job.variant) == (protocol, variant):
            rows = on_most_images(job, records, Condition(Attack(epsilon, protocol.attacked_output)))
            if rows is not None:
                found[job.trial.seed] = rows[0]
    name = variant.name + (f" ({protocol.name})" if protocol != RELEASED else "")
    return Answers(name, epsilon, found)


def _difference(first: Answers, second: Answers) -> tuple[Interval, int, int] | None:
    """First minus second on common seeds and images, with the numbers of both; None where there are none."""
    seeds = sorted(set(first.by_seed) & set(second.by_seed))
    if not seeds:
        return None
    of_first, of_second = common_answers(*([one.by_seed[seed] for seed in seeds] for one in (first, second)))
    if len(seeds) == 1:
        found = paired_difference(pairs(of_first[0], of_second[0]))
    else:
        found = paired_trainings_interval(of_first, of_second)
    return found, len(seeds), of_first.shape[1]
