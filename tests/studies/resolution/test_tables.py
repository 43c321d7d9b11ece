"""The four tables from records made by hand, with every number worked out here by itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.base import InputError
from src.experiments.conditions import Attack, Condition, Smoothing
from src.experiments.trial_table import save_trial
from src.studies.resolution import plan
from src.studies.resolution.config import (
    CONTROL,
    DOWNSCALED,
    NORMAL,
    RELEASED,
    SMOKE,
    SWEEP_EPSILONS,
    SWEEP_SIGMAS,
    UPSCALED_AI,
    VARIANTS,
    WRITTEN,
    Protocol,
    Variant,
)
from src.studies.resolution.plan import Job, Places, resolution_trial
from src.studies.resolution.published_tables import published_table, reported
from src.studies.resolution.sweep_tables import epsilon_sweep, sigma_sweep
from src.studies.resolution.tables import TABLES, write_tables

PROFILE = replace(SMOKE, test_images=(20, 50), sweep_images=10)
Z = 1.959963984540054
T_49 = 2.009575237129235
"""The 97.5% quantiles of the normal distribution and of Student's t with 49 degrees of freedom."""

PAPER = {
    "Downscaled": (0.982, 0.0892, 0.982, 0.0860, 0.975, 0.975),
    "Normal": (0.98, 0.97, 0.98, 0.1043, 0.973, 0.973),
    "UpscaledAI": (0.975, 0.2463, 0.975, 0.1964, 0.916, 0.916),
    "Control": (0.974, 0.1986, 0.974, 0.1973, 0.962, 0.962),
    "UpscaledAI Small": (0.975, 0.2163, 0.975, 0.2045, 0.961, 0.961),
    "Control Small": (0.972, 0.1860, 0.972, 0.1847, 0.957, 0.957),
}
"""CNN accuracy and loss, RS accuracy and loss; under attack, accuracy of CNN and RS."""


def job(variant: Variant = NORMAL, protocol: Protocol = RELEASED, seed: int = 0, esrgan: str | None = None) -> Job:
    return Job(PROFILE, protocol, variant, resolution_trial(PROFILE, protocol, variant, seed, "float32", esrgan))


def rows(job: Job, condition: Condition, right: int, count: int, loss: float | np.ndarray = 0.25) -> pd.DataFrame:
    """Of the first `count` test images the first `right` are classified correctly; in no particular order."""
    images = plan.test_order()[:count]
    labels = np.arange(count) % 10
    made = pd.DataFrame(
        {
            "trial": job.trial.key,
            **condition.columns(),
            "image": images,
            "label": labels,
            "prediction": np.where(np.arange(count) < right, labels, (labels + 1) % 10),
            "loss": loss,
        }
    )
    # Each condition in another order, so that a comparison image by image has to match them.
    return made.sample(frac=1, random_state=np.random.RandomState(int(1e6 * condition.columns()["sigma"])))


def records(job: Job, right: Callable[[Condition], int] = lambda condition: 7) -> pd.DataFrame:
    """All that the tables need."""
    return pd.concat([rows(job, condition, right(condition), count) for condition, count in job.work.items()])


def wilson(right: int, count: int) -> tuple[float, float]:
    share, spread = right / count, Z * Z / count
    centre = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * math.sqrt(share * (1 - share) / count + spread / (4 * count))
    return centre - half, centre + half


def newcombe(right: int, count: int, other: int, of: int) -> tuple[float, float]:
    one, two, (low, high), (other_low, other_high) = right / count, other / of, wilson(right, count), wilson(other, of)
    below = math.sqrt((one - low) ** 2 + (other_high - two) ** 2)
    above = math.sqrt((high - one) ** 2 + (two - other_low) ** 2)
    return one - two - below, one - two + above


def cell(table: pd.DataFrame, metric: str, images: int = 50) -> pd.Series:
    (found,) = (row for _, row in table.iterrows() if row["metric"] == metric and row["test_images"] == images)
    return found


class TestPublished:
    @pytest.mark.parametrize("protocol", [RELEASED, WRITTEN], ids=lambda protocol: protocol.name)
    @pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
    def test_the_papers_numbers_stand_in_their_cells(self, variant: Variant, protocol: Protocol) -> None:
        one = job(variant, protocol)
        clean = published_table("accuracy", PROFILE, [(one, records(one))])
        attacked = published_table("adversarial", PROFILE, [(one, records(one))])
        metrics = ("cnn_accuracy", "cnn_loss", "rs_accuracy", "rs_loss")
        expected = PAPER[variant.name]
        for images in PROFILE.test_images:
            assert tuple(cell(clean, metric, images)["paper"] for metric in metrics) == expected[:4]
            assert tuple(cell(attacked, metric, images)["paper"] for metric in metrics[::2]) == expected[4:]
        assert (len(clean), len(attacked)) == (8, 4)

    def test_the_authors_numbers_and_notes(self) -> None:
        one, other = job(), job(UPSCALED_AI)
        clean = published_table("accuracy", PROFILE, [(one, records(one))])
        assert cell(clean, "cnn_loss")["paper"] == 0.97
        assert cell(clean, "cnn_loss")["author_notebook"] == 0.1043
        assert "typing error" in cell(clean, "cnn_loss")["note"]
        assert cell(clean, "rs_loss")["author_notebook"] == 0.10430997809405697
        assert cell(clean, "rs_loss")["note"] == ""
        assert "author_epsilon_255" not in clean
        attacked = published_table("adversarial", PROFILE, [(one, records(one)), (other, records(other))])
        by_variant = attacked.groupby("variant")["author_epsilon_255"].unique()
        assert {name: list(values) for name, values in by_variant.items()} == {"Normal": [2], "UpscaledAI": [10]}
        upscaled = attacked[attacked["variant"] == "UpscaledAI"]
        assert cell(upscaled, "cnn_accuracy")["note"] == "the only model that the notebook attacks at epsilon 10"

    def test_every_published_number_is_there_once(self) -> None:
        table = reported()
        found = {
            (row["table"], row["variant"], row["metric"]): row["paper"] for _, row in table.iterrows()
        }
        names = [("accuracy", metric) for metric in ("cnn_accuracy", "cnn_loss", "rs_accuracy", "rs_loss")]
        names += [("adversarial", "cnn_accuracy"), ("adversarial", "rs_accuracy")]
        assert len(table) == len(found) == 36
        assert found == {
            (kind, variant, metric): number
            for variant, numbers in PAPER.items()
            for (kind, metric), number in zip(names, numbers, strict=True)
        }

    def test_accuracies_with_their_intervals(self) -> None:
        one = job()
        attack, smoothing = Attack(2 / 255, "softmax"), Smoothing(0.15 / 255, 10)
        right = {
            Condition(): 48,
            Condition(None, smoothing): 40,
            Condition(attack): 30,
            Condition(attack, smoothing): 21,
        }
        made = records(one, lambda condition: right.get(condition, 0))
        for kind, metric, count, paper in (
            ("accuracy", "cnn_accuracy", 48, 980),
            ("accuracy", "rs_accuracy", 40, 980),
            ("adversarial", "cnn_accuracy", 30, 973),
            ("adversarial", "rs_accuracy", 21, 973),
        ):
            row = cell(published_table(kind, PROFILE, [(one, made)]), metric)
            assert row["measured"] == count / 50
            assert (row["low"], row["high"]) == pytest.approx(wilson(count, 50), abs=1e-12)
            assert row["difference"] == pytest.approx(count / 50 - paper / 1000, abs=1e-12)
            ends = newcombe(count, 50, paper, 1000)
            assert (row["difference_low"], row["difference_high"]) == pytest.approx(ends, abs=1e-12)
            assert row["paper_is"] == ("inside" if ends[0] <= 0 <= ends[1] else "outside")

    @pytest.mark.parametrize(
        ("right", "verdict"),
        [(531, "outside"), (532, "inside"), (565, "inside"), (566, "outside")],
    )
    def test_verdict_on_either_side(self, right: int, verdict: str) -> None:
        """UpscaledAI under attack, 0.916 in the paper: enough images that both sides can be told from it."""
        large = replace(PROFILE, test_images=(600,))
        one = replace(job(UPSCALED_AI), profile=large)
        row = cell(published_table("adversarial", large, [(one, records(one, lambda _: right))]), "rs_accuracy", 600)
        low, high = newcombe(right, 600, 916, 1000)
        assert (low <= 0 <= high) == (verdict == "inside"), (low, high)
        assert row["paper_is"] == verdict

    def test_losses_with_their_intervals(self) -> None:
        one = job()
        losses = np.linspace(0, 1, 50) ** 3
        mean, sd = losses.sum() / 50, math.sqrt(((losses - losses.sum() / 50) ** 2).sum() / 49)
        made = pd.concat([records(one).query("not (classifier == 'cnn' and attack == 'none')"),
                          rows(one, Condition(), 40, 50, losses)])  # fmt: skip
        row = cell(published_table("accuracy", PROFILE, [(one, made)]), "cnn_loss")
        half = T_49 * sd / math.sqrt(50)
        assert row["measured"] == pytest.approx(mean)
        assert (row["low"], row["high"]) == pytest.approx((mean - half, mean + half))
        # The paper's mean is itself of 1,000 images. Drawn here anew: chance moves an end by 0.002.
        generator = np.random.default_rng(3)
        changes = generator.choice(losses, (10_000, 50)).mean(axis=1) - mean
        changes += generator.normal(0, sd / math.sqrt(1000), 10_000)
        above, below = np.quantile(changes, [0.975, 0.025])
        found, low, high = (row[f"difference{end}"] for end in ("", "_low", "_high"))
        assert found == pytest.approx(mean - 0.97)
        assert (low, high) == pytest.approx((found - above, found - below), abs=0.008)
        # Losses are skewed: resampled means stray further up, so the true one may lie further down.
        assert above > -below + 0.003 and found - low > high - found + 0.003

    @pytest.mark.parametrize(
        ("shift", "verdict"), [(-1.06, "outside"), (-0.94, "inside"), (0.94, "inside"), (1.06, "outside")]
    )
    def test_verdict_of_a_loss(self, shift: float, verdict: str) -> None:
        """A mean that lies `shift` times the half-width from the paper's 0.1043; of its two terms, both."""
        one = job()
        smoothed = next(condition for condition in one.paper_conditions if condition.smoothing and not condition.attack)
        pattern = np.tile([-0.05, 0.05], 25)
        # Resampled means of a symmetric pattern are normal, but for steps of 0.002 and chance.
        half = 1.96 * 0.05 * math.sqrt(1 / 50 + 1 / 1000)
        made = rows(one, smoothed, 40, 50, 0.1043 + pattern + shift * half)
        row = cell(published_table("accuracy", PROFILE, [(one, made)]), "rs_loss")
        assert row["difference"] == pytest.approx(shift * half)
        assert row["paper_is"] == verdict

    def test_the_smaller_test_set_is_the_first_of_the_larger(self) -> None:
        one = job()
        # 20 right of the first 20 images, and 23 of all 50.
        table = published_table("accuracy", PROFILE, [(one, records(one, lambda _: 23))])
        assert cell(table, "cnn_accuracy", 20)["measured"] == 1
        assert cell(table, "cnn_accuracy", 50)["measured"] == 23 / 50
        assert cell(table, "rs_accuracy", 20)["high"] == pytest.approx(wilson(20, 20)[1])

    def test_of_the_papers_size_and_the_whole_test_set(self) -> None:
        large = replace(PROFILE, test_images=(1_000, 10_000))
        one = replace(job(), profile=large)
        table = published_table("accuracy", large, [(one, rows(one, Condition(), 1_500, 10_000))])
        assert list(table["test_images"]) == [1_000, 1_000, 10_000, 10_000]
        measured = table[table["metric"] == "cnn_accuracy"]["measured"]
        assert list(measured) == [1, 0.15]

    def test_incomplete_records_give_no_row(self) -> None:
        one = job()
        # One image short of 50, so the 20 are complete; the smoothed classifier is one short of 20.
        made = pd.concat([rows(one, Condition(), 9, 49), rows(one, one.paper_conditions[1], 9, 19)])
        table = published_table("accuracy", PROFILE, [(one, made)])
        found = set(zip(table["metric"], table["test_images"], strict=True))
        assert found == {("cnn_accuracy", 20), ("cnn_loss", 20)}
        assert published_table("adversarial", PROFILE, [(one, made)]).empty

    def test_enough_records_of_other_images_give_no_row(self) -> None:
        one = job()
        made = rows(one, Condition(), 60, 60)
        made = made[made["image"] != plan.test_order()[3]]
        assert published_table("accuracy", PROFILE, [(one, made)]).empty

    def test_records_of_another_budget_or_output_give_no_row(self) -> None:
        one = job()
        other = [Condition(Attack(10 / 255, "softmax")), Condition(Attack(2 / 255, "log-odds"))]
        made = pd.concat([rows(one, condition, 9, 50) for condition in other])
        assert published_table("adversarial", PROFILE, [(one, made)]).empty

    def test_a_row_says_what_it_is_about(self) -> None:
        one = job(UPSCALED_AI, RELEASED, seed=3, esrgan="https://example.org/esrgan")
        row = cell(published_table("adversarial", PROFILE, [(one, records(one))]), "rs_accuracy")
        assert row[["protocol", "variant", "resized_by", "seed", "precision"]].to_list() == [
            "released", "UpscaledAI", "esrgan", 3, "float32",
        ]  # fmt: skip
        assert row["trial"] == one.trial.key
        assert (row["sigma"], row["sigma_255"]) == pytest.approx((0.15 / 255, 0.15))
        assert (row["epsilon"], row["epsilon_255"]) == pytest.approx((10 / 255, 10))
        assert row["attacked_output"] == "softmax"
        clean = cell(published_table("accuracy", PROFILE, [(one, records(one))]), "cnn_loss")
        assert clean[["sigma", "sigma_255", "epsilon", "epsilon_255"]].to_list() == [0, 0, 0, 0]
        assert clean["attacked_output"] == "none"


class TestSweeps:
    def test_sigma(self) -> None:
        one = job()
        right = {Condition(): 9} | {
            condition: place for place, condition in enumerate(one.sigma_conditions[1:], start=1)
        }
        made = pd.concat([rows(one, condition, count, 10) for condition, count in right.items()])
        table = sigma_sweep([(one, made)])
        assert table["sigma"].to_list() == pytest.approx(SWEEP_SIGMAS)
        assert table["sigma_255"].to_list() == pytest.approx([0.15, 2, 10, 38.25, 63.75, 127.5, 191.25, 255])
        assert set(table["cnn_accuracy"]) == {0.9}
        assert table["rs_accuracy"].to_list() == [place / 10 for place in range(1, 9)]
        assert table["rs_minus_cnn"].to_list() == pytest.approx([place / 10 - 0.9 for place in range(1, 9)])
        # The wrong class is the same wherever the image is wrong: from the place to 9 they differ.
        assert table["same_prediction"].to_list() == pytest.approx([1 - (9 - place) / 10 for place in range(1, 9)])
        for _, row in table.iterrows():
            assert (row["cnn_low"], row["cnn_high"]) == pytest.approx(wilson(9, 10))
            assert (row["rs_low"], row["rs_high"]) == pytest.approx(wilson(round(10 * row["rs_accuracy"]), 10))
        assert set(table["n"]) == {10} and set(table["test_images"]) == {10} and set(table["epsilon"]) == {0}

    def test_same_prediction_compares_image_by_image(self) -> None:
        """Two classifiers that are equally often right, each on other images."""
        one = job()
        network, smoothed = (rows(one, condition, 5, 10) for condition in one.sigma_conditions[:2])
        first = smoothed["image"].isin(plan.test_order()[:5])
        labels = smoothed["label"]
        # Right now where it was wrong; and another wrong class for one image.
        smoothed["prediction"] = np.where(first, (labels + 1) % 10, labels)
        row = sigma_sweep([(one, pd.concat([network, smoothed]))]).iloc[0]
        assert (row["rs_minus_cnn"], row["same_prediction"]) == (0, 0)
        smoothed["prediction"] = np.where(smoothed["image"] == plan.test_order()[9], (labels + 1) % 10, labels)
        row = sigma_sweep([(one, pd.concat([network, smoothed]))]).iloc[0]
        # Wrong both times for the last, right both times for the first five.
        assert row["same_prediction"] == pytest.approx(0.6)
        assert row["rs_minus_cnn"] == pytest.approx(0.4)

    @pytest.mark.parametrize("protocol", [RELEASED, WRITTEN], ids=lambda protocol: protocol.name)
    def test_epsilon(self, protocol: Protocol) -> None:
        one = job(DOWNSCALED, protocol)
        conditions = one.epsilon_conditions
        made = pd.concat(
            [rows(one, condition, 9 - place // 2 + place % 2, 10) for place, condition in enumerate(conditions)]
        )
        table = epsilon_sweep([(one, made)])
        assert table["epsilon"].to_list() == pytest.approx(SWEEP_EPSILONS)
        assert table["epsilon_255"].to_list() == pytest.approx([0, 1, 2, 5, 10, 19, 38, 57, 76])
        assert table["cnn_accuracy"].to_list() == pytest.approx([(9 - place) / 10 for place in range(9)])
        assert table["rs_minus_cnn"].to_list() == pytest.approx([0.1] * 9)
        assert table["sigma_255"].to_list() == pytest.approx([protocol.sigma * 255] * 9)
        assert table["attacked_output"].to_list() == ["none"] + [protocol.attacked_output] * 8

    def test_incomplete_records_give_no_row(self) -> None:
        one = job()
        network, first, second, *_ = one.sigma_conditions
        both = pd.concat([rows(one, network, 5, 10), rows(one, first, 5, 9), rows(one, second, 5, 10)])
        assert sigma_sweep([(one, both)])["sigma"].to_list() == pytest.approx([SWEEP_SIGMAS[1]])
        assert sigma_sweep([(one, rows(one, second, 5, 10))]).empty
        # The smoothed classifier of the tables' sigma on clean images is short of one.
        assert epsilon_sweep([(one, both)]).empty

    def test_more_images_than_the_sweep_takes(self) -> None:
        one = job()
        network, smoothed, *_ = one.sigma_conditions
        made = pd.concat([rows(one, network, 12, 50), rows(one, smoothed, 8, 50)])
        row = sigma_sweep([(one, made)]).iloc[0]
        assert (row["test_images"], row["cnn_accuracy"], row["rs_accuracy"]) == (10, 1, 0.8)


class TestWrittenTables:
    @pytest.fixture
    def places(self, tmp_path: Path) -> Places:
        return Places(tmp_path, tmp_path, tmp_path)

    def save(self, places: Places, job: Job, right: int) -> None:
        save_trial(places.profile(PROFILE) / "trials.csv", job.trial, {"weights_sha256": "0" * 64})
        job.records(places).append(records(job, lambda condition: right))
        job.records(places).finish()

    def test_nothing_is_dropped_or_duplicated(self, places: Places) -> None:
        """Two seeds, two protocols, two networks, and two that differ in their ESRGAN alone."""
        every = [
            job(CONTROL, WRITTEN),
            job(NORMAL, RELEASED, seed=1),
            job(NORMAL, RELEASED),
            job(UPSCALED_AI, RELEASED, esrgan="https://example.org/one"),
            job(UPSCALED_AI, RELEASED, esrgan="https://example.org/two"),
        ]
        for place, one in enumerate(every):
            self.save(places, one, right=4 + place)
        folder = places.profile(PROFILE)
        write_tables(folder, PROFILE)
        tables = {name: pd.read_csv(folder / name, keep_default_na=False) for name in TABLES}
        expected = {
            "accuracy.csv": (8, ["trial", "test_images", "metric"]),
            "adversarial_accuracy.csv": (4, ["trial", "test_images", "metric"]),
            "sigma_sweep.csv": (8, ["trial", "sigma"]),
            "epsilon_sweep.csv": (9, ["trial", "epsilon"]),
        }
        keys = [one.trial.key for one in every]
        for name, (each, identity) in expected.items():
            assert tables[name]["trial"].value_counts().to_dict() == dict.fromkeys(keys, each), name
            assert not tables[name].duplicated(identity).any(), name
        # Each trial with its own numbers.
        clean = tables["accuracy.csv"].query("metric == 'cnn_accuracy' and test_images == 50")
        measured = dict(zip(clean["trial"], clean["measured"], strict=True))
        assert measured == pytest.approx({key: (4 + place) / 50 for place, key in enumerate(keys)})
        # In the order of the paper's tables, released first, then by seed.
        upscaled = sorted(keys[3:])
        assert list(dict.fromkeys(tables["accuracy.csv"]["trial"])) == [keys[2], *upscaled, keys[1], keys[0]]

    def test_do_not_depend_on_the_order_in_which_trials_came(self, places: Places, tmp_path: Path) -> None:
        other = Places(tmp_path / "other", tmp_path / "other", tmp_path / "other")
        pair = [job(NORMAL), job(DOWNSCALED)]
        for where, ordered in ((places, pair), (other, pair[::-1])):
            for one in ordered:
                self.save(where, one, right=3)
            write_tables(where.profile(PROFILE), PROFILE)
        for name in TABLES:
            assert (places.profile(PROFILE) / name).read_bytes() == (other.profile(PROFILE) / name).read_bytes()

    def test_a_trial_of_another_version_is_refused(self, places: Places) -> None:
        self.save(places, job(), 3)
        table = places.profile(PROFILE) / "trials.csv"
        save_trial(table, replace(job().trial, protocol="imagined"), {"weights_sha256": "0" * 64})
        with pytest.raises(InputError, match="imagined-normal-seed0"):
            write_tables(places.profile(PROFILE), PROFILE)
