"""What the figures draw, read from a profile's folder: its tables and its example images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from src.base import InputError
from src.experiments.trial_table import load_trials
from src.reporting.plotting import SERIES
from src.storage.arrays import load_arrays
from src.studies.resolution.config import PROTOCOLS, VARIANTS
from src.studies.resolution.plan import examples_path
from src.training.trial import Trial

REMEDY = "Run the study again (python -m src.reproduce): what is complete is kept, the rest is written anew."

PROTOCOL_SERIES = {protocol.name: SERIES[place] for place, protocol in enumerate(PROTOCOLS)}
"""Colour and marker of a protocol, the same in every figure."""


@dataclass(frozen=True)
class Example:
    """The few test images that a trial keeps.

    Attributes:
        trial: whose.
        clean: (n, side, side) uint8 in [0, 255].
        adversarial: (n, side, side) float32 in [0, 1].
        labels: (n,) the right classes.
        epsilon: of the attack, in [0, 1].
        cnn, rs: (n,) predictions for the adversarial images.
    """

    trial: Trial
    clean: np.ndarray
    adversarial: np.ndarray
    labels: np.ndarray
    epsilon: float
    cnn: np.ndarray
    rs: np.ndarray


def read_claim_tests(folder: Path) -> pd.DataFrame:
    """The comparisons behind the claims' verdicts.

    Args:
        folder: results/resolution/<profile>.

    Raises:
        InputError: the table is missing or not such a table.
    """
    path = folder / "claim_tests.csv"
    try:
        table = pd.read_csv(path, keep_default_na=False, na_values={name: [""] for name in ("low", "high", "p_value")})
    except OSError as error:
        raise InputError(f"can't read {path}: {error.strerror}. {REMEDY}") from error
    missing = {"claim", "protocol", "subject", "value", "low", "high", "outcome"} - set(table)
    if missing:
        raise InputError(f"{path} has no column {', '.join(sorted(missing))}. {REMEDY}")
    return table


def read_table(folder: Path, name: str, needed: tuple[str, ...]) -> pd.DataFrame:
    """A table of a profile's folder, the study's protocols and variants in their order.

    Args:
        folder: results/resolution/<profile>.
        name: the table's file name.
        needed: columns that it must have, besides protocol, variant, seed, precision, test_images and trial.

    Raises:
        InputError: the table is missing, empty, or not such a table.
    """
    path = folder / name
    try:
        table = pd.read_csv(path)
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}): it is needed for the figures. {REMEDY}") from error
    except ValueError as error:  # pandas' errors about empty and malformed files are ValueErrors
        raise InputError(f"{path} is empty or damaged ({error}). {REMEDY}") from error
    expected = ("protocol", "variant", "seed", "precision", "test_images", "trial", *needed)
    missing = [column for column in expected if column not in table]
    if missing:
        raise InputError(f"{path} has no column {', '.join(missing)}. {REMEDY}")
    known = table["protocol"].isin([p.name for p in PROTOCOLS]) & table["variant"].isin([v.name for v in VARIANTS])
    if not known.any():
        raise InputError(f"{path} holds no measurement of this study. {REMEDY}")
    return table[known]


def protocols_in(table: pd.DataFrame) -> list[str]:
    """The protocols that were measured, in the study's order."""
    return [protocol.name for protocol in PROTOCOLS if protocol.name in set(table["protocol"])]


def variants_in(table: pd.DataFrame) -> list[str]:
    """The networks that were measured, in the order of the paper's tables."""
    return [variant.name for variant in VARIANTS if variant.name in set(table["variant"])]


def read_examples(folder: Path) -> list[Example]:
    """The example images of the first protocol that has any, one trial for each network, in the paper's order.

    Of several trials of a network the one with the lowest seed is taken.

    Args:
        folder: results/resolution/<profile>.

    Raises:
        InputError: there are none, or a file is damaged.
    """
    trials = [trial for trial, _ in load_trials(folder / "trials.csv").values()]
    trials.sort(key=lambda trial: (trial.seed, trial.precision, trial.key), reverse=True)
    for protocol in PROTOCOLS:
        of_protocol = [trial for trial in trials if trial.protocol == protocol.name]
        paths = [(examples_path(folder, trial, protocol), trial) for trial in of_protocol]
        by_variant = {trial.variant: (path, trial) for path, trial in paths if path.exists()}
        if by_variant:
            found = [by_variant[variant.name] for variant in VARIANTS if variant.name in by_variant]
            return [_read_example(path, trial) for path, trial in found]
    raise InputError(f"{folder} has no example images (trials.csv and examples/*.npz). {REMEDY}")


def _read_example(path: Path, trial: Trial) -> Example:
    remedy = f"Delete it. {REMEDY}"
    names = ("clean", "adversarial", "labels", "epsilon", "cnn_adversarial", "rs_adversarial")
    clean, adversarial, labels, epsilon, cnn, rs = load_arrays(path, remedy, names).values()
    return Example(trial, clean[..., 0], adversarial[..., 0], labels, float(epsilon), cnn, rs)
