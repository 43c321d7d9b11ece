"""The sentences about networks: records decide, over as many trainings as are needed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import pytest

from src.claims import Outcome, Verdict
from src.conditions import Attack, Condition
from src.metrics import newcombe_interval
from src.paired import Pairs, paired_difference
from src.places import Places
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
    Protocol,
    Variant,
)
from src.trainings import trainings_interval
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
            (WRITTEN, 0, Verdict.REPRODUCED),
            (WRITTEN, 8, Verdict.INCONCLUSIVE),
            (WRITTEN, 60, Verdict.NOT_REPRODUCED),
            # Noise in the training images may hide a gap, and can't make one.
            (RELEASED, 0, Verdict.INCONCLUSIVE),
            (RELEASED, 8, Verdict.INCONCLUSIVE),
            (RELEASED, 60, Verdict.NOT_REPRODUCED),
        ],
    )
    def test_records_decide(self, places: Places, protocol: Protocol, wrong: int, expected: Verdict) -> None:
        one = write(places, job(NORMAL, protocol, profile=LARGE), lambda _: range(wrong), only=[CLEAN])
        write_fit(places, one)
        found = judged_claim(places, "overfitting", LARGE)
        (test,) = found.tests
        assert found.verdict is expected
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
        assert judged_claim(places, "overfitting", LARGE).verdict is Verdict.NOT_REPRODUCED
        flip(one.fit(places), CLEAN, 60)
        found = judged_claim(places, "overfitting", LARGE)
        assert found.tests[0].value.estimate == 0 and found.verdict is Verdict.INCONCLUSIVE
        flip(one.fit(places), CLEAN, 120)
        assert judged_claim(places, "overfitting", LARGE).tests[0].value.estimate == 0
        flip(one.fit(places), CLEAN, 180)
        found = judged_claim(places, "overfitting", LARGE)
        assert found.tests[0].value == newcombe_interval(480, 600, 540, 600)
        assert found.verdict is Verdict.REPRODUCED

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
        assert test.note == ("" if seeds == 5 else "needs trainings: 5 of Normal and 5 of Downscaled")

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
        assert judged_claim(places, self.NAME, LARGE).verdict is Verdict.REPRODUCED
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
        (test,) = found.tests
        assert test.subject.endswith(f"profile {taken}")
        assert (test.images, test.seeds) == ((1000, reduced) if taken == "seeds" else (600, own))
        assert found.verdict is (Verdict.INCONCLUSIVE if own == 3 else Verdict.REPRODUCED)
        # Those of the profile of seeds decide nothing else.
        assert judged_claim(places, "accuracy/Normal/cnn_accuracy", LARGE).tests[0].images == 600

    def test_a_training_in_two_precisions_counts_once(self, places: Places) -> None:
        for variant in (NORMAL, DOWNSCALED):
            write_seeds(places, variant, (6, 8, 7, 9))
            write(places, job(variant, seed=0, profile=LARGE, precision="bfloat16"), lambda _: range(99), only=[CLEAN])
        (test,) = judged_claim(places, self.NAME, LARGE).tests
        assert test.seeds == 4 and test.outcome is Outcome.INCONCLUSIVE
        assert test.value.estimate == 0
        assert test.note == "needs trainings: 5 of Normal and 5 of Downscaled"

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
        assert found.verdict is Verdict.REPRODUCED and len(found.tests) == 4
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
    """Trainings of each network at the notebook's two budgets; UpscaledAI is worst as the notebook attacks it."""
    folder = tmp_path_factory.mktemp("attacked")
    for variant, trainings in TRAININGS.items():
        for seed in range(trainings):
            wrong = at(20, 120 + 5 * seed) if variant is UPSCALED_AI else at(20 + 3 * seed, 118 + 5 * seed)
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
        assert found.verdict is Verdict.REPRODUCED
        assert {test.protocol for test in found.tests} == {"released"}
        own, equal = found.tests[:5], found.tests[5:]
        assert [test.subject for test in own] == [
            f"{variant.name} at 2/255 minus UpscaledAI at 10/255, under FGSM, profile smoke" for variant in self.OTHERS
        ]
        assert [(test.seeds, test.images, test.note) for test in own] == [(3, 600, "")] * 5
        assert {test.outcome for test in own} == {Outcome.HOLDS}
        normal = np.array([np.arange(600) >= 20 + 3 * seed for seed in range(5)])
        esrgan = np.array([np.arange(600) >= 120 + 5 * seed for seed in range(3)])
        assert own[1].value == pytest.approx(trainings_interval(normal, esrgan, 0.99))
        assert own[1].confidence == pytest.approx(0.99)
        # On equal terms, which the paper did not do, it stands beside.
        assert [test.subject for test in equal] == [
            f"{variant.name} at 10/255 minus UpscaledAI at 10/255, under FGSM, profile smoke" for variant in self.OTHERS
        ]
        assert {test.outcome for test in equal} == {Outcome.SHOWN}
        assert all(0.0 in test.value for test in equal)

    @pytest.mark.parametrize("variant", OTHERS, ids=lambda variant: variant.name)
    def test_each_other_network_must_be_better(self, places: Places, variant: Variant) -> None:
        for seed in range(TRAININGS[variant]):
            flip(job(variant, seed=seed, profile=LARGE).records(places), TEN, 300)
        assert judged_claim(places, self.NAME, LARGE).verdict is Verdict.REPRODUCED, "equal budgets have no say"
        for seed in range(TRAININGS[variant]):
            flip(job(variant, seed=seed, profile=LARGE).records(places), TWO, 400)
        found = judged_claim(places, self.NAME, LARGE)
        assert found.verdict is Verdict.NOT_REPRODUCED
        (failed,) = (test for test in found.tests if test.outcome is Outcome.FAILS)
        assert failed.subject.startswith(f"{variant.name} at 2/255") and failed.value.high < 0

    def test_a_lead_within_the_noise_is_inconclusive(self, places: Places) -> None:
        for seed in range(3):
            one = job(CONTROL, seed=seed, profile=LARGE)
            one.records(places).path.unlink()
            write(places, one, at(118 + 5 * seed, 118), [TWO, TEN])
        found = judged_claim(places, self.NAME, LARGE)
        (open_,) = (test for test in found.tests if test.outcome is Outcome.INCONCLUSIVE)
        assert found.verdict is Verdict.INCONCLUSIVE
        assert open_.subject.startswith("Control at") and open_.value.estimate > 0

    @pytest.mark.parametrize("variant", [UPSCALED_AI, NORMAL], ids=lambda variant: variant.name)
    def test_a_training_too_few_leaves_it_open(self, places: Places, variant: Variant) -> None:
        job(variant, seed=0, profile=LARGE).records(places).path.unlink()
        found = judged_claim(places, self.NAME, LARGE)
        assert found.verdict is Verdict.INCONCLUSIVE
        said = [test.note for test in found.tests[:5] if test.outcome is Outcome.INCONCLUSIVE]
        assert len(said) == (5 if variant is UPSCALED_AI else 1)
        assert "needs trainings: 5 of Normal and 3 of UpscaledAI" in said
        assert [test.outcome for test in found.tests[5:]] == [Outcome.SHOWN] * 5

    def test_under_written_all_have_one_budget(self, places: Places) -> None:
        ten = Condition(Attack(10 / 255, "logits"))
        for variant, wrong in ((UPSCALED_AI, 300), (CONTROL, 100)):
            for seed in range(3):
                write(places, job(variant, WRITTEN, seed, LARGE), lambda _, wrong=wrong: range(wrong), [ten])  # type: ignore[misc]
        found = judged_claim(places, self.NAME, LARGE)
        ((name, outcome),) = ((test.subject, test.outcome) for test in found.under("written"))
        assert name == "Control at 10/255 minus UpscaledAI at 10/255, under FGSM, profile smoke"
        assert outcome is Outcome.HOLDS and found.verdict is Verdict.REPRODUCED
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
