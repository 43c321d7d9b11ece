"""The table of a profile's trials, `trials.csv`: what each is, and what its training recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from src.base import InputError
from src.storage.files import write_text
from src.training.trial import BEGUN_WITH, Trial, TrialFolder


def save_trial(path: Path, trial: Trial, facts: Mapping[str, Any]) -> None:
    """Add a trial to a table of trials, in the place of the row that it may have there.

    Args:
        path: the table.
        trial: what to add.
        facts: further columns (parameters, seconds, ...).

    Raises:
        InputError: the table that is there is damaged.
        StorageError: the table can't be written.
    """
    # What it was begun with is for whoever resumes it; the trial says the same in words of its own.
    shown = {name: fact for name, fact in facts.items() if name != BEGUN_WITH}
    row = {"key": trial.key, **trial.as_dict(), **shown}
    cells = {
        name: json.dumps(value, sort_keys=True) if isinstance(value, dict) else value for name, value in row.items()
    }
    rows = {row["key"]: row for row in _read(path)} | {trial.key: cells}
    write_text(path, pd.DataFrame([rows[key] for key in sorted(rows)]).to_csv(index=False))


def load_trials(path: Path) -> dict[str, tuple[Trial, dict[str, Any]]]:
    """The trials of a table of trials by key, each with its whole row; none if the table does not exist.

    Raises:
        InputError: the table is damaged.
    """
    trials = {}
    for row in _read(path):
        identity = {name: row[name] for name in ("study", "protocol", "variant", "recipe", "precision")}
        trial = Trial(**identity, seed=int(row["seed"]), training=json.loads(row["training"]))
        if trial.key != row["key"]:
            raise _damaged(path, f"the row {row['key']} does not describe the trial it names")
        trials[trial.key] = (trial, row)
    return trials


def trial_facts(path: Path) -> dict[str, str]:
    """What a report says of each trial of a table: the hash of its weights, where and with what it was trained.

    Raises:
        InputError: the table is damaged.
    """
    names = ("weights_sha256", "device", "versions")
    return {
        key: "; ".join(f"{name} {row[name]}" for name in names if name in row)
        for key, (_, row) in load_trials(path).items()
    }


def refuse_other_weights(table: Path, made: Sequence[Path], trial: Trial, folder: TrialFolder) -> None:
    """Records of one training are never mixed with those of another.

    Args:
        table: of the trials whose records are there.
        made: the files that were made with the trial's network; some may not exist.
        trial: of the network.
        folder: of the trial, complete.

    Raises:
        InputError: the table does not say that these weights made them.
    """
    listed = load_trials(table)
    files = [path for path in made if path.exists()]
    known = listed[trial.key][1]["weights_sha256"] if trial.key in listed else None
    if files and known != folder.facts()["weights_sha256"]:
        raise InputError(
            f"the records of {trial.key} were made by another training than the one in {folder.path}. "
            f"Delete {', '.join(map(str, files))} and run again: only this network is evaluated anew."
        )


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    try:
        table = pd.read_csv(path, keep_default_na=False)
        for name in ("key", "study", "protocol", "variant", "recipe", "seed", "precision", "training"):
            if name not in table:
                raise ValueError(f"it has no column {name}")
        table["training"].map(json.loads)
        table["seed"] = table["seed"].astype(int)
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    return table.to_dict("records")


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(f"{path} is damaged ({reason}). Delete it and run again: it is written from what is complete.")
