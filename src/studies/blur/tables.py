"""The study's tables, from trials and records alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from src.experiments.conditions import select
from src.perturbations.blur import GaussianBlur
from src.statistics.intervals import Interval, mean_interval, wilson_interval
from src.statistics.paired import mcnemar, paired_difference, pairs
from src.statistics.seeds import paired_trainings_interval
from src.storage.files import write_text
from src.studies.blur.conditions import BlurCondition
from src.studies.blur.config import CIFAR10, CONTROLS, MNIST, NOISE, SOURCE_SIDE
from src.studies.blur.evidence import BLUR, Evidence, Measured, right, same, under


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

    The control of training on blurred copies has as many copies, unblurred; intervals of differences are over
    trainings, paired by seed, and images. Student's interval of an accuracy, over trainings, is cut at 0 and 1.
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
            mean = Interval(accuracies.mean(), np.nan, np.nan)
            if len(accuracies) > 1:
                mean = Interval(*np.clip(mean_interval(accuracies), 0, 1))
            row |= {"images": len(next(iter(by_seed.values()))), **_columns("accuracy", mean)}
            common = sorted(set(by_seed) & set(control))
            if common:
                theirs = np.array([right(under(control[seed], blur)) for seed in common])
                change = paired_trainings_interval(np.array([by_seed[seed] for seed in common]), theirs)
                row |= {"control": CONTROLS[name], **_columns("minus_control", change)}
            rows.append(row)
    return pd.DataFrame(rows)


def layer_table(found: Evidence) -> pd.DataFrame:
    """Each convolution under each Gaussian blur of its own input: constants, and the measured ||L(x) - L(Kx)|| / ||x||.

    `tightness` is the largest measured ratio as a share of the bound; `below_one` says whether the bound is below 1.
    A blur that is too small for the layer's pixels is left out.
    """
    rows = []
    for one in found:
        for constant in one.constants[one.constants["bound"].notna()].to_dict("records"):
            own = same(one.layers, constant, ["stage", *BLUR])
            ratios = share(own["own_error"], own["input_norm"])
            rows.append(
                {**identity(one), "stage": constant["stage"], "layer": constant["name"],
                 **{name: constant[name] for name in (*BLUR, "own_size", "lipschitz")},
                 **{name: constant[name] for name in ("attained", "bound", "absolute", "parameters", "symbol")},
                 "below_one": "yes" if constant["bound"] < 1 else "no", "images": len(own),
                 "measured_mean": ratios.mean(), "measured_max": ratios.max(),
                 "tightness": ratios.max() / constant["bound"],
                 "relative_max": share(own["own_error"], own["norm"]).max(),
                 "relu_excess": own["relu_excess"].max(), "trial": one.trial.key}
            )  # fmt: skip
    return pd.DataFrame(rows)


def share(part: pd.Series, whole: pd.Series) -> np.ndarray:
    """part / whole, and 0 where both are 0, as of a layer that gives nothing."""
    both = part.to_numpy(np.float64), whole.to_numpy(np.float64)
    return np.where((both[0] == 0) & (both[1] == 0), 0.0, both[0] / np.where(both[1] == 0, np.nan, both[1]))


def propagation_table(found: Evidence) -> pd.DataFrame:
    """The relative error ||a - a'|| / ||a|| after each stage, for images under Gaussian blur before the network.

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
        relative = pd.Series(share(image["image_error"], image["image_norm"]))
        yield {**shared, "stage": -1, "layer": "image", "kind": "image",
               **_columns("error", mean_interval(relative.to_numpy())), "commuting": relative.mean(),
               "product": relative.mean(), "trial": one.trial.key}  # fmt: skip
        for stage, own in layers.groupby("stage"):
            error = mean_interval(share(own["error"], own["norm"]))
            yield {**shared, "stage": stage, "layer": described["name"][stage], "kind": described["kind"][stage],
                   **_columns("error", error), "commuting": share(own["commuting_error"], own["norm"]).mean(),
                   "product": (reach[stage] * own["image_error"] / own["norm"]).mean(),
                   "trial": one.trial.key}  # fmt: skip


def smoothing_table(found: Evidence) -> pd.DataFrame:
    """Smoothed classifier minus network on the same images under each Gaussian blur, over the trainings of each.

    `size` is the blur's standard deviation in pixels of the picture, 28x28 of MNIST, and `own_size` in the network's;
    `change` is that difference less the same without blur: what smoothing does to blurred images that it does not do to
    sharp ones. Intervals are over trainings, paired by seed, and images where there are two seeds or more, else over
    images.
    """
    rows = []
    networks = dict.fromkeys((one.job.dataset, one.trial.variant) for one in found)
    for dataset, variant in networks:
        trainings = [one for one in found if (one.job.dataset, one.trial.variant) == (dataset, variant)]
        sharp = _smoothed(trainings, None)
        for size, blur in {0.0: None, **trainings[0].job.smoothed_blurs}.items():
            rs, cnn = _smoothed(trainings, blur)
            change = _difference(rs - cnn, sharp[0] - sharp[1]) if blur else Interval(np.nan, np.nan, np.nan)
            rows.append(
                {"dataset": dataset, "variant": variant, "side": trainings[0].job.side, "size": size,
                 "own_size": blur.sigma if blur else 0.0,
                 "trained_with_noise": "yes" if trainings[0].job.saw_noise else "no", "sigma": NOISE[dataset],
                 "n": trainings[0].job.profile.votes, "seeds": len(rs), "images": rs.shape[1],
                 "rs_accuracy": rs.mean(), "cnn_accuracy": cnn.mean(), **_columns("rs_minus_cnn", _difference(rs, cnn)),
                 **_columns("change", change)}
            )  # fmt: skip
    return pd.DataFrame(rows)


def _smoothed(trainings: list[Measured], blur: GaussianBlur | None) -> tuple[np.ndarray, np.ndarray]:
    """(trainings, images) float64, right answers of the smoothed classifiers and of the networks."""
    found: list[list[np.ndarray]] = [[], []]
    for one in trainings:
        (smoothing,) = {condition.smoothing for condition in one.job.work if condition.smoothing}
        answers = select(one.answers, BlurCondition(blur, smoothing))
        network = select(one.answers, BlurCondition(blur))
        for place, rows in enumerate((answers, network[network["image"].isin(answers["image"])])):
            found[place].append(right(rows))
    return np.array(found[0], np.float64), np.array(found[1], np.float64)


def _difference(first: np.ndarray, second: np.ndarray) -> Interval:
    if len(first) > 1:
        return paired_trainings_interval(first, second)
    if set(np.unique([first, second])) <= {0.0, 1.0}:
        return paired_difference(pairs(first[0] > 0, second[0] > 0))
    return mean_interval(first[0] - second[0])


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
    low, high = found.ends
    return {name: found.estimate, f"{name}_low": low, f"{name}_high": high}

