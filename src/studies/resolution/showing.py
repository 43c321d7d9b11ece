"""What the notebooks of the study need besides the figures: its results, histories and pictures."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from src.experiments.trial_table import load_trials
from src.reporting.notebooks import as_table, digit_image, places, results_of, show
from src.reporting.plotting import pictures
from src.studies.resolution.config import PROFILES, VARIANTS
from src.studies.resolution.rows import first_seed

__all__ = ["as_table", "digit_image", "first_seed", "histories", "pictures", "places", "results_folder", "show"]


def results_folder() -> Path:
    """The results of one profile: `paper`, or that of the environment's REPRODUCE_PROFILE.

    Raises:
        InputError: there is no such profile, or it has no results.
    """
    return results_of(PROFILES)


def histories(folder: Path) -> pd.DataFrame:
    """What each network's training recorded: a row for each trial and epoch.

    Args:
        folder: with trials.csv; a network whose history is not there is left out.

    Returns:
        Columns trial, protocol, variant, recipe, sigma (NaN without one), seed, precision, epoch, loss, accuracy,
        seconds.

    Raises:
        InputError: the table of trials is damaged.
    """
    order = [variant.name for variant in VARIANTS]
    trials = [trial for trial, _ in load_trials(folder / "trials.csv").values()]
    found = []
    for trial in sorted(trials, key=lambda trial: (trial.protocol, order.index(trial.variant))):
        path = places().trial(trial).history
        if path.exists():
            history = pd.read_csv(path)
            sigma = trial.training.get("recipe", {}).get("sigma")
            whose = {"trial": trial.key, "protocol": trial.protocol, "variant": trial.variant, "recipe": trial.recipe}
            found.append(history.assign(**whose, sigma=sigma, seed=trial.seed, precision=trial.precision))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()
