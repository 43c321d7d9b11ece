"""The closing table on the terminal: the paper's numbers beside ours, and where the files are."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from src.studies.resolution.config import PAPER, Profile
from src.studies.resolution.figure_data import read_table

TITLES = {"accuracy.csv": "Clean images", "adversarial_accuracy.csv": "Under FGSM"}
HEADINGS = {"cnn_accuracy": "CNN accuracy", "cnn_loss": "CNN loss", "rs_accuracy": "RS accuracy", "rs_loss": "RS loss"}


def print_summary(folder: Path, profile: Profile) -> None:
    """Print the two tables of a profile's folder, and the folder."""
    console = Console()
    for name, title in TITLES.items():
        cells = read_table(folder, name, ("metric", "paper", "measured", "low", "high", "paper_is"))
        # Of each trial its largest test set: another may be further than it.
        cells = cells[cells["test_images"] == cells.groupby("trial")["test_images"].transform("max")]
        by_set = ["protocol", "seed", "precision", "test_images"]
        for (protocol, seed, precision, images), rows in cells.groupby(by_set, sort=False):
            which = f"{protocol}, seed {seed}, {precision}, {images:,} images"
            console.print(f"{title} ({which}): the paper, then ours", highlight=False)
            console.print(_table(rows))
    console.print("± half of our 95% interval. * The paper lies outside that of the difference.")
    if profile is not PAPER:
        console.print(
            f"Profile {profile.name} trains briefly ({profile.train_images:,} images, {profile.epochs} epochs, "
            f"at 56x56 {profile.epochs_56}): it shows that everything works; --profile paper compares with the paper.",
            highlight=False,
        )
    console.print(f"Tables, records and figures: {folder}", highlight=False, soft_wrap=True)


def _table(rows: pd.DataFrame) -> Table:
    metrics = [metric for metric in HEADINGS if metric in set(rows["metric"])]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("network", no_wrap=True)
    for metric in metrics:
        table.add_column(HEADINGS[metric], justify="right", no_wrap=True)
    for variant, trials in rows.groupby("variant", sort=False):
        for trial, cells in trials.groupby("trial", sort=False):
            # Networks that differ only in their training are told apart by the end of their keys.
            which = "" if trials["trial"].nunique() == 1 else str(trial)[-10:]
            by_metric = cells.set_index("metric")
            pairs = [_cell(by_metric.loc[metric]) if metric in by_metric.index else ("", "") for metric in metrics]
            table.add_row(str(variant), *(paper for paper, _ in pairs))
            table.add_row(f"  ours {which}", *(ours for _, ours in pairs))
    return table


def _cell(cell: pd.Series) -> tuple[str, str]:
    mark = "*" if cell["paper_is"] == "outside" else " "
    half = f"{(cell['high'] - cell['low']) / 2:.3f}".removeprefix("0")
    return f"{cell['paper']:.3f}{' ' * 7}", f"{cell['measured']:.3f} ±{half}{mark}"
