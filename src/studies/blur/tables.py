"""The study's tables, from trials and records alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from src.conditions import select
from src.files import write_text
from src.metrics import Interval, mean_interval, wilson_interval
from src.paired import mcnemar, paired_difference, pairs
from src.studies.blur.conditions import BlurCondition
from src.studies.blur.config import CIFAR10, CONTROLS, MNIST, SOURCE_SIDE
from src.studies.blur.evidence import BLUR, Evidence, Measured, right, same, under
from src.trainings import paired_trainings_interval


def identity(one: Measured) -> dict[str, str | int]:
    """Which network a row is about."""
    trial = one.trial
    return {"dataset": one.job.dataset, "variant": trial.variant, "protocol": trial.protocol, "side": one.job.side,
            "seed": trial.seed, "precision": trial.precision}  # fmt: skip


def accuracy_table(found: Evidence) -> pd.DataFrame:
    """Accuracy of each network under each blur, beside that on the same images without one, paired.

    `size_28` is a Gaussian blur's in pixels of 28x28, for MNIST.
    """
    rows = []
    for one in found:
        networks = one.answers[one.answers["classifier"] == "cnn"]
        sharp = select(networks, BlurCondition())
        for (blur, size, angle), answers in networks.groupby(BLUR):
            counts = pairs(*(right(rows) for rows in _common(answers, sharp)))
            change = paired_difference(counts)
            measured = wilson_interval(int(right(answers).sum()), len(answers))
            scale = SOURCE_SIDE / one.job.side if one.job.dataset == MNIST and blur == "gaussian" else np.nan
            rows.append(
                {**identity(one), "blur": blur, "size": size, "angle": angle, "size_28": size * scale,
                 "images": len(answers), "accuracy": measured.estimate, "low": measured.low, "high": measured.high,
                 **_columns("change", change), "p_value": mcnemar(counts), "trial": one.trial.key}
            )  # fmt: skip
    return pd.DataFrame(rows)


def training_table(found: Evidence) -> pd.DataFrame:
    """CIFAR-10: mean accuracy of each training under each blur over its seeds, and less its control's.

    The control of training on blurred copies has as many copies, unblurred; intervals are over trainings, paired by
    seed, and images.
    """
    rows = []
    answers = {
        name: [one for one in found if one.job.dataset == CIFAR10 and one.trial.variant == name]
        for name in dict.fromkeys(one.trial.variant for one in found if one.job.dataset == CIFAR10)
    }
    for name, networks in answers.items():
        control = {one.trial.seed: one for one in answers.get(CONTROLS.get(name, ""), [])}
        blurs = networks[0].answers.query("classifier == 'cnn'")[BLUR].drop_duplicates()
        for blur in blurs.to_dict("records"):
            row = {"variant": name, **blur, "seeds": len(networks)}
            by_seed = {one.trial.seed: right(under(one, blur)) for one in networks}
            accuracies = np.array([values.mean() for values in by_seed.values()])
            mean = mean_interval(accuracies) if len(accuracies) > 1 else Interval(accuracies.mean(), np.nan, np.nan)
            row |= {"images": len(next(iter(by_seed.values()))), **_columns("accuracy", mean)}
            common = sorted(set(by_seed) & set(control))
            if common:
                theirs = np.array([right(under(control[seed], blur)) for seed in common])
                change = paired_trainings_interval(np.array([by_seed[seed] for seed in common]), theirs)
                row |= {"control": CONTROLS[name], **_columns("minus_control", change)}
            rows.append(row)
    return pd.DataFrame(rows)


def layer_table(found: Evidence) -> pd.DataFrame:
    """Each convolution under each blur of its own input: constants, and the measured ||L(x) - L(Kx)|| / ||x||.

    `tightness` is the largest measured ratio as a share of the bound; `below_one` says whether the bound is below 1.
    """
    rows = []
    for one in found:
        for constant in one.constants[one.constants["kind"] == "conv"].to_dict("records"):
            own = same(one.layers, constant, ["stage", *BLUR])
            ratios = (own["own_error"] / own["input_norm"]).to_numpy()
            relative = (own["own_error"] / own["norm"]).to_numpy()
            rows.append(
                {**identity(one), "stage": constant["stage"], "layer": constant["name"],
                 **{name: constant[name] for name in (*BLUR, "own_size", "lipschitz")},
                 **{name: constant[name] for name in ("bound", "absolute", "parameters")},
                 "below_one": "yes" if constant["bound"] < 1 else "no", "images": len(own),
                 "measured_mean": ratios.mean(), "measured_max": ratios.max(),
                 "tightness": ratios.max() / constant["bound"],
                 "relative_max": relative.max(), "relu_excess": own["relu_excess"].max(), "trial": one.trial.key}
            )  # fmt: skip
    return pd.DataFrame(rows)


def propagation_table(found: Evidence) -> pd.DataFrame:
    """The relative error ||a - a'|| / ||a|| after each stage, for images blurred before the network.

    Stage -1 is the image. `commuting` is what the error would be if the stages so far commuted with the blur, `product`
    what the product of their Lipschitz constants allows: times the image's own change, as a share of ||a||.
    """
    return pd.DataFrame([row for one in found for row in _propagation(one)])


def _propagation(one: Measured) -> Iterator[dict[str, str | float]]:
    described = one.constants.drop_duplicates("stage").set_index("stage").sort_index()
    reach = described["lipschitz"].cumprod()
    for (blur, size), layers in one.layers.groupby(["blur", "size"]):
        shared = {**identity(one), "blur": blur, "size": size, "images": layers["image"].nunique()}
        image = layers[layers["stage"] == layers["stage"].min()]
        relative = image["image_error"] / image["image_norm"]
        yield {**shared, "stage": -1, "layer": "image", "kind": "image",
               **_columns("error", mean_interval(relative.to_numpy())), "commuting": relative.mean(),
               "product": relative.mean(), "trial": one.trial.key}  # fmt: skip
        for stage, own in layers.groupby("stage"):
            error = mean_interval((own["error"] / own["norm"]).to_numpy())
            yield {**shared, "stage": stage, "layer": described["name"][stage], "kind": described["kind"][stage],
                   **_columns("error", error), "commuting": (own["commuting_error"] / own["norm"]).mean(),
                   "product": (reach[stage] * own["image_error"] / own["norm"]).mean(),
                   "trial": one.trial.key}  # fmt: skip


def smoothing_table(found: Evidence) -> pd.DataFrame:
    """Smoothed classifier beside its network under each Gaussian blur, on the same images, paired."""
    rows = []
    for one in found:
        smoothed = one.answers[one.answers["classifier"] == "rs"]
        for (blur, size, sigma, n), answers in smoothed.groupby(["blur", "size", "sigma", "n"]):
            network = under(one, {"blur": blur, "size": size, "angle": 0.0})
            counts = pairs(*(right(rows) for rows in _common(answers, network)))
            change = paired_difference(counts)
            accuracies = [right(rows).mean() for rows in _common(answers, network)]
            rows.append(
                {**identity(one), "blur": blur, "size": size, "sigma": sigma, "n": n, "images": len(answers),
                 "rs_accuracy": accuracies[0], "cnn_accuracy": accuracies[1], **_columns("rs_minus_cnn", change),
                 "p_value": mcnemar(counts), "trial": one.trial.key}
            )  # fmt: skip
    return pd.DataFrame(rows)


TABLES: dict[str, Callable[[Evidence], pd.DataFrame]] = {
    "accuracy.csv": accuracy_table,
    "training.csv": training_table,
    "layers.csv": layer_table,
    "propagation.csv": propagation_table,
    "smoothing.csv": smoothing_table,
}


def write_tables(folder: Path, found: Evidence) -> None:
    """Write all tables into a profile's folder.

    Raises:
        StorageError: the folder can't be written.
    """
    for name, table in TABLES.items():
        write_text(folder / name, table(found).to_csv(index=False, float_format="%.6g"))


def _common(first: pd.DataFrame, second: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for one, other in ((first, second), (second, first)):
        yield one[one["image"].isin(other["image"])]


def _columns(name: str, found: Interval) -> dict[str, float]:
    return {name: found.estimate, f"{name}_low": found.low, f"{name}_high": found.high}

