"""The sentences about networks: records decide, over as many trainings as are needed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from src.claims import Outcome, Verdict
from src.conditions import Attack, Condition
from src.metrics import newcombe_interval, welch_interval
from src.paired import Pairs, mcnemar, paired_difference
from src.studies.resolution.config import (
    CONTROL,
    CONTROL_SMALL,
    DOWNSCALED,
    NORMAL,
    SEEDS,
    UPSCALED_AI,
    UPSCALED_AI_SMALL,
    WRITTEN,
    Variant,
)
from src.studies.resolution.plan import Places
from tests.studies.resolution.corrected.corrected_folder import places as places_in
from tests.studies.resolution.records_folder import LARGE, SMALL, flip, job, judged_claim, write, write_fit

CLEAN, TEN, TWO = Condition(), Condition(Attack(10 / 255, "softmax")), Condition(Attack(2 / 255, "softmax"))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return places_in(tmp_path)


class TestRobustAtTen:
    @pytest.mark.parametrize(
        ("lost", "expected"), [(0, Verdict.REPRODUCED), (8, Verdict.INCONCLUSIVE), (40, Verdict.NOT_REPRODUCED)]
    )
    def test_records_decide(self, places: Places, lost: int, expected: Verdict) -> None:
        one = write(places, job(NORMAL), only=[CLEAN, TEN, TWO])
        if lost:
            flip(one.records(places), TEN, lost)
        flip(one.records(places), TWO, 50)
        found = judged_claim(places, "epsilon-10")
        (test,) = found.tests
        assert found.verdict is expected
        assert test.value == paired_difference(Pairs(lost, 0, 100))
        assert test.subject == "Normal, FGSM on the softmax, epsilon 10/255" and test.images == 100

    def test_every_network_must_be_robust(self, places: Places) -> None:
        write(places, job(NORMAL), only=[CLEAN, TEN])
        write(places, job(DOWNSCALED), lambda condition: range(50 * (condition == TEN)), only=[CLEAN, TEN])
        write(places, job(DOWNSCALED, seed=1), only=[CLEAN, TEN])
        found = judged_claim(places, "epsilon-10")
        assert found.verdict is Verdict.NOT_REPRODUCED
        assert {test.subject.split(",")[0]: test.value for test in found.tests} == {
            "Downscaled": paired_difference(Pairs(50, 0, 100), 0.975),
            "Normal": paired_difference(Pairs(0, 0, 100), 0.975),
        }


class TestOverfitting:
    @pytest.mark.parametrize(
        ("wrong", "expected"), [(0, Verdict.REPRODUCED), (8, Verdict.INCONCLUSIVE), (60, Verdict.NOT_REPRODUCED)]
    )
    def test_records_decide(self, places: Places, wrong: int, expected: Verdict) -> None:
        one = write(places, job(NORMAL, profile=LARGE), only=[CLEAN])
        write_fit(places, one)
        if wrong:
            flip(one.records(places), CLEAN, wrong)
        found = judged_claim(places, "overfitting", LARGE)
        assert found.verdict is expected
        assert found.tests[0].value == newcombe_interval(600, 600, 600 - wrong, 600)
        counts = f"{len(one.fit_indices)} of {len(one.fit_indices)} training images, {600 - wrong} of 600 test images"
        assert found.tests[0].note == f"{counts}; the training images with the noise that was stored in them"

    def test_what_is_said_of_training_images_decides_too(self, places: Places) -> None:
        one = write(places, job(NORMAL, profile=LARGE), lambda condition: range(60), only=[CLEAN])
        write_fit(places, one)
        assert judged_claim(places, "overfitting", LARGE).verdict is Verdict.NOT_REPRODUCED
        flip(one.fit(places), CLEAN, 60)
        assert judged_claim(places, "overfitting", LARGE).verdict is Verdict.INCONCLUSIVE
        flip(one.fit(places), CLEAN, 120)
        flip(one.fit(places), CLEAN, 100)
        assert judged_claim(places, "overfitting", LARGE).tests[0].value.estimate < 0.1

    def test_fit_without_records_and_records_without_fit(self, places: Places) -> None:
        write(places, job(NORMAL), only=[CLEAN])
        write_fit(places, write(places, job(DOWNSCALED), only=[TEN]))
        assert judged_claim(places, "overfitting").verdict is Verdict.NOT_MEASURED


def write_seeds(
    places: Places, variant: Variant, wrong: tuple[int, ...], only: tuple[Condition, ...] = (CLEAN,)
) -> None:
    """Trainings of a network, each with so many errors."""
    for seed, errors in enumerate(wrong):
        write(places, job(variant, seed=seed, profile=LARGE), lambda _, errors=errors: range(errors), only)  # type: ignore[misc]


class TestDownscaledIsNearNormal:
    NAME = "downscaled-normal"

    @pytest.mark.parametrize(
        ("seeds", "errors", "expected"),
        [
            (5, 0, Verdict.REPRODUCED),
            (5, 60, Verdict.NOT_REPRODUCED),
            (5, 6, Verdict.INCONCLUSIVE),
            (4, 0, Verdict.INCONCLUSIVE),
            (4, 60, Verdict.INCONCLUSIVE),
            (1, 0, Verdict.INCONCLUSIVE),
        ],
    )
    def test_records_of_five_trainings_decide(self, places: Places, seeds: int, errors: int, expected: Verdict) -> None:
        wrong = (6, 8, 7, 9, 6)[:seeds]
        write_seeds(places, NORMAL, (6, 8, 7, 9, 6))
        write_seeds(places, DOWNSCALED, wrong)
        for seed in range(seeds if errors else 0):
            flip(job(DOWNSCALED, seed=seed, profile=LARGE).records(places), CLEAN, 600)
            flip(job(DOWNSCALED, seed=seed, profile=LARGE).records(places), CLEAN, 600 - errors)
        found = judged_claim(places, self.NAME, LARGE)
        (test,) = found.tests
        assert found.verdict is expected and test.seeds == seeds and test.images == 600
        assert bool(test.note) == (seeds < 5)

    def test_mean_over_trainings_with_welchs_interval(self, places: Places) -> None:
        write_seeds(places, NORMAL, (6, 8, 7, 9, 6))
        write_seeds(places, DOWNSCALED, (12, 18, 15, 12, 14, 10))
        (test,) = judged_claim(places, self.NAME, LARGE).tests
        wrong = (6, 8, 7, 9, 6), (12, 18, 15, 12, 14, 10)
        normal, downscaled = ([1 - errors / 600 for errors in of_one] for of_one in wrong)
        assert test.value == pytest.approx(welch_interval(normal, downscaled))
        assert test.subject == "Normal minus Downscaled, profile smoke, clean"
        assert test.seeds == 5

    def test_one_training_that_strays_makes_it_uncertain(self, places: Places) -> None:
        for variant in (NORMAL, DOWNSCALED):
            write_seeds(places, variant, (6, 8, 7, 9, 6))
        assert judged_claim(places, self.NAME, LARGE).verdict is Verdict.REPRODUCED
        flip(job(DOWNSCALED, seed=2, profile=LARGE).records(places), CLEAN, 200)
        assert judged_claim(places, self.NAME, LARGE).verdict is Verdict.INCONCLUSIVE

    def test_the_profile_of_seeds_has_a_say_where_it_has_more(self, places: Places) -> None:
        for variant in (NORMAL, DOWNSCALED):
            write(places, job(variant), only=[CLEAN])
            for seed in range(5):
                wrong = range(17 + seed % 2)
                write(places, job(variant, seed=seed, profile=SEEDS), lambda _, wrong=wrong: wrong, only=[CLEAN])  # type: ignore[misc]
        found = judged_claim(places, self.NAME)
        assert found.verdict is Verdict.REPRODUCED
        assert "profile seeds" in found.tests[0].subject and found.tests[0].images == 1000
        # Those of the profile of seeds decide nothing else.
        assert judged_claim(places, "accuracy/Normal/cnn_accuracy").tests[0].images == 100

    def test_without_one_of_them_nothing_is_measured(self, places: Places) -> None:
        write_seeds(places, NORMAL, (1, 2, 3, 4, 5))
        assert judged_claim(places, self.NAME, LARGE).verdict is Verdict.NOT_MEASURED


AT_56 = (UPSCALED_AI, UPSCALED_AI_SMALL, CONTROL, CONTROL_SMALL)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three trainings of each network at 56x56."""
    folder = tmp_path_factory.mktemp("written")
    for variant in AT_56:
        write_seeds(places_in(folder), variant, (6, 7, 6), (CLEAN, TWO))
    return folder


class TestSmallAsLarge:
    @pytest.mark.parametrize("condition", [CLEAN, TWO])
    @pytest.mark.parametrize("variant", AT_56, ids=lambda variant: variant.name)
    def test_records_of_three_trainings_decide(
        self, places: Places, written: Path, variant: Variant, condition: Condition
    ) -> None:
        shutil.copytree(places_in(written).results, places.results)
        found = judged_claim(places, "small-as-large", LARGE)
        assert found.verdict is Verdict.REPRODUCED and len(found.tests) == 4
        for seed in range(3):
            flip(job(variant, seed=seed, profile=LARGE).records(places), condition, 80)
        found = judged_claim(places, "small-as-large", LARGE)
        assert found.verdict is Verdict.NOT_REPRODUCED
        (failed,) = (test for test in found.tests if test.outcome is Outcome.FAILS)
        assert ("clean" in failed.subject) == (condition == CLEAN)
        pair = "UpscaledAI minus UpscaledAI Small" if "AI" in variant.name else "Control minus Control Small"
        assert failed.subject.startswith(pair)
        assert (failed.value.estimate < 0) == (variant in (UPSCALED_AI, CONTROL))

    def test_two_trainings_are_too_few(self, places: Places) -> None:
        for variant in AT_56:
            write_seeds(places, variant, (6, 7), (CLEAN, TWO))
        assert judged_claim(places, "small-as-large", LARGE).verdict is Verdict.INCONCLUSIVE


class TestEsrganIsLeastRobust:
    NAME = "esrgan-least-robust"

    def write_all(self, places: Places) -> None:
        """UpscaledAI is worse under 10/255 than Normal is under 10/255 and Downscaled under 2/255 and 10/255."""
        write(places, job(UPSCALED_AI), lambda _: range(50), only=[TWO, TEN])
        for variant in (NORMAL, DOWNSCALED):
            write(places, job(variant), only=[TWO, TEN])

    def test_records_decide(self, places: Places) -> None:
        self.write_all(places)
        found = judged_claim(places, self.NAME)
        assert found.verdict is Verdict.REPRODUCED
        assert [test.subject for test in found.under("released")] == [
            "Downscaled at 2/255 minus UpscaledAI at 10/255",
            "Normal at 2/255 minus UpscaledAI at 10/255",
        ]
        assert [test.subject for test in found.under("corrected")] == [
            "Downscaled at 10/255 minus UpscaledAI at 10/255",
            "Normal at 10/255 minus UpscaledAI at 10/255",
        ]
        assert {test.value for test in found.tests} == {paired_difference(Pairs(50, 0, 100), 0.975)}
        assert {test.p_value for test in found.tests} == {mcnemar(Pairs(50, 0, 100))}
        # On equal terms one network is worse.
        flip(job(NORMAL).records(places), TEN, 100)
        assert judged_claim(places, self.NAME).verdict is Verdict.ONLY_AS_RELEASED
        flip(job(NORMAL).records(places), TWO, 100)
        assert judged_claim(places, self.NAME).verdict is Verdict.NOT_REPRODUCED

    def test_a_lead_within_the_noise_is_inconclusive(self, places: Places) -> None:
        self.write_all(places)
        flip(job(UPSCALED_AI).records(places), TEN, 100)
        for variant in (NORMAL, DOWNSCALED):
            for condition in (TWO, TEN):
                flip(job(variant).records(places), condition, 50)
        assert judged_claim(places, self.NAME).verdict is Verdict.INCONCLUSIVE

    def test_on_the_images_that_both_have(self, places: Places) -> None:
        write(places, job(UPSCALED_AI), lambda _: range(40, 100), only=[TEN], images=100)
        write(places, job(NORMAL), only=[TWO], images=60)
        (test,) = judged_claim(places, self.NAME).under("released")
        assert test.value == paired_difference(Pairs(10, 0, 50)) and test.images == 50

    def test_under_written_all_have_one_budget(self, places: Places) -> None:
        ten = Condition(Attack(10 / 255, "logits"))
        write(places, job(UPSCALED_AI, WRITTEN), lambda _: range(50), only=[ten])
        write(places, job(CONTROL, WRITTEN), only=[ten])
        found = judged_claim(places, self.NAME)
        assert [(test.protocol, test.outcome) for test in found.tests] == [("written", Outcome.HOLDS)]
        assert found.tests[0].subject == "Control at 10/255 minus UpscaledAI at 10/255"

    def test_without_the_esrgan_network_nothing_is_measured(self, places: Places) -> None:
        write(places, job(NORMAL), only=[TWO, TEN])
        assert judged_claim(places, self.NAME, SMALL).verdict is Verdict.NOT_MEASURED
