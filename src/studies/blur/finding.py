"""What the study found, in a few sentences with numbers, from a profile's tables alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from src.studies.blur.config import BLURRED, FROZEN_BLURRED, FROZEN_UNBLURRED, HEAVY, MNIST, PLAIN


def finding(folder: Path) -> list[str]:
    """Sentences on the inequality, on the way through the network, on training and on smoothing.

    Args:
        folder: results/blur/<profile>, with its tables.
    """
    read = {name: pd.read_csv(folder / f"{name}.csv") for name in ("layers", "propagation", "training", "smoothing")}
    said = (_inequality(read["layers"]), _propagation(read["propagation"]), _training(read["training"]),
            _smoothing(read["smoothing"]))  # fmt: skip
    return [sentence for sentence in said if sentence]


def _inequality(layers: pd.DataFrame) -> str:
    # Frozen convolutions are those of plain training.
    layers = layers[~layers["variant"].isin([FROZEN_BLURRED.name, FROZEN_UNBLURRED.name])]
    tightness, bound, excess = layers["tightness"], layers["bound"], layers["relu_excess"].max()
    if not (tightness <= 1.0001).all():
        return f"The inequality failed in {int((tightness > 1.0001).sum())} of {len(layers)} pairs."
    said = (
        f"The inequality, which is proved here, held in all {len(layers)} pairs of convolution and Gaussian blur: the "
        f"largest measured ratio was {tightness.min():.1%} to {tightness.max():.0%} of the bound. The bound was below "
        f"1 in {(layers['below_one'] == 'yes').sum()} of them (from {bound.min():.2g} to {bound.max():.3g}). A blur "
        f"changed a convolution's own output by at most {layers['relative_max'].max():.4f} of its length."
    )
    if np.isfinite(excess):
        said += (
            " Away from the border no output for a blurred input was above the blurred output by more than "
            f"{max(0, excess):.1g} of its largest value."
        )
    return said


def _propagation(table: pd.DataFrame) -> str:
    table = table[(table["stage"] >= 0) & ((table["dataset"] == MNIST) | (table["variant"] == PLAIN.name))]
    stages = table.sort_values("stage")
    convolutions, all_stages = (
        ends["last"] / ends["first"]
        for ends in (rows.groupby(["trial", "size"])["error"].agg(["first", "last"])
                     for rows in (stages[stages["kind"] == "conv"], stages))
    )  # fmt: skip
    last = stages.groupby(["trial", "size"])[["product", "error"]].last()
    allowed = [f"{float(f'{end:.2g}'):,g}" for end in (last["product"] / last["error"]).agg(["min", "max"])]
    return (
        "In MNIST's networks and plain training the mean relative error of a Gaussian blur after the last convolution "
        f"was {convolutions.min():.2g} to {convolutions.max():.2g} times that after the first, and at the logits "
        f"{all_stages.min():.2g} to {all_stages.max():.2g} times; the product of all layers' Lipschitz constants would "
        f"allow {' to '.join(allowed)} times what was measured there."
    )


def _training(table: pd.DataFrame) -> str:
    heavy = table[(table["blur"] == "gaussian") & (table["size"] == HEAVY)].set_index("variant")
    if PLAIN.name not in heavy.index:
        return ""
    said = []
    for one in (BLURRED, FROZEN_BLURRED):
        if one.name in heavy.index and np.isfinite(heavy.loc[one.name].get("minus_control", np.nan)):
            row = heavy.loc[one.name]
            said.append(
                f"{row['minus_control']:+.3f} [{row['minus_control_low']:+.3f}, {row['minus_control_high']:+.3f}] "
                f"({one.name} minus {row['control']})"
            )
    sharp = table[(table["blur"] == "none") & (table["variant"] == PLAIN.name)]["accuracy"]
    plain = f"{sharp.iloc[0]:.3f} to {heavy.loc[PLAIN.name, 'accuracy']:.3f}"
    return (
        f"On CIFAR-10 a Gaussian blur of {HEAVY:g} pixels takes the accuracy of plain training from {plain}; under "
        "it, training on slightly blurred copies rather than on as many unblurred ones changes it by "
        f"{', '.join(said) or 'what was not measured'}."
    )


def _smoothing(table: pd.DataFrame) -> str:
    said = []
    for trained, rows in table[table["size"] > 0].groupby("trained_with_noise", sort=False):
        helps, hurts = (int(found.sum()) for found in (rows["rs_minus_cnn_low"] > 0, rows["rs_minus_cnn_high"] < 0))
        said.append(
            f"of networks trained {'with' if trained == 'yes' else 'without'} noise it raised accuracy in {helps} and "
            f"lowered it in {hurts} of {len(rows)} cases ({rows['rs_minus_cnn'].min():+.3f} to "
            f"{rows['rs_minus_cnn'].max():+.3f})"
        )
    return f"Smoothing under blur: {'; '.join(said)}; by 95% intervals, each taken alone." if said else ""
