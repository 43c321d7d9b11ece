"""The table of trials shows what a reader needs, and not what only a resumed training does."""

from __future__ import annotations

from pathlib import Path

from src.experiments.trial_table import load_trials, save_trial
from src.training.trial import BEGUN_WITH, Trial

TRIAL = Trial("study", "protocol", "variant", "cross_entropy", 0, "float32", {"epochs": 1})


def test_what_a_training_was_begun_with_is_no_column(tmp_path: Path) -> None:
    table = tmp_path / "trials.csv"
    save_trial(table, TRIAL, {"parameters": 3, BEGUN_WITH: {"seed": 0}})
    assert BEGUN_WITH not in table.read_text()
    ((trial, row),) = load_trials(table).values()
    assert trial == TRIAL and int(row["parameters"]) == 3
