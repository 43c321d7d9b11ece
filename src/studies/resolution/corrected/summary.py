"""The closing tables of protocol `corrected` on the terminal, and where the files are."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from src.smoothing.radius import round_down


def print_summary(folder: Path) -> None:
    """Print one line a log of certificates, and the folder."""
    rows = pd.read_csv(folder / "certificates.csv")
    table = Table(title="Protocol corrected: certificates", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("network", "trained by", "certified by"):
        table.add_column(heading, overflow="fold")
    for heading in ("images", "ACR", "draws"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows.itertuples():
        table.add_row(
            row.variant if row.seed == 0 else f"{row.variant} {row.seed}",
            f"{row.recipe} {row.sigma:g}, {row.schedule}",
            f"{row.method}, {'' if row.method == 'fixed' else 'to '}{row.draws:,}",
            f"{row.images:,}",
            f"{round_down(row.acr):.3f} ±{(row.acr_high - row.acr_low) / 2:.3f}",
            f"{row.draws_mean:,.0f}",
        )
    console = Console()
    console.print(table)
    console.print(
        "ACR: average certified l2 radius, images in [0, 1], ± half of its 95% interval; of sequential certification a "
        "lower bound. Draws: the mean for an image.",
        highlight=False,
    )
    console.print(f"Tables, records, certificates and figures: {folder}", highlight=False, soft_wrap=True)

