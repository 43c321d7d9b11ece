"""The 36 cells of the paper's two tables as claims."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from src.claims.claim import Claim, Comparison, Outcome, simultaneous_confidence
from src.statistics.intervals import (
    CONFIDENCE,
    Interval,
    bootstrap_against_published,
    certified_accuracy,
    newcombe_interval,
)
from src.studies.resolution.config import PAPER_PROTOCOLS, VARIANTS, Variant
from src.studies.resolution.evidence import Evidence, on_most_images
from src.studies.resolution.plan import Job
from src.studies.resolution.published_tables import PAPER_TEST_IMAGES, reported
from src.studies.resolution.rows import right

CELLS = 36
"""Their intervals hold together with 95%."""

TOLERANCE = {"accuracy": 0.02, "loss": 0.05}
"""How far from the published number a measured one may surely be, to count as the same.

The paper's 1,000 images alone leave an accuracy of 0.96 uncertain by 0.01 either way.
"""

SHOWN_SIGMA = 0.25
"""Of the networks of protocol `corrected` that stand beside: neither reading of the paper has their sigma."""


def cell_claims() -> list[Claim[Evidence]]:
    """A claim for each published number, in the order of the paper."""
    return [_claim(cell) for _, cell in reported().iterrows()]


def _claim(cell: pd.Series) -> Claim[Evidence]:
    attacked, (classifier, quantity) = cell["table"] == "adversarial", cell["metric"].split("_")
    number = "Table 2, under FGSM" if attacked else "Table 1, clean images"
    name = {"cnn": "CNN", "rs": "smoothed classifier"}[classifier]
    return Claim(
        name=f"{cell['table']}/{cell['variant']}/{cell['metric']}",
        source=f"{number}: {cell['variant']}",
        statement=f"{quantity} of the {name}: {cell['paper']:g}",
        wording="number",
        reported=f"{cell['paper']:g}",
        author_notebook=f"{cell['author_notebook']:.4g}",
        tolerance=f"measured minus reported: within {TOLERANCE[quantity]:g} (90% interval), and not beyond zero by the "
        f"interval simultaneous over the {CELLS} cells "
        + ("(Newcombe, Bonferroni)" if quantity == "accuracy" else "(bootstrap, Bonferroni)"),
        query=partial(cell_comparisons, variant=str(cell["variant"]), metric=str(cell["metric"]), attacked=attacked),
        decided_by=tuple(protocol.name for protocol in PAPER_PROTOCOLS),
        note=str(cell["note"]),
    )


def cell_comparisons(evidence: Evidence, variant: str, metric: str, attacked: bool) -> Iterator[Comparison]:
    """Measured minus reported for one cell, of the first seed, on the largest test set that is complete."""
    network = next(one for one in VARIANTS if one.name == variant)
    cell = reported().set_index(["table", "variant", "metric"])
    paper = float(cell.loc[("adversarial" if attacked else "accuracy", variant, metric), "paper"])
    classifier, quantity = metric.split("_")
    for protocol in PAPER_PROTOCOLS:
        for job, records in evidence.of(protocol, network):
            found = _records(job, records, classifier, attacked)
            if found is not None:
                confidence, level = simultaneous_confidence(CELLS), job.protocol.attack_epsilon(network)
                value = _difference(found, quantity, paper, confidence)
                narrow = _difference(found, quantity, paper, 2 * CONFIDENCE - 1)
                yield Comparison(
                    protocol=protocol.name,
                    subject=job.label + (f", epsilon {level * 255:g}/255" if attacked else ""),
                    quantity=f"{quantity}, measured minus reported",
                    value=value,
                    outcome=agreement(narrow, value, TOLERANCE[quantity]),
                    seeds=1,
                    images=len(found),
                    confidence=confidence,
                    narrow=narrow,
                    measured=_measured(found, quantity),
                )
    if metric == "rs_accuracy" and not attacked:
        yield from _beside(evidence, network)


def _records(job: Job, records: pd.DataFrame, classifier: str, attacked: bool) -> pd.DataFrame | None:
    condition = next(
        one
        for one in job.paper_conditions
        if (one.attack is not None) == attacked and (one.smoothing is not None) == (classifier == "rs")
    )
    found = on_most_images(job, records, condition)
    return None if found is None else found[0]


def agreement(narrow: Interval, simultaneous: Interval, tolerance: float) -> Outcome:
    """The claim that a difference from a published number is chance, and that few images are not all there is to it.

    Args:
        narrow: the interval at 90%, of two one-sided tests at 5%; within the tolerance, the numbers are the same.
        simultaneous: over all cells; without zero, they are not.
        tolerance: the largest difference.
    """
    if 0.0 not in simultaneous:
        return Outcome.FAILS
    return Outcome.HOLDS if max(-narrow.low, narrow.high) < tolerance else Outcome.INCONCLUSIVE


def _difference(records: pd.DataFrame, quantity: str, paper: float, confidence: float) -> Interval:
    if quantity == "loss":
        losses = records["loss"].to_numpy()
        return bootstrap_against_published(losses, paper, PAPER_TEST_IMAGES, seed=0, confidence=confidence)
    published = round(paper * PAPER_TEST_IMAGES)
    return newcombe_interval(int(right(records).sum()), len(records), published, PAPER_TEST_IMAGES, confidence)


def _measured(records: pd.DataFrame, quantity: str) -> float:
    return float(np.mean(right(records) if quantity == "accuracy" else records["loss"].to_numpy()))


def _beside(evidence: Evidence, variant: Variant) -> Iterator[Comparison]:
    """The accuracy of the classifier that is smoothed as its authors do, longest training first."""
    for one in evidence.corrected:
        if (one.trial.variant, one.trial.recipe, one.sigma) == (variant.name, "gaussian", SHOWN_SIGMA) and one.logs:
            log = one.logs[0]
            yield Comparison(
                protocol=one.trial.protocol,
                subject=f"{variant.name}, sigma {SHOWN_SIGMA:g}, training {one.schedule}",
                quantity="certified accuracy at radius 0, not minus reported",
                value=certified_accuracy(log.rows, 0.0),
                outcome=Outcome.SHOWN,
                seeds=1,
                images=len(log.rows),
            )
            return
