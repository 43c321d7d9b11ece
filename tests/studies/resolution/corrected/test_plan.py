"""What protocol `corrected` trains, certifies and attacks, and what it takes for done."""

from __future__ import annotations

import itertools
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.certification.log import Fixed, Sequential
from src.studies.resolution import plan
from src.studies.resolution.config import CONTROL_SMALL, DOWNSCALED, NORMAL, UPSCALED_AI, VARIANTS
from src.studies.resolution.corrected.conditions import Attack, Condition, conditions, swept
from src.studies.resolution.corrected.config import (
    COMPARISON,
    FULL,
    PROFILES,
    RECIPES,
    REDUCED,
    SIGMAS,
    Attacks,
    Training,
    Work,
    recipes,
)
from src.studies.resolution.corrected.plan import CorrectedJob, corrected_jobs, corrected_trial
from src.studies.resolution.plan import Places
from src.training.recipes import MACER, Consistency, Gaussian, Recipe, SmoothAdv, Stability

SMOKE, QUICK, PAPER, SEEDS = PROFILES
FIXED, SEQUENTIAL = Fixed(10), Sequential((0.0, 0.25), 100)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "data", tmp_path / "models", tmp_path / "results")


def job(attacks: Attacks | None = None) -> CorrectedJob:
    training = Training(DOWNSCALED, Gaussian(0.25), REDUCED)
    work = Work(training, ((FIXED, 3), (SEQUENTIAL, 2)), attacks)
    return CorrectedJob(SMOKE, work, corrected_trial(training, 1, 0, "float32", None))


def certify(job: CorrectedJob, places: Places, method: Fixed | Sequential, indices: np.ndarray) -> None:
    log = job.log(places, method)
    log.begin()
    made_up = {"label": 1, "predict": 1, "radius": 0.25, "count": 9, "n": 10, "network": 1, "seconds": 0.1}
    steps = {"count_at": [(9,)] * len(indices), "n_at": [(10,)] * len(indices)}
    log.append(pd.DataFrame({"idx": indices, **made_up, **steps}))


class TestTrials:
    def test_a_trial_says_all_that_shapes_the_weights(self) -> None:
        trial = corrected_trial(Training(NORMAL, Consistency(0.5), COMPARISON), 1, 3, "bfloat16", None)
        assert trial.protocol == "corrected" and trial.recipe == "consistency" and trial.variant == "Normal"
        assert (trial.seed, trial.precision) == (3, "bfloat16")
        assert trial.training == {
            "filters": [28, 64], "units": 128, "dropout": 0.5, "side": 28, "resized_by": "original",
            "train_split": "larger", "train_images": 12_000, "epochs": 10, "batch_size": 64, "annealed": True,
            "recipe": {"sigma": 0.5, "m": 2, "weight": 5.0, "entropy": 0.5},
        }  # fmt: skip
        assert trial.key.startswith("corrected-normal-consistency-seed3-")

    def test_a_trial_says_that_its_rate_rises_first(self) -> None:
        trial = corrected_trial(Training(NORMAL, Gaussian(0.5), REDUCED), 1, 0, "float32", None)
        assert trial.training["warmup_epochs"] == 1

    def test_whatever_differs_makes_another_trial(self) -> None:
        one = Training(NORMAL, Gaussian(0.25), FULL)
        others = [
            one,
            replace(one, recipe=Gaussian(0.5)),
            replace(one, recipe=Stability(0.25)),
            replace(one, recipe=Stability(0.25, weight=1)),
            replace(one, schedule=COMPARISON),
            replace(one, variant=CONTROL_SMALL),
        ]
        keys = {corrected_trial(training, 1, 0, "float32", None).key for training in others}
        keys |= {corrected_trial(one, 1, 1, "float32", None).key, corrected_trial(one, 1, 0, "bfloat16", None).key}
        keys |= {corrected_trial(one, 0.25, 0, "float32", None).key}
        assert len(keys) == len(others) + 3

    def test_an_esrgan_network_is_part_of_the_trial(self) -> None:
        trial = corrected_trial(Training(UPSCALED_AI, Gaussian(0.25), REDUCED), 1, 0, "float32", None)
        assert trial.training["resized_by"] == "esrgan" and "esrgan" in trial.training

    @pytest.mark.parametrize("recipe", recipes(0.25), ids=lambda recipe: type(recipe).__name__)
    def test_recipes_are_named_by_their_types(self, recipe: Recipe) -> None:
        trial = corrected_trial(Training(NORMAL, recipe, FULL), 1, 0, "float32", None)
        assert trial.recipe in RECIPES and trial.training["recipe"] == asdict(recipe)

    def test_passes_count_what_a_step_costs(self) -> None:
        assert [recipe.passes for recipe in recipes(0.25)] == [1, 2, 2, 6, 16]
        assert SmoothAdv(0.5, steps=10, m=8).passes == 88
        assert MACER(0.5, k=4).passes == 4


class TestProfiles:
    def test_paper_covers_the_question(self) -> None:
        trainings = [work.training for work in PAPER.work]
        assert len(set(trainings)) == len(trainings)
        for sigma in SIGMAS:
            assert {Training(variant, Gaussian(sigma), FULL) for variant in (DOWNSCALED, NORMAL)} <= set(trainings)
        for variant in VARIANTS:
            for sigma in (0.25, 0.5):
                assert Training(variant, Gaussian(sigma), REDUCED) in trainings
        # As strong, for the same picture, as 0.25 at 28x28.
        assert Training(DOWNSCALED, Gaussian(0.125), REDUCED) in trainings

    def test_recipes_are_compared_on_equal_terms(self) -> None:
        compared = [work for work in PAPER.work if work.training.schedule is COMPARISON]
        for variant in (DOWNSCALED, NORMAL):
            for sigma in (0.25, 0.5):
                equal = [
                    work
                    for work in compared
                    if work.training.variant is variant and work.training.recipe.sigma == sigma
                ]
                assert [work.training.recipe for work in equal] == list(recipes(sigma))
                assert {work.certifications for work in equal} == {((Fixed(2_000), 500),)}
        assert COMPARISON.train_images == 12_000 and COMPARISON.epochs == 10

    def test_resolutions_are_compared_at_equal_draws(self) -> None:
        reduced = [work for work in PAPER.work if work.training.schedule is REDUCED]
        assert len({work.training.variant for work in reduced}) == 6
        assert {method for work in reduced for method, _ in work.certifications} == {Fixed(1_000)}

    def test_every_profile_has_both_ways_to_certify_and_an_attack_on_the_smoothed_classifier(self) -> None:
        assert SEEDS.work == ()
        for profile in (SMOKE, QUICK, PAPER):
            kinds = {type(method) for work in profile.work for method, _ in work.certifications}
            assert kinds == {Fixed, Sequential}
            assert any(work.attacks and work.attacks.sweep for work in profile.work)
            assert all(work.certifications for work in profile.work)


class TestConditions:
    def test_those_with_one_attack_stand_together(self) -> None:
        found = [condition.attack for condition in conditions(Attacks(10, 50, thorough=True, sweep=True), 0.25)]
        assert len(list(itertools.groupby(found))) == len(set(found))

    def test_network_and_smoothed_classifier_see_the_same_images(self) -> None:
        found = conditions(Attacks(10, 50), 0.25)
        assert {c.attack for c in found if c.n == 0} == {c.attack for c in found if c.n == 50}
        assert {c.n for c in found} == {0, 50}
        assert {c.attack.name if c.attack else "none" for c in found} == {"none", "fgsm-log-odds"}

    def test_transfer_and_attack_have_equal_budgets(self) -> None:
        found = conditions(Attacks(10, 50, thorough=True), 0.5)

        def budgets(name: str) -> set[float]:
            attacks = (c.attack for c in found if c.n and c.attack and c.attack.norm == "l2")
            return {attack.epsilon for attack in attacks if attack.name == name}

        assert budgets("pgd") == budgets("smoothed-pgd") == {0.5, 1.0, 1.5, 2.0}

    def test_the_sweep_varies_one_thing_at_a_time(self) -> None:
        attacks = swept(0.5)
        middle = Attack("smoothed-pgd", "l2", 2.0, 20, 1, 16)
        assert middle in attacks and len(set(attacks)) == len(attacks)
        for attack in attacks:
            assert sum(getattr(attack, name) != getattr(middle, name) for name in ("steps", "restarts", "m")) <= 1
        for name in ("steps", "restarts", "m"):
            assert len({getattr(attack, name) for attack in attacks}) >= 3

    def test_columns_of_the_network_and_of_the_smoothed_classifier(self) -> None:
        attack = Attack("pgd", "l2", 1 / 3, 20, 2)
        assert Condition(None, 0).columns() == {
            "classifier": "network", "n": 0, "alpha": 0.0, "attack": "none", "norm": "none", "epsilon": 0.0,
            "steps": 0, "restarts": 0, "m": 0,
        }  # fmt: skip
        smoothed = Condition(attack, 100).columns()
        assert smoothed["classifier"] == "smoothed" and smoothed["alpha"] == 0.001
        assert smoothed["epsilon"] == 0.333333333 and (smoothed["steps"], smoothed["restarts"]) == (20, 2)


class TestDone:
    def test_missing_are_the_test_images_without_a_certificate(self, places: Places) -> None:
        one = job()
        order = plan.test_order()
        assert one.missing_certificates(places, FIXED, 3).tolist() == [0, 1, 2]
        certify(one, places, FIXED, order[1:2])
        assert one.missing_certificates(places, FIXED, 3).tolist() == [0, 2]

    def test_done_when_logs_and_table_are_complete(self, places: Places) -> None:
        one = job()
        assert not one.is_evaluated(places)
        certify(one, places, FIXED, plan.test_order()[:3])
        assert not one.is_evaluated(places)
        certify(one, places, SEQUENTIAL, plan.test_order()[:2])
        assert one.is_evaluated(places)
        assert one.is_done(places, [one.trial.key]) and not one.is_done(places, [])

    def test_attacks_have_to_be_recorded(self, places: Places) -> None:
        one = job(Attacks(images=2, n=50))
        certify(one, places, FIXED, plan.test_order()[:3])
        certify(one, places, SEQUENTIAL, plan.test_order()[:2])
        wanted = conditions(Attacks(images=2, n=50), 0.25)
        assert one.missing_predictions(places) == 2 * len(wanted) and not one.is_evaluated(places)
        records = one.records(places)
        for condition in wanted:
            row = {"trial": one.trial.key, **condition.columns(), "image": plan.test_order()[:2], "label": 1}
            records.append(pd.DataFrame({**row, "prediction": 1, "distance": 0.0}))
        assert one.missing_predictions(places) == 0 and not one.is_evaluated(places)
        records.finish()
        assert one.is_evaluated(places)

    def test_methods_have_logs_of_their_own(self, places: Places) -> None:
        one = job()
        methods = [FIXED, Fixed(20), SEQUENTIAL, Sequential((0.25,), 100), Sequential((0.0, 0.25), 200)]
        assert len({one.log(places, method).path for method in methods}) == len(methods)


class TestJobs:
    def test_options_choose_among_the_profile(self) -> None:
        everything = corrected_jobs("paper", [0], "float32", None)
        assert [one.work for one in everything] == list(PAPER.work)
        chosen = corrected_jobs("paper", [0, 1], "float32", None, [NORMAL], ["gaussian"], [0.5])
        assert {(one.trial.variant, one.trial.recipe, one.sigma) for one in chosen} == {("Normal", "gaussian", 0.5)}
        assert {one.trial.seed for one in chosen} == {0, 1}
        assert corrected_jobs("quick", [0], "float32", None, [UPSCALED_AI]) == []
