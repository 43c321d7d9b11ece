from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.base import Precision
from src.experiments.conditions import Attack, Condition, Smoothing
from src.studies.resolution import plan
from src.studies.resolution.config import (
    CONTROL,
    DOWNSCALED,
    NORMAL,
    PAPER,
    PROTOCOLS,
    QUICK,
    RELEASED,
    SMOKE,
    SWEEP_EPSILONS,
    SWEEP_SIGMAS,
    UPSCALED_AI,
    VARIANTS,
    WRITTEN,
    Profile,
    Protocol,
    Variant,
)
from src.studies.resolution.plan import Job, Places, jobs, number_of_training_images, resolution_trial
from src.training.trial import Trial
from tests.studies.resolution.records_folder import write_fit, write_votes

TWO = replace(SMOKE, test_images=(3, 5), sweep_images=2)
"""Few images, so that records can be made by hand."""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "data", tmp_path / "models", tmp_path / "results")


def trial(
    profile: Profile = PAPER,
    protocol: Protocol = RELEASED,
    variant: Variant = NORMAL,
    seed: int = 0,
    precision: Precision = "float32",
    esrgan: str | None = None,
) -> Trial:
    return resolution_trial(profile, protocol, variant, seed, precision, esrgan)


def job(profile: Profile = TWO, protocol: Protocol = RELEASED, variant: Variant = NORMAL) -> Job:
    return Job(profile, protocol, variant, trial(profile, protocol, variant))


def rows(job: Job, condition: Condition, count: int, start: int = 0) -> pd.DataFrame:
    images = plan.test_order()[start:count]
    made_up = {"label": 0, "prediction": 0, "loss": 0.5}
    return pd.DataFrame({"trial": job.trial.key, **condition.columns(), "image": images, **made_up})


class TestOrders:
    def test_the_two_parts_are_disjoint_and_cover_all(self) -> None:
        order = plan.train_order()
        larger, smaller = set(order[:48_000].tolist()), set(order[48_000:].tolist())
        assert (len(larger), len(smaller)) == (48_000, 12_000)
        assert not larger & smaller and larger | smaller == set(range(60_000))

    def test_test_order_holds_each_image_once(self) -> None:
        np.testing.assert_array_equal(np.sort(plan.test_order()), np.arange(10_000))

    def test_pinned(self) -> None:
        """Another order would silently mix networks and records of different images under the same keys."""
        train = plan.train_order()
        assert train[:10].tolist() == [52788, 16083, 12473, 43116, 9198, 38496, 57816, 4278, 49388, 26133]
        assert train[48_000:48_010].tolist() == [
            37860, 23169, 50597, 15268, 13260, 16763, 42146, 8138, 38870, 28883,
        ]  # fmt: skip
        assert plan.test_order()[:10].tolist() == [652, 1121, 1677, 6111, 3006, 3525, 2081, 5183, 3723, 5780]

    @pytest.mark.parametrize(
        ("profile", "protocol", "count"),
        [
            (PAPER, RELEASED, 12_000),
            (PAPER, WRITTEN, 48_000),
            (replace(PAPER, train_images=20_000), RELEASED, 12_000),
            (replace(PAPER, train_images=20_000), WRITTEN, 20_000),
            (SMOKE, RELEASED, 256),
        ],
    )
    def test_number_of_training_images(self, profile: Profile, protocol: Protocol, count: int) -> None:
        assert number_of_training_images(profile, protocol) == count


class TestTrials:
    @pytest.mark.parametrize(
        ("protocol", "variant", "key"),
        [
            (RELEASED, NORMAL, "released-normal-seed0-568c720bd0"),
            (WRITTEN, DOWNSCALED, "written-downscaled-seed0-b131c7b903"),
        ],
    )
    def test_keys_that_committed_results_carry(self, protocol: Protocol, variant: Variant, key: str) -> None:
        assert trial(PAPER, protocol, variant).key == key

    def test_keys_differ_wherever_the_network_does(self, tmp_path: Path) -> None:
        handles = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "saved_model.pb").write_text(name)
            handles.append(str(tmp_path / name))
        every = [
            *(trial(PAPER, protocol, variant) for protocol in PROTOCOLS for variant in VARIANTS),
            trial(SMOKE),
            trial(QUICK),
            trial(seed=1),
            trial(precision="bfloat16"),
            *(trial(variant=UPSCALED_AI, esrgan=handle) for handle in (*handles, "https://example.org/esrgan")),
        ]
        assert len({one.key for one in every}) == len(every) == 25

    def test_key_does_not_depend_on_where_the_esrgan_lies(self, tmp_path: Path) -> None:
        keys = set()
        for name in ("here", "there"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "saved_model.pb").write_text("the same")
            keys.add(trial(variant=UPSCALED_AI, esrgan=str(tmp_path / name)).key)
        assert len(keys) == 1

    def test_esrgan_is_part_of_esrgan_trials_only(self) -> None:
        url = "https://example.org/esrgan"
        assert trial(variant=UPSCALED_AI, esrgan=url).training["esrgan"] == url
        for variant in (DOWNSCALED, NORMAL, CONTROL):
            assert trial(variant=variant, esrgan=url).key == trial(variant=variant).key

    def test_training_configuration(self) -> None:
        found = trial(PAPER, RELEASED, CONTROL, seed=7, precision="bfloat16")
        assert found == Trial(
            study="resolution",
            protocol="released",
            variant="Control",
            recipe="cross_entropy",
            seed=7,
            precision="bfloat16",
            training={
                "filters": [56, 128],
                "units": 256,
                "dropout": 0.5,
                "side": 56,
                "resized_by": "bicubic",
                "train_split": "smaller",
                "train_images": 12_000,
                "train_noise": 0.15,
                "passes": 2,
                "epochs": 10,
                "batch_size": 32,
            },
        )


class TestConditions:
    def test_of_the_papers_tables(self) -> None:
        attack, smoothing = Attack(2 / 255, "softmax"), Smoothing(0.15 / 255, 10)
        assert set(job().paper_conditions) == {
            Condition(),
            Condition(None, smoothing),
            Condition(attack, None),
            Condition(attack, smoothing),
        }
        attacks = {condition.attack for condition in job(variant=UPSCALED_AI).paper_conditions}
        assert attacks == {None, Attack(10 / 255, "softmax")}

    def test_of_the_papers_tables_as_written(self) -> None:
        conditions = job(protocol=WRITTEN).paper_conditions
        assert {condition.attack for condition in conditions} == {None, Attack(10 / 255, "log-odds")}
        assert {condition.smoothing for condition in conditions} == {None, Smoothing(0.15, 10)}

    @pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
    def test_of_the_sweeps(self, protocol: Protocol) -> None:
        network, *smoothed = job(protocol=protocol).sigma_conditions
        assert network == Condition()
        assert smoothed == [Condition(None, Smoothing(sigma, 10)) for sigma in SWEEP_SIGMAS]

        swept = job(protocol=protocol).epsilon_conditions
        output, smoothing = protocol.attacked_output, Smoothing(protocol.sigma, 10)
        attacks = [None, *(Attack(epsilon, output) for epsilon in SWEEP_EPSILONS[1:])]
        assert SWEEP_EPSILONS[0] == 0
        assert swept[::2] == tuple(Condition(attack) for attack in attacks)
        assert swept[1::2] == tuple(Condition(attack, smoothing) for attack in attacks)

    @pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
    @pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
    def test_work_is_what_the_tables_need(self, protocol: Protocol, variant: Variant) -> None:
        one = job(PAPER, protocol, variant)
        budgets = {Condition(Attack(epsilon / 255, protocol.attacked_output)) for epsilon in (2, 10)}
        assert set(one.budget_conditions) == budgets
        tabled = {*one.paper_conditions} | budgets
        assert {one.work[condition] for condition in tabled} == {10_000}
        swept = {*one.sigma_conditions, *one.epsilon_conditions} - tabled
        assert {one.work[condition] for condition in swept} == {1_000}
        assert set(one.work) == swept | tabled


class TestMissing:
    def test_all_at_first(self, places: Places) -> None:
        # 5 images of the tables' 4 conditions and of the network at the other one's budget; 2 of those that only a
        # sweep has: 8 sigmas without the tables' own, 8 budgets above 0 without the tables' own, each for the network
        # and its smoothed classifier, the network at the other one's budget being there already.
        assert job().missing(places) == 5 * 5 + (7 + 2 * 7 - 1) * 2

    def test_partly_filled(self, places: Places) -> None:
        one = job()
        whole = one.missing(places)
        records = one.records(places)
        clean, swept = Condition(), one.sigma_conditions[-1]
        records.append(rows(one, clean, 4))
        assert one.missing(places) == whole - 4
        records.append(rows(one, clean, 5, start=4))
        assert one.missing(places) == whole - 5
        # More images of a sweep than it needs: the others' work does not shrink.
        records.append(rows(one, swept, 5))
        assert one.missing(places) == whole - 5 - 2
        # Images beyond those wanted, and rows of another condition, count for nothing.
        records.append(rows(one, one.paper_conditions[1], 9, start=5))
        records.append(rows(one, Condition(None, Smoothing(0.33, 10)), 5))
        assert one.missing(places) == whole - 7
        records.finish()
        assert one.missing(places) == whole - 7

    def test_none_when_each_has_its_images(self, places: Places) -> None:
        one = job()
        for condition, count in one.work.items():
            one.records(places).append(rows(one, condition, count))
        assert one.missing(places) == 0

    def test_other_trials_records_do_not_count(self, places: Places) -> None:
        one, other = job(), job(protocol=WRITTEN)
        one.records(places).append(rows(one, Condition(), 5))
        assert other.missing(places) == 65

    def test_is_done_needs_records_examples_and_the_tables_row(self, places: Places) -> None:
        one = job()
        key = one.trial.key
        records, examples = one.records(places), one.examples(places)
        examples.parent.mkdir(parents=True)
        examples.touch()
        for condition, count in one.work.items():
            records.append(rows(one, condition, count))
        assert not one.is_done(places, [key]), "the records are still in the making"
        records.finish()
        assert not one.is_done(places, [key]), "votes and answers on training images are missing"
        write_votes(places, one)
        write_fit(places, one)
        assert one.is_done(places, [key])
        assert not one.is_done(places, [])
        assert not one.is_done(places, ["released-normal-seed1-0000000000"])
        records.append(rows(one, Condition(), 1))
        assert not one.is_done(places, [key]), "more was appended and is not in the finished file"
        records.finish()
        assert one.is_done(places, [key])
        examples.unlink()
        assert not one.is_done(places, [key])


class TestJobs:
    def test_cheapest_first_within_each_protocol(self) -> None:
        found = jobs(PAPER, PAPER.variants, (0,), "float32", None)
        assert len(found) == 12
        assert [one.protocol.name for one in found] == ["released"] * 6 + ["written"] * 6
        for start in (0, 6):
            names = [one.variant.name for one in found[start : start + 6]]
            assert names[:2] == ["Downscaled", "Normal"]
            assert set(names[2:4]) == {"UpscaledAI Small", "Control Small"}
            assert set(names[4:]) == {"UpscaledAI", "Control"}

    def test_order_does_not_depend_on_how_variants_are_named(self) -> None:
        wanted = ((RELEASED, (CONTROL, NORMAL, DOWNSCALED)),)
        found = jobs(PAPER, wanted, (3, 1), "bfloat16", None)
        assert [(one.variant.name, one.trial.seed) for one in found] == [
            ("Downscaled", 3), ("Normal", 3), ("Control", 3), ("Downscaled", 1), ("Normal", 1), ("Control", 1),
        ]  # fmt: skip
        assert {one.trial.precision for one in found} == {"bfloat16"}

    def test_each_job_carries_its_own_trial(self) -> None:
        url = "https://example.org/esrgan"
        for one in jobs(QUICK, QUICK.variants, (0, 1), "float32", url):
            expected = resolution_trial(QUICK, one.protocol, one.variant, one.trial.seed, "float32", url)
            assert one.trial == expected and one.profile is QUICK


def test_places(tmp_path: Path) -> None:
    places = Places(tmp_path / "d", tmp_path / "m", tmp_path / "r")
    one = job(PAPER)
    key = one.trial.key
    assert places.mnist == tmp_path / "d/mnist.npz" and places.cache == tmp_path / "d/cache"
    assert places.trial(one.trial).path == tmp_path / "m/resolution" / key
    assert one.records(places).path == tmp_path / "r/resolution/paper/records" / f"{key}.csv.gz"
    assert one.examples(places) == tmp_path / "r/resolution/paper/examples" / f"{key}.npz"
