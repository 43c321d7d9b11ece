"""What the study found, in a few sentences with numbers, from a profile's tables alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from src.studies.resolution.config import FULL_SCALE, RELEASED, SWEEP_SIGMAS
from src.studies.resolution.corrected.config import CORRECTED
from src.studies.resolution.rows import first_seed


def finding(folder: Path) -> list[str]:
    """Sentences on smoothing, on the attack and on resolution; of what was not measured there is none.

    Args:
        folder: results/resolution/<profile>, with its tables.
    """
    return [sentence for sentence in (_smoothing(folder), _attack(folder), _resolution(folder)) if sentence]


def _table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.exists() else pd.DataFrame()


def _released(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of each network's first training."""
    return table if table.empty else first_seed(table[table["protocol"] == RELEASED.name])


def _smoothing(folder: Path) -> str:
    sweep = _released(_table(folder / "sigma_sweep.csv"))
    if sweep.empty:
        return ""
    least, most = (sweep[np.isclose(sweep["sigma"], sigma)] for sigma in (SWEEP_SIGMAS[0], SWEEP_SIGMAS[-1]))
    if least.empty or most.empty:
        return ""
    same, images = least["same_prediction"].min(), f"{least['test_images'].iloc[0]:,} images"
    answers = f"the same answer on all {images}" if same == 1 else f"the same answer on {same:.2%} of {images} or more"
    falls = f"{most['rs_accuracy'].min():.2f} to {most['rs_accuracy'].max():.2f}"
    return (
        f"With the noise that the author's notebook adds (sigma {least['sigma_255'].iloc[0]:.2g} on pixels from 0 to "
        f"{FULL_SCALE}), {len(least)} networks and their smoothed classifiers give {answers}; at the sigma of "
        f"{most['sigma_255'].iloc[0]:.0f} that the paper writes, the smoothed classifiers' accuracy falls from "
        f"{most['cnn_accuracy'].min():.2f} or more to {falls}."
    )


def _attack(folder: Path) -> str:
    sweep = _released(_table(folder / "epsilon_sweep.csv"))
    if sweep.empty:
        return ""
    small, large = (sweep[(sweep["epsilon_255"] - level).abs() < 1e-3] for level in (2, 10))
    if small.empty or large.empty:
        return ""
    sentence = (
        "The notebook attacks UpscaledAI with an epsilon of 10/255 and the five others with 2/255; "
        f"at 10/255 for all, the {len(large)} networks measured here keep an accuracy of "
        f"{large['cnn_accuracy'].min():.3f} to {large['cnn_accuracy'].max():.3f}, at 2/255 "
        f"{small['cnn_accuracy'].min():.3f} to {small['cnn_accuracy'].max():.3f}"
    )
    upscaled = large[large["variant"] == "UpscaledAI"]
    if len(upscaled):
        rank = int((large["cnn_accuracy"] < upscaled["cnn_accuracy"].iloc[0]).sum()) + 1
        sentence += f" (at 10/255 UpscaledAI is number {rank} of {len(large)} from below)"
    return sentence + "."


def _resolution(folder: Path) -> str:
    table = _table(folder / CORRECTED / "resolution.csv")
    if table.empty:
        return ""
    fair = table[(table["comparison"] == "equal noise on the picture") & (table["schedule"] == "reduced")]
    if fair.empty:
        return ""
    said = []
    # Each noise is a question of its own: of weak noise n draws see little, as most images have the largest radius.
    for noise, rows in fair.groupby(fair["sigma_28"].round(9)):
        differences = ", ".join(
            f"{row.difference:+.3f} [{row.simultaneous_low:+.3f}, {row.simultaneous_high:+.3f}] for {row.variant}"
            for row in rows.itertuples()
        )
        said.append(
            f"at {noise:g} by {differences} (Normal: {rows['normal_acr_28'].iloc[0]:.3f}, and "
            f"{rows['normal_at_largest'].iloc[0]:.0%} of its images have the largest radius that the draws can certify)"
        )
    return (
        "Certified as the method's authors do, with noise equally strong for the picture (sigma * 28 / side), the "
        f"average certified radius in 28x28 units differs from that of the 28x28 network: {'; '.join(said)}."
    )
