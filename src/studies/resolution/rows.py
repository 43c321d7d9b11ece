"""What the rows of all tables share: which trial and condition, and which test images."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from src.experiments.conditions import Condition
from src.studies.resolution.config import FULL_SCALE
from src.studies.resolution.plan import Job, test_order


def identity(job: Job) -> dict[str, str | int]:
    """Which trial a row is about."""
    trial = job.trial
    return {
        "protocol": trial.protocol,
        "variant": trial.variant,
        "resized_by": trial.training["resized_by"],
        "seed": trial.seed,
        "precision": trial.precision,
    }


def scales(condition: Condition) -> dict[str, float | int | str]:
    """Which condition a row is about, in [0, 1] and in 0-255."""
    columns = condition.columns()
    sigma, epsilon = float(columns["sigma"]), float(columns["epsilon"])
    return {
        "sigma": sigma,
        "sigma_255": sigma * FULL_SCALE,
        "attacked_output": columns["attacked_output"],
        "epsilon": epsilon,
        "epsilon_255": epsilon * FULL_SCALE,
    }


def first_seed(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of each network's first training within a protocol, as the claims take it (`Evidence.of`).

    That of the smallest seed; of trainings from one seed, that in float32, else the first.

    Args:
        table: of the paper's protocols, with columns protocol, variant, seed, precision and trial.
    """
    # "float32" comes after "bfloat16".
    trainings = table.drop_duplicates("trial").sort_values(["seed", "precision"], ascending=[True, False])
    return table[table["trial"].isin(trainings.drop_duplicates(["protocol", "variant"])["trial"])]


def first_images(records: pd.DataFrame, count: int) -> pd.DataFrame | None:
    """The records of the first `count` images of the shuffled test set, by image; None unless all are there."""
    chosen = records[np.isin(records["image"].to_numpy(), test_order()[:count])]
    return chosen.sort_values("image") if len(chosen) == count else None


def right(records: pd.DataFrame) -> np.ndarray:
    """(images,) bool, by ascending image: whether the answer is the label; an abstention is not."""
    ordered = records.sort_values("image")
    return (ordered["label"] == ordered["prediction"]).to_numpy()


def common_answers(*networks: Sequence[pd.DataFrame]) -> list[np.ndarray]:
    """Whether the answers of several networks are right, on the images that all their trainings were asked about.

    Args:
        networks: of each the records of its trainings in one condition; at least one of each.

    Returns:
        For each network (trainings, images) bool, by ascending image.
    """
    common = functools.reduce(np.intersect1d, [rows["image"].to_numpy() for one in networks for rows in one])
    return [np.array([right(rows[rows["image"].isin(common)]) for rows in one]) for one in networks]
