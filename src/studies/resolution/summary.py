"""The closing table on the terminal: the paper's numbers beside ours, and where the files are."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from src.studies.resolution.config import Profile

TITLES = {"accuracy.csv": "Clean images", "adversarial_accuracy.csv": "Under FGSM"}
HEADINGS = {"cnn_accuracy": "CNN accuracy", "cnn_loss": "CNN loss", "rs_accuracy": "RS accuracy", "rs_loss": "RS loss"}


def print_summary(folder: Path, profile: Profile) -> None:
    """Print the two tables of a profile's folder, and the folder."""
    console = Console()
    for name, title in TITLES.items():
        cells = pd.read_csv(folder / name)
        largest = cells[cells["test_images"] == cells["test_images"].max()]
        for (protocol, seed, precision), rows in largest.groupby(["protocol", "seed", "precision"], sort=False):
            console.print(_table(f"{title}, {protocol}, seed {seed}, {precision}: paper / ours", rows))
    console.print("* the paper's number lies outside the 95% interval around ours (for accuracies: of the difference).")
    if profile.epochs < 10:
        console.print(
            f"Profile {profile.name} trains on at most {profile.train_images:,} images for {profile.epochs} epochs: "
            "it shows that everything works; --profile paper is what compares with the paper.",
            highlight=False,
        )
    console.print(f"Tables, records and figures: {folder}", highlight=False, soft_wrap=True)


def _table(title: str, rows: pd.DataFrame) -> Table:
    metrics = [metric for metric in HEADINGS if metric in set(rows["metric"])]
    table = Table(title=title)
    table.add_column("network")
    for metric in metrics:
        table.add_column(HEADINGS[metric], justify="right")
    for variant, cells in rows.groupby("variant", sort=False):
        by_metric = cells.set_index("metric")
        table.add_row(str(variant), *(_cell(by_metric.loc[metric]) for metric in metrics))
    return table


def _cell(cell: pd.Series) -> str:
    digits = 4 if cell.name.endswith("loss") else 3
    mark = "*" if cell["paper_is"] == "outside" else " "
    half = (cell["high"] - cell["low"]) / 2
    return f"{cell['paper']:.{digits}f} / {cell['measured']:.{digits}f} ±{half:.{digits}f}{mark}"
