"""The paper's two tables, cell by cell: the paper, its author's notebook, measured, interval, verdict."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from src.experiments.conditions import select
from src.statistics.intervals import bootstrap_against_published, mean_interval, newcombe_interval, wilson_interval
from src.studies.resolution.config import Profile
from src.studies.resolution.plan import Job
from src.studies.resolution.rows import first_images, identity, scales

REPORTED = Path(__file__).with_name("reported.csv")
"""Every cell of the paper's two tables beside the output saved in its author's notebook."""

PAPER_TEST_IMAGES = 1_000

BOOTSTRAP_SEED = 0

METRICS = {
    "accuracy": ("cnn_accuracy", "cnn_loss", "rs_accuracy", "rs_loss"),
    "adversarial": ("cnn_accuracy", "rs_accuracy"),
}
"""Columns of the paper's two tables."""


def reported() -> pd.DataFrame:
    """The published numbers: table, variant, metric, paper, author_notebook, author_epsilon_255, note."""
    return pd.read_csv(REPORTED, keep_default_na=False, na_values={"author_epsilon_255": [""]})


def published_table(table: str, profile: Profile, evaluated: list[tuple[Job, pd.DataFrame]]) -> pd.DataFrame:
    """One of the paper's two tables, one row a cell: paper, author's notebook, measured, interval, verdict.

    `difference` is measured minus paper with a 95% interval, and the paper is "inside" if that holds 0: Newcombe's
    for accuracies, the paper's being of 1,000 images; the bootstrap's for mean losses, the paper's taken to spread over
    its 1,000 images as ours do. Intervals are about the sample of test images, not about the seed of the training.

    Args:
        table: "accuracy" (clean images) or "adversarial" (FGSM).
        profile: for the sizes of the test set.
        evaluated: jobs with their records.
    """
    published = reported().query("table == @table").set_index(["variant", "metric"])
    rows = []
    for job, records in evaluated:
        by_classifier = {
            "rs" if condition.smoothing else "cnn": condition
            for condition in job.paper_conditions
            if (condition.attack is None) == (table == "accuracy")
        }
        for count in profile.test_images:
            for metric in METRICS[table]:
                classifier, quantity = metric.split("_")
                condition = by_classifier[classifier]
                chosen = first_images(select(records, condition), count)
                if chosen is None:
                    continue
                paper = published.loc[(job.variant.name, metric)]
                rows.append(
                    {
                        **identity(job),
                        "test_images": count,
                        **scales(condition),
                        "metric": metric,
                        "paper": paper["paper"],
                        "author_notebook": paper["author_notebook"],
                        **({"author_epsilon_255": paper["author_epsilon_255"]} if table == "adversarial" else {}),
                        **_against(chosen, quantity, float(paper["paper"])),
                        "note": paper["note"],
                        "trial": job.trial.key,
                    }
                )
    return pd.DataFrame(rows)


def _against(records: pd.DataFrame, quantity: str, paper: float) -> dict[str, float | str]:
    if quantity == "accuracy":
        successes = int((records["label"] == records["prediction"]).sum())
        measured = wilson_interval(successes, len(records))
        published = round(paper * PAPER_TEST_IMAGES)
        difference = newcombe_interval(successes, len(records), published, PAPER_TEST_IMAGES)
    else:
        losses = records["loss"].to_numpy()
        measured = mean_interval(losses)
        difference = bootstrap_against_published(losses, paper, PAPER_TEST_IMAGES, BOOTSTRAP_SEED)
    return {
        "measured": measured.estimate,
        "low": measured.low,
        "high": measured.high,
        "difference": difference.estimate,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "paper_is": "inside" if 0.0 in difference else "outside",
    }
