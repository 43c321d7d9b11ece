"""The smoothed classifier minus its network on the same images, beside the same difference of the published numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from src.experiments.conditions import select
from src.statistics.intervals import Interval, bootstrap_against_published
from src.statistics.paired import mcnemar, paired_difference, pairs
from src.studies.resolution.config import Profile
from src.studies.resolution.plan import Job
from src.studies.resolution.published_tables import BOOTSTRAP_SEED, METRICS, PAPER_TEST_IMAGES, reported
from src.studies.resolution.rows import first_images, identity, right, scales


def difference_table(profile: Profile, evaluated: list[tuple[Job, pd.DataFrame]]) -> pd.DataFrame:
    """RS minus CNN, one row for each trial, table of the paper, quantity and test set.

    Accuracies: the paired difference with Tango's 95% interval, in which the paper's is "inside" or not, and McNemar's
    exact p-value. Losses: the interval is that of the bootstrap, around ours, for a difference between ours and the
    paper's, whose 1,000 images are taken to spread as ours do.

    Args:
        profile: for the sizes of the test set.
        evaluated: jobs with their records.
    """
    published = reported().set_index(["table", "variant", "metric"])
    return pd.DataFrame(
        [
            row
            for job, records in evaluated
            for count in profile.test_images
            for table in METRICS
            for row in _rows(job, records, table, count, published)
        ]
    )


def _rows(
    job: Job, records: pd.DataFrame, table: str, count: int, published: pd.DataFrame
) -> Iterator[dict[str, Any]]:
    network, smoothed = (one for one in job.paper_conditions if (one.attack is None) == (table == "accuracy"))
    cnn, rs = (first_images(select(records, condition), count) for condition in (network, smoothed))
    if cnn is None or rs is None:
        return
    for quantity in dict.fromkeys(metric.split("_")[1] for metric in METRICS[table]):
        of_rs, of_cnn = (
            published.loc[(table, job.variant.name, f"{name}_{quantity}")].to_dict() for name in ("rs", "cnn")
        )
        paper, notebook = (float(of_rs[source]) - float(of_cnn[source]) for source in ("paper", "author_notebook"))
        if quantity == "accuracy":
            counts = pairs(right(rs), right(cnn))
            found, p_value = paired_difference(counts), mcnemar(counts)
        else:
            found, p_value = _of_losses(rs, cnn, paper), math.nan
        yield {
            **identity(job),
            "test_images": count,
            **scales(smoothed),
            "table": table,
            "quantity": quantity,
            "paper": paper,
            "author_notebook": notebook,
            "measured": found.estimate,
            "low": found.low,
            "high": found.high,
            "p_value": p_value,
            "paper_is": "inside" if round(paper, 9) in found else "outside",
            "trial": job.trial.key,
        }


def _of_losses(rs: pd.DataFrame, cnn: pd.DataFrame, paper: float) -> Interval:
    differences = rs["loss"].to_numpy() - cnn["loss"].to_numpy()
    change = bootstrap_against_published(differences, paper, PAPER_TEST_IMAGES, BOOTSTRAP_SEED)
    # The paper is inside if the change can be 0: its ends, turned round the measured difference.
    return Interval(float(differences.mean()), paper + change.low, paper + change.high)
