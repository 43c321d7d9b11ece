"""What the study found, in a few sentences with numbers, from a profile's tables alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from src.studies.blur.config import BLURRED, FROZEN_BLURRED, HEAVY, PLAIN


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
    below = int((layers["below_one"] == "yes").sum())
    return (
        f"The inequality held in all {len(layers)} pairs of convolution and Gaussian blur, where the largest measured "
        f"ratio was {layers['tightness'].min():.1%} to {layers['tightness'].max():.0%} of the bound; the bound was "
        f"below 1 in {below} of them (it was {layers['bound'].min():.2g} to {layers['bound'].max():.3g})."
        if (layers["tightness"] <= 1.0001).all()
        else f"The inequality failed in {int((layers['tightness'] > 1.0001).sum())} of {len(layers)} pairs."
    )


def _propagation(table: pd.DataFrame) -> str:
    ends = table.sort_values("stage").groupby(["trial", "size"])["error"].agg(["first", "last"])
    growth = ends["last"] / ends["first"]
    product = table.sort_values("stage").groupby(["trial", "size"])["product"].last() / ends["last"]
    return (
        "From the first layer to the logits the relative error of a Gaussian blur grew "
        f"{growth.min():.2g} to {growth.max():.2g} times; the product of the layers' Lipschitz constants would allow "
        f"{product.min():.2g} to {product.max():.2g} times what was measured."
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
        f"On CIFAR-10 a Gaussian blur of {HEAVY:g} pixels takes the accuracy of plain training from {plain}; training "
        f"on slightly blurred copies changes it by {', '.join(said) or 'what was not measured'}."
    )


def _smoothing(table: pd.DataFrame) -> str:
    noisy = table[(table["size"] > 0) & (table["trained_with_noise"] == "yes")]
    if noisy.empty:
        return ""
    helps, hurts = (int(found.sum()) for found in (noisy["change_low"] > 0, noisy["change_high"] < 0))
    return (
        f"Of networks trained with noise, smoothing did more for blurred images than for sharp ones in {helps} and "
        f"less in {hurts} of {len(noisy)} cases (95% intervals, each taken alone); smoothed minus network was "
        f"{noisy['rs_minus_cnn'].min():+.3f} to {noisy['rs_minus_cnn'].max():+.3f} under blur."
    )
