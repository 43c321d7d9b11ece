"""The tables of protocol `corrected`, from what its folder holds and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from src.storage.files import write_text
from src.studies.resolution.corrected.attack_tables import (
    minimal_perturbations_table,
    robust_accuracy_table,
    smoothed_attack_table,
)
from src.studies.resolution.corrected.certificate_tables import certificates_table, certified_accuracy_table
from src.studies.resolution.corrected.comparison_tables import recipes_table, sequential_table
from src.studies.resolution.corrected.measurements import Measured, load_measurements
from src.studies.resolution.corrected.resolution_table import resolution_table

_MAKE: dict[str, Callable[[list[Measured]], pd.DataFrame]] = {
    "certified_accuracy.csv": certified_accuracy_table,
    "certificates.csv": certificates_table,
    "resolution.csv": resolution_table,
    "sequential.csv": sequential_table,
    "recipes.csv": recipes_table,
    "robust_accuracy.csv": robust_accuracy_table,
    "smoothed_attack.csv": smoothed_attack_table,
    "minimal_perturbations.csv": minimal_perturbations_table,
}

TABLES = tuple(_MAKE)
"""File names."""


def write_tables(folder: Path) -> None:
    """Write every table of all that was measured so far; one that nothing was measured for has its header alone.

    Args:
        folder: results/resolution/<profile>/corrected.

    Raises:
        InputError: trials.csv, a log or a records file is damaged.
        StorageError: the folder can't be written.
    """
    measured = load_measurements(folder)
    for name, make in _MAKE.items():
        write_text(folder / name, make(measured).to_csv(index=False, float_format="%.6g"))
