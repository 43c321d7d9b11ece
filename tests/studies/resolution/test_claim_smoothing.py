"""The sentences about smoothing: what is written on disk, and nothing else, decides each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from src.base import ABSTAIN
from src.claims.claim import Outcome, Verdict
from src.experiments.conditions import Attack, Condition, Smoothing, select
from src.experiments.folders import Places
from src.statistics.paired import Pairs, mcnemar, paired_difference
from src.studies.resolution import plan
from src.studies.resolution.config import DOWNSCALED, NORMAL, SWEEP_SIGMAS, WRITTEN
from src.studies.resolution.corrected import conditions as corrected
from src.studies.resolution.corrected.config import COMPARISON, FULL, Attacks
from src.studies.resolution.plan import Job
from src.training.recipes import Gaussian, Stability
from tests.studies.resolution.corrected import corrected_folder
from tests.studies.resolution.records_folder import (
    LARGE,
    SMALL,
    change,
    flip,
    job,
    judged_claim,
    rows,
    write,
    write_corrected,
    write_votes,
)

CLEAN = Condition()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return corrected_folder.places(tmp_path)


def verdict(places: Places, name: str) -> Verdict:
    return judged_claim(places, name, LARGE).verdict


def of_the_tables(places: Places, one: Job) -> Job:
    return write(places, one, only=one.paper_conditions)


class TestChangesNothing:
    @pytest.mark.parametrize("attacked", [False, True])
    def test_records_decide(self, places: Places, attacked: bool) -> None:
        names = ["smoothing-accuracy", "smoothing-robustness"]
        name, other = names[attacked], names[not attacked]
        one = of_the_tables(places, job(NORMAL, profile=LARGE))
        assert verdict(places, name) is Verdict.ONLY_AS_RELEASED
        (smoothed,) = (
            condition
            for condition in one.paper_conditions
            if condition.smoothing and (condition.attack is not None) == attacked
        )
        flip(one.records(places), smoothed, 4)
        assert verdict(places, name) is Verdict.INCONCLUSIVE
        flip(one.records(places), smoothed, 40)
        assert verdict(places, name) is Verdict.NOT_REPRODUCED
        assert verdict(places, other) is Verdict.ONLY_AS_RELEASED

    def test_smoothing_that_helps_is_a_difference_too(self, places: Places) -> None:
        one = job(NORMAL, profile=LARGE)
        write(places, one, lambda condition: () if condition.smoothing else range(40), one.paper_conditions)
        (test,) = judged_claim(places, "smoothing-accuracy", LARGE).tests
        assert test.outcome is Outcome.FAILS
        assert test.value == paired_difference(Pairs(40, 0, 600), 0.95)
        assert test.p_value == mcnemar(Pairs(40, 0, 600))
        assert test.note == "40 images right only with smoothing, 0 only without"
        assert (test.quantity, test.images, test.seeds) == ("RS minus CNN accuracy", 600, 1)

    def test_errors_on_the_same_images_are_no_difference(self, places: Places) -> None:
        one = job(NORMAL, profile=LARGE)
        write(places, one, lambda condition: range(200), one.paper_conditions)
        assert verdict(places, "smoothing-accuracy") is Verdict.ONLY_AS_RELEASED
        # As many errors, but on other images: the accuracies are equal, and less is known of their difference.
        one.records(places).path.unlink()
        write(places, one, lambda c: range(200) if c.smoothing else range(200, 400), one.paper_conditions)
        assert verdict(places, "smoothing-accuracy") is Verdict.INCONCLUSIVE

    def test_every_training_counts_and_widens_the_intervals(self, places: Places, tmp_path: Path) -> None:
        first = of_the_tables(places, job(NORMAL, profile=LARGE))
        second = of_the_tables(places, job(DOWNSCALED, seed=3, profile=LARGE))
        flip(second.records(places), second.paper_conditions[1], 40)
        written = of_the_tables(places, job(NORMAL, WRITTEN, profile=LARGE))
        write_corrected(tmp_path, corrected_folder.job(NORMAL, Gaussian(0.25), FULL, attacks=Attacks(600, 100)))
        found = judged_claim(places, "smoothing-accuracy", LARGE)
        tests = {test.subject: test for test in found.under("released")}
        assert set(tests) == {"Normal, seed 0, sigma 0.15/255", "Downscaled, seed 3, sigma 0.15/255"}
        assert tests["Normal, seed 0, sigma 0.15/255"].value == paired_difference(Pairs(0, 0, 600), 0.975)
        assert tests["Downscaled, seed 3, sigma 0.15/255"].value == paired_difference(Pairs(0, 40, 600), 0.975)
        (alone,) = found.under("written")
        assert alone.value == paired_difference(Pairs(0, 0, 600), 0.95) and "sigma 38.25/255" in alone.subject
        assert found.verdict is Verdict.NOT_REPRODUCED
        flip(second.records(places), second.paper_conditions[1], 40)
        assert verdict(places, "smoothing-accuracy") is Verdict.REPRODUCED
        flip(written.records(places), written.paper_conditions[1], 40)
        assert verdict(places, "smoothing-accuracy") is Verdict.ONLY_AS_RELEASED
        assert first.trial != second.trial
        assert [test.confidence for test in found.tests] == pytest.approx([0.975, 0.975, 0.95, 0.95])

    def test_a_training_in_two_precisions_counts_once(self, places: Places) -> None:
        one = job(NORMAL, profile=LARGE, precision="bfloat16")
        write(places, one, lambda condition: range(40) if condition.smoothing else (), one.paper_conditions)
        (alone,) = judged_claim(places, "smoothing-accuracy", LARGE).tests
        assert alone.subject == "Normal, seed 0, bfloat16, sigma 0.15/255" and alone.outcome is Outcome.FAILS
        of_the_tables(places, job(NORMAL, profile=LARGE))
        (test,) = judged_claim(places, "smoothing-accuracy", LARGE).tests
        assert test.subject == "Normal, seed 0, sigma 0.15/255" and test.outcome is Outcome.HOLDS

    def test_records_of_one_classifier_more_do_not_count(self, places: Places) -> None:
        """A network asked about more images than its smoothed classifier: the largest test set that both have."""
        one = job(NORMAL, profile=replace(SMALL, test_images=(50, 100)))
        network, smoothed = one.paper_conditions[:2]
        write(places, one, lambda condition: range(50, 100), [network])
        one.records(places).append(rows(one, smoothed, plan.test_order()[:99], range(50, 99)))
        one.records(places).finish()
        (test,) = judged_claim(places, "smoothing-accuracy").tests
        assert test.images == 50 and test.value == paired_difference(Pairs(0, 0, 50))

    def test_without_either_classifier_nothing_is_measured(self, places: Places) -> None:
        one = job(NORMAL, profile=LARGE)
        write(places, one, only=[CLEAN])
        assert verdict(places, "smoothing-accuracy") is Verdict.NOT_MEASURED

    @pytest.mark.parametrize("attacked", [False, True])
    def test_where_smoothing_is_done_as_its_authors_do(self, places: Places, tmp_path: Path, attacked: bool) -> None:
        name = ["smoothing-accuracy", "smoothing-robustness"][attacked]
        one = corrected_folder.job(NORMAL, Gaussian(0.25), FULL, attacks=Attacks(600, 100))
        write_corrected(tmp_path, one)
        (test,) = judged_claim(places, name, LARGE).tests
        assert test.outcome is Outcome.HOLDS
        assert verdict(places, name) is Verdict.INCONCLUSIVE, "alone it is not the paper's"
        assert (test.protocol, test.images, test.seeds) == ("corrected", 600, 1)
        assert test.subject.startswith("Normal, gaussian, seed 0, sigma 0.25, training full")
        assert test.subject.endswith(", epsilon 10/255") == attacked
        for epsilon, expected in ((38, Outcome.HOLDS), (10, Outcome.FAILS)):
            attack = corrected.Attack("fgsm-log-odds", "linf", epsilon / 255) if attacked else None
            if attacked or epsilon == 10:
                flip(one.records(places), corrected.Condition(attack, 100), 40)
            (test,) = judged_claim(places, name, LARGE).tests
            assert test.outcome is expected

    @pytest.mark.parametrize("attacked", [False, True])
    def test_an_abstention_there_is_an_error_and_is_said(self, places: Places, tmp_path: Path, attacked: bool) -> None:
        name = ["smoothing-accuracy", "smoothing-robustness"][attacked]
        one = corrected_folder.job(NORMAL, Gaussian(0.25), FULL, attacks=Attacks(600, 100))
        write_corrected(tmp_path, one)
        (test,) = judged_claim(places, name, LARGE).tests
        assert test.note == "0 images right only with smoothing, 0 only without; 0 abstentions with it"
        attacks = [None, corrected.Attack("fgsm-log-odds", "linf", 10 / 255)]
        # Neither on clean images when it is about attacked ones, nor the other way round.
        for attack, count in ((attacks[attacked], 40), (attacks[not attacked], 50)):
            change(one.records(places), corrected.Condition(attack, 100), abstaining(count))
            flip(one.records(places), corrected.Condition(attack, 0), 3)
        (test,) = judged_claim(places, name, LARGE).tests
        assert test.note == "0 images right only with smoothing, 37 only without; 40 abstentions with it"
        assert test.value == paired_difference(Pairs(0, 37, 600)) and test.outcome is Outcome.FAILS


def abstaining(count: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """On so many images, by ascending index."""

    def edit(answers: pd.DataFrame) -> pd.DataFrame:
        first = answers["image"].isin(sorted(answers["image"])[:count])
        return answers.assign(prediction=answers["prediction"].mask(first, ABSTAIN))

    return edit


class TestSigma:
    def test_records_decide(self, places: Places) -> None:
        one = job(NORMAL, profile=LARGE)
        write(places, one, only=one.sigma_conditions)
        assert verdict(places, "sigma-255") is Verdict.ONLY_AS_RELEASED
        tests = judged_claim(places, "sigma-255", LARGE).tests
        assert len(tests) == len(SWEEP_SIGMAS)
        assert {test.value for test in tests} == {paired_difference(Pairs(0, 0, 600), 1 - 0.05 / 8)}
        assert [test.confidence for test in tests] == pytest.approx([1 - 0.05 / 8] * 8)
        assert any("sigma 255/255" in test.subject for test in tests)
        flip(one.records(places), Condition(None, Smoothing(1.0, 10)), 300)
        assert verdict(places, "sigma-255") is Verdict.NOT_REPRODUCED
        assert [test.subject for test in judged_claim(places, "sigma-255", LARGE).tests if test.outcome != "holds"] == [
            "Normal, seed 0, sigma 255/255"
        ]

    def test_of_the_first_seed(self, places: Places) -> None:
        one, other = (job(NORMAL, seed=seed, profile=LARGE) for seed in (1, 2))
        write(places, one, only=one.sigma_conditions)
        write(places, other, lambda condition: range(300) if condition.smoothing else (), other.sigma_conditions)
        assert verdict(places, "sigma-255") is Verdict.ONLY_AS_RELEASED
        assert verdict(places, "smoothing-accuracy") is Verdict.NOT_REPRODUCED


class TestAbstention:
    def outcomes(self, places: Places) -> dict[tuple[str, str], tuple[Outcome, float, int]]:
        """Of `released`, by alpha and images."""
        found = {}
        for name in ("0.001", "0.01", "0.05"):
            for test in judged_claim(places, f"abstention-{name}").under("released"):
                _, n, alpha, images = test.subject.rsplit(", ", 3)
                assert n == "n 10" and alpha == f"alpha {name}"
                found[name, images] = (test.outcome, test.value.estimate, test.images)
        return found

    @pytest.mark.parametrize(
        ("votes", "answers"),
        [
            # p of the two-sided binomial test: 0.00195, 0.0215, 0.109, 0.0039 and 1.
            ((10, 0), {"0.01", "0.05"}),
            ((9, 1), {"0.05"}),
            ((8, 2), set()),
            ((9, 0), {"0.01", "0.05"}),
            ((5, 5), set()),
        ],
    )
    def test_votes_decide_for_each_alpha(self, places: Places, votes: tuple[int, int], answers: set[str]) -> None:
        write_votes(places, write(places, job(NORMAL), only=[CLEAN]), votes)
        found = self.outcomes(places)
        assert set(found) == {(alpha, on) for alpha in ("0.001", "0.01", "0.05") for on in ("clean", "attacked")}
        for (alpha, _), (outcome, share, images) in found.items():
            assert images == 50
            assert (outcome, share) == ((Outcome.HOLDS, 0) if alpha in answers else (Outcome.FAILS, 1))
            expected = Verdict.ONLY_AS_RELEASED if alpha in answers else Verdict.NOT_REPRODUCED
            assert judged_claim(places, f"abstention-{alpha}").verdict is expected

    @pytest.mark.parametrize("attacked", [False, True])
    def test_one_image_is_enough(self, places: Places, attacked: bool) -> None:
        one = write(places, job(NORMAL), only=[CLEAN])
        write_votes(places, one)

        def edit(votes: pd.DataFrame) -> pd.DataFrame:
            first = votes["image"] == votes["image"].min()
            winner, runner_up = votes["votes"].mask(first, 7), votes["runner_up_votes"].mask(first, 3)
            return votes.assign(votes=winner, runner_up_votes=runner_up)

        change(one.votes(places), one.vote_conditions[attacked], edit)
        found = self.outcomes(places)
        images = ["clean", "attacked"]
        assert found["0.05", images[attacked]] == (Outcome.FAILS, 1 / 50, 50)
        assert found["0.05", images[not attacked]] == (Outcome.HOLDS, 0, 50)

    def test_where_smoothing_is_done_as_its_authors_do(self, places: Places, tmp_path: Path) -> None:
        """There the records decide: an abstention on a clean image, of the smoothed classifier."""
        one = corrected_folder.job(NORMAL, Gaussian(0.25), FULL, attacks=Attacks(30, 100))
        two = corrected_folder.job(DOWNSCALED, Stability(0.25), COMPARISON, attacks=Attacks(20, 50))
        for network in (one, two):
            write_corrected(tmp_path, network)
        found = judged_claim(places, "abstention-0.001")
        assert [test.outcome for test in found.under("corrected")] == [Outcome.HOLDS] * 2
        assert len(found.tests) == 2

        attack = corrected.Attack("fgsm-log-odds", "linf", 10 / 255)
        change(two.records(places), corrected.Condition(attack, 50), abstaining(1))
        assert [test.outcome for test in judged_claim(places, "abstention-0.001").tests] == [Outcome.HOLDS] * 2
        change(two.records(places), corrected.Condition(None, 50), abstaining(1))
        found = judged_claim(places, "abstention-0.001")
        assert judged_claim(places, "abstention-0.01").tests == (), "its answers were made at alpha 0.001"
        (failed,) = (test for test in found.tests if test.outcome is Outcome.FAILS)
        assert "Downscaled, stability" in failed.subject and "n 50" in failed.subject
        assert (failed.value.estimate, failed.images, failed.note) == (1 / 20, 20, "1 abstentions")

    def test_without_votes_nothing_is_measured(self, places: Places) -> None:
        write(places, job(NORMAL))
        assert judged_claim(places, "abstention-0.001").verdict is Verdict.NOT_MEASURED


def test_fewer_images_decide_where_more_are_not_complete(places: Places) -> None:
    one = job(NORMAL, profile=replace(SMALL, test_images=(100, 600)))
    attack = Attack(2 / 255, "softmax")
    write(places, one, lambda condition: range(50, 100), one.paper_conditions)
    records = one.records(places)
    kept = records.load()
    last = select(kept, Condition(attack, one.paper_conditions[1].smoothing)).index[-1]
    records.path.unlink()
    records.append(kept.drop(last))
    records.finish()
    (clean,) = judged_claim(places, "smoothing-accuracy", one.profile).tests
    (attacked,) = judged_claim(places, "smoothing-robustness", one.profile).tests
    assert clean.images == 600 and attacked.images in (50, 100)
