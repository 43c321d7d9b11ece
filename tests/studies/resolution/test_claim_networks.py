"""The sentences about networks: records decide, over as many trainings as are needed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import pytest

from src.claims.claim import Outcome, Verdict
from src.experiments.conditions import Attack, Condition
from src.experiments.folders import Places
from src.statistics.intervals import newcombe_interval
from src.statistics.paired import Pairs, paired_difference
from src.statistics.seeds import trainings_interval
from src.studies.resolution.config import (
    CONTROL,
    CONTROL_SMALL,
    DOWNSCALED,
    NORMAL,
    RELEASED,
    SEEDS,
    UPSCALED_AI,
    UPSCALED_AI_SMALL,
    VARIANTS,
    WRITTEN,
    Profile,
    Protocol,
    Variant,
)
from tests.studies.resolution.corrected.corrected_folder import places as places_in
from tests.studies.resolution.records_folder import LARGE, SMALL, flip, job, judged_claim, write, write_fit

CLEAN, TEN, TWO = Condition(), Condition(Attack(10 / 255, "softmax")), Condition(Attack(2 / 255, "softmax"))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return places_in(tmp_path)


class TestRobustAtTen:
    @pytest.mark.parametrize(
        ("lost", "expected"), [(0, Verdict.ONLY_AS_RELEASED), (8, Verdict.INCONCLUSIVE), (40, Verdict.NOT_REPRODUCED)]
    )
    def test_records_decide(self, places: Places, lost: int, expected: Verdict) -> None:
        one = write(places, job(NORMAL), only=[CLEAN, TEN, TWO])
        if lost:
            flip(one.records(places), TEN, lost)
        flip(one.records(places), TWO, 50)
        found = judged_claim(places, "epsilon-10")
        (test,) = found.tests
        assert found.verdict is expected
        assert test.value == paired_difference(Pairs(lost, 0, 100)) and test.confidence == 0.95
        assert test.subject == "Normal, seed 0, FGSM on the softmax, epsilon 10/255" and test.images == 100

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
        assert [test.confidence for test in found.tests] == pytest.approx([0.975] * 2)


class TestOverfitting:
    @pytest.mark.parametrize(
        ("protocol", "wrong", "expected"),
        [
            (WRITTEN, 0, Outcome.HOLDS),
            (WRITTEN, 8, Outcome.INCONCLUSIVE),
            (WRITTEN, 60, Outcome.FAILS),
            # Noise in the training images may hide a gap, and can't make one.
            (RELEASED, 0, Outcome.INCONCLUSIVE),
            (RELEASED, 8, Outcome.INCONCLUSIVE),
            (RELEASED, 60, Outcome.FAILS),
        ],
    )
    def test_records_decide(self, places: Places, protocol: Protocol, wrong: int, expected: Outcome) -> None:
        one = write(places, job(NORMAL, protocol, profile=LARGE), lambda _: range(wrong), only=[CLEAN])
        write_fit(places, one)
        found = judged_claim(places, "overfitting", LARGE)
        (test,) = found.tests
        assert test.outcome is expected
        refuted = protocol is RELEASED and expected is Outcome.FAILS
        assert found.verdict is (Verdict.NOT_REPRODUCED if refuted else Verdict.INCONCLUSIVE)
        assert test.value == newcombe_interval(600, 600, 600 - wrong, 600) and test.subject == "Normal, seed 0"
        said, noise = f"600 of 600 training images, {600 - wrong} of 600 test images", "; the training images with the"
        assert test.note == said if protocol is WRITTEN else test.note.startswith(said + noise)

    def test_as_released_nothing_that_is_said_of_training_images_makes_it_hold(self, places: Places) -> None:
        one = write(places, job(NORMAL, profile=LARGE), only=[CLEAN])
        write_fit(places, one, wrong=range(300))
        found = judged_claim(places, "overfitting", LARGE)
        assert found.tests[0].value.high < 0 and found.verdict is Verdict.INCONCLUSIVE

    def test_what_is_said_of_training_images_decides_too(self, places: Places) -> None:
        one = write(places, job(NORMAL, WRITTEN, profile=LARGE), lambda condition: range(60), only=[CLEAN])
        write_fit(places, one)
        (test,) = judged_claim(places, "overfitting", LARGE).tests
        assert test.outcome is Outcome.FAILS
        flip(one.fit(places), CLEAN, 60)
        (test,) = judged_claim(places, "overfitting", LARGE).tests
        assert test.value.estimate == 0 and test.outcome is Outcome.INCONCLUSIVE
        flip(one.fit(places), CLEAN, 120)
        assert judged_claim(places, "overfitting", LARGE).tests[0].value.estimate == 0
        flip(one.fit(places), CLEAN, 180)
        (test,) = judged_claim(places, "overfitting", LARGE).tests
        assert test.value == newcombe_interval(480, 600, 540, 600)
        assert test.outcome is Outcome.HOLDS

    def test_of_part_of_the_training_images_nothing_is_said(self, places: Places) -> None:
        one = write(places, job(NORMAL, WRITTEN), only=[CLEAN])
        write_fit(places, one)
        assert len(judged_claim(places, "overfitting").tests) == 1
        records = one.fit(places)
        kept = records.load().iloc[:-1]
        records.path.unlink()
        records.append(kept)
        records.finish()
        assert judged_claim(places, "overfitting").tests == ()

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
            (5, 0, Verdict.ONLY_AS_RELEASED),
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
        assert test.note == ("" if seeds == 5 else "Needs trainings: 5 of Normal and 5 of Downscaled.")

    def test_mean_over_trainings_with_the_interval_over_trainings_and_images(self, places: Places) -> None:
        wrong = (6, 8, 7, 9, 6), (12, 18, 15, 12, 14, 10)
        for variant, of_one in zip((NORMAL, DOWNSCALED), wrong, strict=True):
            write_seeds(places, variant, of_one)
        (test,) = judged_claim(places, self.NAME, LARGE).tests
        # Errors are on the first images in the fixed order.
        normal, downscaled = (np.array([np.arange(600) >= errors for errors in of_one]) for of_one in wrong)
        assert test.value == pytest.approx(trainings_interval(normal, downscaled))
        assert test.value.estimate == pytest.approx((81 / 6 - 36 / 5) / 600)
        assert test.subject == "Normal minus Downscaled, clean, profile smoke"
        assert (test.seeds, test.confidence, test.note) == (5, 0.95, "")

    def test_what_decides_is_the_interval_over_trainings_and_images(self, places: Places) -> None:
        """Trainings that agree say nothing of the images: 4 of 600 on which all ten differ might be 1%."""
        write_seeds(places, NORMAL, (0,) * 5)
        write_seeds(places, DOWNSCALED, (4,) * 5)
        (test,) = judged_claim(places, self.NAME, LARGE).tests
        assert test.value.estimate == pytest.approx(4 / 600) and test.value.high > 0.01
        assert test.outcome is Outcome.INCONCLUSIVE

    def test_one_training_that_strays_makes_it_uncertain(self, places: Places) -> None:
        for variant in (NORMAL, DOWNSCALED):
            write_seeds(places, variant, (6, 8, 7, 9, 6))
        assert judged_claim(places, self.NAME, LARGE).verdict is Verdict.ONLY_AS_RELEASED
        flip(job(DOWNSCALED, seed=2, profile=LARGE).records(places), CLEAN, 200)
        assert judged_claim(places, self.NAME, LARGE).verdict is Verdict.INCONCLUSIVE

    @pytest.mark.parametrize(("own", "reduced", "taken"), [(1, 5, "seeds"), (5, 6, "smoke"), (3, 2, "smoke")])
    def test_the_profile_of_seeds_has_a_say_where_this_one_has_too_few(
        self, places: Places, own: int, reduced: int, taken: str
    ) -> None:
        for variant in (NORMAL, DOWNSCALED):
            for profile, trainings in ((LARGE, own), (SEEDS, reduced)):
                for seed in range(trainings):
                    write(places, job(variant, seed=seed, profile=profile), lambda _: range(17), only=[CLEAN])
        found = judged_claim(places, self.NAME, LARGE)
        test, *beside = found.tests
        assert test.subject.endswith(f"profile {taken}")
        assert (test.images, test.seeds) == ((1000, reduced) if taken == "seeds" else (600, own))
        assert found.verdict is (Verdict.INCONCLUSIVE if own == 3 else Verdict.ONLY_AS_RELEASED)
        assert test.note.startswith(SEEDS.caution) == (taken == "seeds")
        # This profile's stand beside those of the other, and never twice.
        assert [(one.outcome, one.seeds) for one in beside] == [(Outcome.SHOWN, own)] * (taken == "seeds")
        # Those of the profile of seeds decide nothing else.
        assert judged_claim(places, "accuracy/Normal/cnn_accuracy", LARGE).tests[0].images == 600

    def test_a_training_in_two_precisions_counts_once(self, places: Places) -> None:
        for variant in (NORMAL, DOWNSCALED):
            write_seeds(places, variant, (6, 8, 7, 9))
            write(places, job(variant, seed=0, profile=LARGE, precision="bfloat16"), lambda _: range(99), only=[CLEAN])
        (test,) = judged_claim(places, self.NAME, LARGE).tests
        assert test.seeds == 4 and test.outcome is Outcome.INCONCLUSIVE
        assert test.value.estimate == 0
        assert test.note == "Needs trainings: 5 of Normal and 5 of Downscaled."

    def test_a_training_without_all_records_does_not_count(self, places: Places) -> None:
        for variant in (NORMAL, DOWNSCALED):
            write_seeds(places, variant, (6, 8, 7, 9))
            write(places, job(variant, seed=4, profile=LARGE), only=[CLEAN], images=599)
        (test,) = judged_claim(places, self.NAME, LARGE).tests
        # LARGE asks 600 images of tables and of sweeps.
        assert (test.seeds, test.images, test.outcome) == (4, 600, Outcome.INCONCLUSIVE)

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
        assert found.verdict is Verdict.ONLY_AS_RELEASED and len(found.tests) == 4
        for seed in range(3):
            flip(job(variant, seed=seed, profile=LARGE).records(places), condition, 80)
        found = judged_claim(places, "small-as-large", LARGE)
        assert found.verdict is Verdict.NOT_REPRODUCED
        (failed,) = (test for test in found.tests if test.outcome is Outcome.FAILS)
        assert ("clean" in failed.subject) == (condition == CLEAN)
        pair = "UpscaledAI minus UpscaledAI Small" if "AI" in variant.name else "Control minus Control Small"
        assert failed.subject.split(",")[0].replace(" at 2/255", "") == pair
        assert (failed.value.estimate < 0) == (variant in (UPSCALED_AI, CONTROL))
        assert [test.confidence for test in found.tests] == pytest.approx([1 - 0.05 / 4] * 4)

    def test_under_attack_both_have_one_budget(self, places: Places, written: Path) -> None:
        """That of the large network in the notebook, 10/255, does not count."""
        shutil.copytree(places_in(written).results, places.results)
        subjects = [test.subject for test in judged_claim(places, "small-as-large", LARGE).tests]
        assert subjects == [
            "UpscaledAI minus UpscaledAI Small, clean, profile smoke",
            "UpscaledAI at 2/255 minus UpscaledAI Small at 2/255, under FGSM, profile smoke",
            "Control minus Control Small, clean, profile smoke",
            "Control at 2/255 minus Control Small at 2/255, under FGSM, profile smoke",
        ]

    def test_two_trainings_are_too_few(self, places: Places) -> None:
        for variant in AT_56:
            write_seeds(places, variant, (6, 7), (CLEAN, TWO))
        assert judged_claim(places, "small-as-large", LARGE).verdict is Verdict.INCONCLUSIVE


def at(at_two: int, at_ten: int) -> Callable[[Condition], Collection[int]]:
    """So many errors under each budget."""
    return lambda condition: range(at_two if condition == TWO else at_ten)


TRAININGS = {DOWNSCALED: 5, NORMAL: 5, UPSCALED_AI: 3, CONTROL: 3, UPSCALED_AI_SMALL: 3, CONTROL_SMALL: 3}


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trainings of each network at the notebook's two budgets; UpscaledAI is worst at its own, 10/255."""
    folder = tmp_path_factory.mktemp("attacked")
    for variant, trainings in TRAININGS.items():
        for seed in range(trainings):
            wrong = at(20, 120 + 5 * seed) if variant is UPSCALED_AI else at(20 + 3 * seed, 60 + 4 * seed)
            write(places_in(folder), job(variant, seed=seed, profile=LARGE), wrong, [TWO, TEN])
    return folder


class TestEsrganIsLeastRobust:
    NAME = "esrgan-least-robust"
    OTHERS = tuple(variant for variant in VARIANTS if variant is not UPSCALED_AI)

    @pytest.fixture
    def places(self, tmp_path: Path, attacked: Path) -> Places:
        shutil.copytree(places_in(attacked).results, places_in(tmp_path).results)
        return places_in(tmp_path)

    def test_records_decide(self, places: Places) -> None:
        found = judged_claim(places, self.NAME, LARGE)
        assert found.verdict is Verdict.ONLY_AS_RELEASED
        assert {test.protocol for test in found.tests} == {"released"}
        # Under the notebook's budgets first, then under one for all.
        assert [test.subject for test in found.tests] == [
            f"{variant.name} at {budget}/255 minus UpscaledAI at 10/255, under FGSM, profile smoke"
            for budget in (2, 10)
            for variant in self.OTHERS
        ]
        assert [(test.seeds, test.images, test.note) for test in found.tests] == [(3, 600, "")] * 10
        assert {test.outcome for test in found.tests} == {Outcome.HOLDS}
        # All ten hold their value together.
        assert [test.confidence for test in found.tests] == pytest.approx([0.995] * 10)
        at_two, at_ten = (
            np.array([np.arange(600) >= errors + more * seed for seed in range(5)])
            for errors, more in ((20, 3), (60, 4))
        )
        esrgan = np.array([np.arange(600) >= 120 + 5 * seed for seed in range(3)])
        assert found.tests[1].value == pytest.approx(trainings_interval(at_two, esrgan, 0.995))
        assert found.tests[6].value == pytest.approx(trainings_interval(at_ten, esrgan, 0.995))

    @pytest.mark.parametrize(("condition", "budget"), [(TWO, 2), (TEN, 10)], ids=["its own budget", "equal budgets"])
    @pytest.mark.parametrize("variant", OTHERS, ids=lambda variant: variant.name)
    def test_each_other_network_must_be_better(
        self, places: Places, variant: Variant, condition: Condition, budget: int
    ) -> None:
        for seed in range(TRAININGS[variant]):
            flip(job(variant, seed=seed, profile=LARGE).records(places), condition, 400)
        found = judged_claim(places, self.NAME, LARGE)
        assert found.verdict is Verdict.NOT_REPRODUCED
        (failed,) = (test for test in found.tests if test.outcome is Outcome.FAILS)
        assert failed.subject.startswith(f"{variant.name} at {budget}/255 minus UpscaledAI at 10/255")
        assert failed.value.high < 0 and failed.confidence == pytest.approx(0.995)
        assert [test.outcome for test in found.tests].count(Outcome.HOLDS) == 9

    @pytest.mark.parametrize(("budget", "at_two", "at_ten"), [(2, 118, 60), (10, 20, 118)])
    def test_a_lead_within_the_noise_is_inconclusive(
        self, places: Places, budget: int, at_two: int, at_ten: int
    ) -> None:
        for seed in range(3):
            one = job(CONTROL, seed=seed, profile=LARGE)
            one.records(places).path.unlink()
            write(places, one, at(at_two + 5 * seed, at_ten + 5 * seed), [TWO, TEN])
        found = judged_claim(places, self.NAME, LARGE)
        (open_,) = (test for test in found.tests if test.outcome is not Outcome.HOLDS)
        assert open_.outcome is Outcome.INCONCLUSIVE and found.verdict is Verdict.INCONCLUSIVE
        assert open_.subject.startswith(f"Control at {budget}/255") and open_.value.estimate > 0

    @pytest.mark.parametrize("variant", [UPSCALED_AI, NORMAL], ids=lambda variant: variant.name)
    def test_a_training_too_few_leaves_it_open(self, places: Places, variant: Variant) -> None:
        job(variant, seed=0, profile=LARGE).records(places).path.unlink()
        found = judged_claim(places, self.NAME, LARGE)
        assert found.verdict is Verdict.INCONCLUSIVE
        said = [test.note for test in found.tests if test.outcome is Outcome.INCONCLUSIVE]
        # Under both budgets.
        assert len(said) == (10 if variant is UPSCALED_AI else 2)
        assert said.count("Needs trainings: 5 of Normal and 3 of UpscaledAI.") == 2
        assert {test.outcome for test in found.tests if test.note not in said} <= {Outcome.HOLDS}

    def test_under_written_all_have_one_budget(self, places: Places) -> None:
        ten = Condition(Attack(10 / 255, "log-odds"))
        for variant, wrong in ((UPSCALED_AI, 300), (CONTROL, 100)):
            for seed in range(3):
                write(places, job(variant, WRITTEN, seed, LARGE), lambda _, wrong=wrong: range(wrong), [ten])  # type: ignore[misc]
        found = judged_claim(places, self.NAME, LARGE)
        (test,) = found.under("written")
        assert test.subject == "Control at 10/255 minus UpscaledAI at 10/255, under FGSM, profile smoke"
        # Its own budgets are equal: five networks, five tests.
        assert test.confidence == pytest.approx(0.99)
        assert test.outcome is Outcome.HOLDS and found.verdict is Verdict.REPRODUCED
        for seed in range(3):
            flip(job(CONTROL, WRITTEN, seed, LARGE).records(places), ten, 500)
        assert judged_claim(places, self.NAME, LARGE).verdict is Verdict.ONLY_AS_RELEASED

    def test_one_training_says_nothing_and_an_interrupted_one_is_none(self, tmp_path: Path) -> None:
        places = places_in(tmp_path / "few")
        write(places, job(UPSCALED_AI), lambda _: range(40, 100), only=[TEN], images=100)
        write(places, job(NORMAL), only=[TWO], images=100)
        write(places, job(NORMAL, seed=1), only=[TWO], images=60)
        (test,) = judged_claim(places, self.NAME).tests
        assert test.value == (0.6, -np.inf, np.inf) and test.images == 100 and test.seeds == 1
        assert test.outcome is Outcome.INCONCLUSIVE

    def test_without_the_esrgan_network_nothing_is_measured(self, tmp_path: Path) -> None:
        places = places_in(tmp_path / "few")
        write(places, job(NORMAL), only=[TWO, TEN])
        assert judged_claim(places, self.NAME, SMALL).verdict is Verdict.NOT_MEASURED


class TestShortenedTrainings:
    """Where full-scale trainings are too few, those of profile `seeds` are judged, and never without a word of it."""

    NAME = "esrgan-least-robust"

    def write(self, places: Places, counts: dict[Variant, int], profile: Profile) -> None:
        for variant, trainings in counts.items():
            for seed in range(trainings):
                wrong = at(20, 300) if variant is UPSCALED_AI else at(20 + seed, 60 + seed)
                write(places, job(variant, seed=seed, profile=profile), wrong, [TWO, TEN])

    def test_are_judged_with_the_caution_and_full_scale_stands_beside(self, places: Places) -> None:
        self.write(places, {NORMAL: 5, UPSCALED_AI: 3}, SEEDS)
        self.write(places, {NORMAL: 1, UPSCALED_AI: 1}, LARGE)
        found = judged_claim(places, self.NAME, LARGE)
        assert [test.subject for test in found.tests] == [
            f"Normal at {budget}/255 minus UpscaledAI at 10/255, under FGSM, profile {profile}"
            for budget in (2, 10)
            for profile in ("seeds", "smoke")
        ]
        judged, beside = (Outcome.HOLDS, 3, 1000), (Outcome.SHOWN, 1, 600)
        assert [(test.outcome, test.seeds, test.images) for test in found.tests] == [judged, beside] * 2
        assert {test.confidence for test in found.tests} == {found.tests[0].confidence}
        assert [test.note for test in found.tests[::2]] == [SEEDS.caution] * 2
        assert SEEDS.caution.startswith("Shortened: ")
        for test, lead in zip(found.tests[1::2], (280, 240), strict=True):
            assert test.value == (lead / 600, -np.inf, np.inf)
            assert test.note == "Needs trainings: 5 of Normal and 3 of UpscaledAI."

    def test_what_stands_beside_has_no_say(self, places: Places) -> None:
        self.write(places, {NORMAL: 5, UPSCALED_AI: 3}, SEEDS)
        self.write(places, {NORMAL: 2, UPSCALED_AI: 2}, LARGE)
        assert judged_claim(places, self.NAME, LARGE).verdict is Verdict.ONLY_AS_RELEASED
        for seed in range(2):
            for condition in (TWO, TEN):
                flip(job(NORMAL, seed=seed, profile=LARGE).records(places), condition, 600)
        found = judged_claim(places, self.NAME, LARGE)
        assert all(test.value.high < 0 and test.outcome is Outcome.SHOWN for test in found.tests[1::2])
        assert found.verdict is Verdict.ONLY_AS_RELEASED
        for seed in range(5):
            flip(job(NORMAL, seed=seed, profile=SEEDS).records(places), TEN, 1000)
        assert judged_claim(places, self.NAME, LARGE).verdict is Verdict.NOT_REPRODUCED

    def test_too_few_of_them_are_said_after_the_caution(self, places: Places) -> None:
        self.write(places, {NORMAL: 5, UPSCALED_AI: 2}, SEEDS)
        self.write(places, {NORMAL: 1, UPSCALED_AI: 1}, LARGE)
        found = judged_claim(places, self.NAME, LARGE)
        assert found.tests[0].note == f"{SEEDS.caution} Needs trainings: 5 of Normal and 3 of UpscaledAI."
        assert found.tests[0].outcome is Outcome.INCONCLUSIVE and found.verdict is Verdict.INCONCLUSIVE

    def test_nothing_stands_beside_without_both_networks(self, places: Places) -> None:
        self.write(places, {NORMAL: 5, UPSCALED_AI: 3}, SEEDS)
        self.write(places, {NORMAL: 9}, LARGE)
        found = judged_claim(places, self.NAME, LARGE)
        assert [(test.outcome, test.note) for test in found.tests] == [(Outcome.HOLDS, SEEDS.caution)] * 2

    def test_where_full_scale_is_enough_nothing_is_cautioned(self, places: Places) -> None:
        for profile in (SEEDS, LARGE):
            self.write(places, {NORMAL: 5, UPSCALED_AI: 3}, profile)
        found = judged_claim(places, self.NAME, LARGE)
        assert [test.subject.split("profile ")[1] for test in found.tests] == ["smoke"] * 2
        assert [(test.outcome, test.note) for test in found.tests] == [(Outcome.HOLDS, "")] * 2

    def test_in_their_own_profile_they_are_the_measurement(self, places: Places) -> None:
        """There the report says once of all that they are shortened."""
        self.write(places, {NORMAL: 5, UPSCALED_AI: 3}, SEEDS)
        found = judged_claim(places, self.NAME, SEEDS)
        assert [(test.outcome, test.note) for test in found.tests] == [(Outcome.HOLDS, "")] * 2
