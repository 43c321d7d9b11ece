"""The 36 cells: what they claim, and that records alone decide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.certification.log import Fixed, Sequential
from src.claims.claim import Outcome, Verdict
from src.experiments.conditions import Attack, Condition, Smoothing
from src.experiments.folders import Places
from src.statistics.intervals import Interval, bootstrap_against_published, newcombe_interval, wilson_interval
from src.studies.resolution.claim_cells import agreement, cell_claims
from src.studies.resolution.config import DOWNSCALED, NORMAL, RELEASED, SEEDS, SMOKE, UPSCALED_AI, WRITTEN, Variant
from src.studies.resolution.corrected.config import COMPARISON, FULL, REDUCED
from src.studies.resolution.published_tables import REPORTED, reported
from src.training.recipes import Consistency, Gaussian
from tests.studies.resolution.corrected import corrected_folder
from tests.studies.resolution.records_folder import LARGE, change, flip, job, judged_claim, write

EACH = 1 - 0.05 / 36
"""The confidence of each cell's interval."""

CLEAN, SMOOTHED = Condition(), Condition(None, Smoothing(0.15 / 255, 10))


def attacked(epsilon: int, smoothed: bool = False) -> Condition:
    return Condition(Attack(epsilon / 255, "softmax"), SMOOTHED.smoothing if smoothed else None)


CELLS = {
    # Of protocol `released`: the cell, its network, and the condition that alone decides.
    "accuracy/Downscaled/cnn_accuracy": (DOWNSCALED, CLEAN),
    "accuracy/Normal/rs_accuracy": (NORMAL, SMOOTHED),
    "adversarial/Normal/cnn_accuracy": (NORMAL, attacked(2)),
    "adversarial/Downscaled/rs_accuracy": (DOWNSCALED, attacked(2, smoothed=True)),
    "adversarial/UpscaledAI/cnn_accuracy": (UPSCALED_AI, attacked(10)),
    "adversarial/UpscaledAI/rs_accuracy": (UPSCALED_AI, attacked(10, smoothed=True)),
}


MANY = replace(SMOKE, test_images=(2_000,))
"""Enough images for each cell's 90% interval to lie within 0.02 of zero; of 0.916 just so."""

PAPERS = {f"{row.table}/{row.variant}/{row.metric}": row.paper for row in reported().itertuples()}


def as_published(name: str, images: int) -> range:
    """The positions of the images that are answered wrongly for the accuracy that is published."""
    return range(round((1 - PAPERS[name]) * images))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return corrected_folder.places(tmp_path)


def test_each_published_number_is_a_claim() -> None:
    published = pd.read_csv(REPORTED, dtype=str, keep_default_na=False)
    claims = {claim.name: claim for claim in cell_claims()}
    assert len(published) == len(claims) == 36
    for _, cell in published.iterrows():
        claim = claims[f"{cell['table']}/{cell['variant']}/{cell['metric']}"]
        assert float(claim.reported) == float(cell["paper"])
        assert float(claim.author_notebook) == pytest.approx(float(cell["author_notebook"]), rel=1e-3)
        assert claim.reported in claim.statement and claim.note == cell["note"]
        assert cell["variant"] in claim.source and ("FGSM" in claim.source) == (cell["table"] == "adversarial")
        assert ("smoothed" in claim.statement) == cell["metric"].startswith("rs")
        assert claim.decided_by == ("released", "written") and "36" in claim.tolerance
        margin = "within 0.02 " if cell["metric"].endswith("accuracy") else "within 0.05 "
        assert margin in claim.tolerance and "90%" in claim.tolerance


class TestAgreement:
    @pytest.mark.parametrize(
        ("narrow", "simultaneous", "expected"),
        [
            ((-0.1, 0.1), (-0.3, 0.3), Outcome.HOLDS),
            ((0.01, 0.1), (0.0, 0.3), Outcome.HOLDS),
            ((-0.2, 0.1), (-0.3, 0.3), Outcome.INCONCLUSIVE),
            ((-0.1, 0.2), (-0.3, 0.3), Outcome.INCONCLUSIVE),
            ((0.1, 0.3), (0.0, 0.4), Outcome.INCONCLUSIVE),
            # However near: what is surely another number is not the same.
            ((0.02, 0.1), (0.01, 0.15), Outcome.FAILS),
            ((-0.1, -0.02), (-0.15, -0.01), Outcome.FAILS),
            ((0.3, 0.5), (0.2, 0.6), Outcome.FAILS),
            ((-np.inf, np.inf), (-np.inf, np.inf), Outcome.INCONCLUSIVE),
        ],
    )
    def test_by_hand(self, narrow: tuple[float, float], simultaneous: tuple[float, float], expected: Outcome) -> None:
        assert agreement(Interval(0.05, *narrow), Interval(0.05, *simultaneous), 0.2) is expected


class TestAccuracy:
    @pytest.mark.parametrize(("name", "variant", "condition"), [(name, *cell) for name, cell in CELLS.items()])
    def test_its_condition_decides_and_no_other(
        self, places: Places, name: str, variant: Variant, condition: Condition
    ) -> None:
        one = job(variant, profile=MANY)
        asked = {*one.paper_conditions, attacked(2), attacked(10)}
        good = as_published(name, 2_000)
        write(places, one, lambda other: good if other == condition else range(400), only=asked)
        assert judged_claim(places, name, MANY).verdict is Verdict.ONLY_AS_RELEASED
        flip(one.records(places), condition, 400)
        assert judged_claim(places, name, MANY).verdict is Verdict.NOT_REPRODUCED

    def test_measured_minus_reported_with_its_interval(self, places: Places) -> None:
        write(places, job(UPSCALED_AI), lambda condition: range(7) if condition.attack else range(2))
        (test,) = judged_claim(places, "adversarial/UpscaledAI/cnn_accuracy").tests
        assert test.value == newcombe_interval(93, 100, 916, 1000, EACH)
        assert test.confidence == pytest.approx(EACH)
        assert (test.protocol, test.seeds, test.images) == ("released", 1, 100)
        assert test.subject == "UpscaledAI, seed 0, epsilon 10/255" and (test.measured, test.note) == (0.93, "")
        assert test.quantity == "accuracy, measured minus reported"

    def test_a_hundred_images_are_too_few_to_agree(self, places: Places) -> None:
        """Also where they give the published number."""
        name = "accuracy/Normal/cnn_accuracy"
        write(places, job(NORMAL), lambda _: as_published(name, 100), only=[CLEAN])
        found = judged_claim(places, name)
        assert found.tests[0].value.estimate == 0 and found.verdict is Verdict.INCONCLUSIVE

    @pytest.mark.parametrize(
        ("wrong", "expected"),
        [
            (4, Outcome.INCONCLUSIVE),
            (5, Outcome.HOLDS),
            (11, Outcome.HOLDS),
            (14, Outcome.HOLDS),
            (15, Outcome.INCONCLUSIVE),
            (27, Outcome.INCONCLUSIVE),
            (28, Outcome.FAILS),
            (60, Outcome.FAILS),
        ],
    )
    def test_holds_where_it_surely_is_near_and_fails_where_it_surely_is_another(
        self, places: Places, wrong: int, expected: Outcome
    ) -> None:
        write(places, job(DOWNSCALED, profile=LARGE), lambda _: range(wrong), only=[CLEAN])
        (test,) = judged_claim(places, "accuracy/Downscaled/cnn_accuracy", LARGE).tests
        narrow, wide = (newcombe_interval(600 - wrong, 600, 982, 1000, level) for level in (0.9, EACH))
        assert test.value == wide and test.outcome is expected
        near, other = max(-narrow.low, narrow.high) < 0.02, max(wide.low, -wide.high) > 0
        assert expected is (Outcome.FAILS if other else Outcome.HOLDS if near else Outcome.INCONCLUSIVE)

    def test_both_readings_have_a_say(self, places: Places) -> None:
        name = "accuracy/Normal/cnn_accuracy"
        for protocol in (RELEASED, WRITTEN):
            write(places, job(NORMAL, protocol, profile=LARGE), lambda _: as_published(name, 600), only=[CLEAN])
        assert judged_claim(places, name, LARGE).verdict is Verdict.REPRODUCED
        flip(job(NORMAL, WRITTEN, profile=LARGE).records(places), CLEAN, 200)
        assert judged_claim(places, name, LARGE).verdict is Verdict.ONLY_AS_RELEASED
        flip(job(NORMAL, profile=LARGE).records(places), CLEAN, 200)
        assert judged_claim(places, name, LARGE).verdict is Verdict.NOT_REPRODUCED

    def test_of_another_network_is_not_measured(self, places: Places) -> None:
        write(places, job(NORMAL), only=[CLEAN])
        assert judged_claim(places, "accuracy/Downscaled/cnn_accuracy").verdict is Verdict.NOT_MEASURED


class TestWhichRecords:
    NAME = "accuracy/Normal/cnn_accuracy"

    @pytest.mark.parametrize(("images", "expected"), [(900, 900), (899, 600), (600, 600), (599, 50), (49, None)])
    def test_the_largest_complete_test_set(self, places: Places, images: int, expected: int | None) -> None:
        """Beyond the first 600 images everything is wrong; the sweeps are of 50."""
        profile = replace(SMOKE, test_images=(600, 900))
        wrong = {*as_published(self.NAME, 600), *range(600, 900)}
        write(places, job(NORMAL, profile=profile), lambda _: wrong, only=[CLEAN], images=images)
        tests = judged_claim(places, self.NAME, profile).tests
        outcomes = {900: Outcome.FAILS, 600: Outcome.HOLDS, 50: Outcome.FAILS}
        found = [(test.images, test.outcome) for test in tests]
        assert found == ([] if expected is None else [(expected, outcomes[expected])])

    def test_the_first_seed_decides(self, places: Places) -> None:
        write(places, job(NORMAL, seed=1), only=[CLEAN])
        before = judged_claim(places, self.NAME)
        assert before.tests[0].subject == "Normal, seed 1"
        for seed in (2, 5):
            write(places, job(NORMAL, seed=seed), lambda condition: range(60), only=[CLEAN])
        assert judged_claim(places, self.NAME).tests == before.tests
        write(places, job(NORMAL, seed=0), lambda condition: range(60), only=[CLEAN])
        assert judged_claim(places, self.NAME).verdict is Verdict.NOT_REPRODUCED

    def test_a_training_in_another_precision_counts_only_alone(self, places: Places) -> None:
        write(places, job(NORMAL, precision="bfloat16"), lambda condition: range(60), only=[CLEAN])
        (test,) = judged_claim(places, self.NAME).tests
        assert test.subject == "Normal, seed 0, bfloat16" and test.outcome is Outcome.FAILS
        write(places, job(NORMAL), only=[CLEAN])
        (test,) = judged_claim(places, self.NAME).tests
        assert test.subject == "Normal, seed 0" and test.measured == 1

    def test_seeds_of_the_other_profile_do_not_count(self, places: Places) -> None:
        write(places, job(NORMAL, profile=SEEDS), only=[CLEAN])
        assert judged_claim(places, self.NAME).verdict is Verdict.NOT_MEASURED


class TestLoss:
    NAME = "accuracy/Downscaled/cnn_loss"

    def test_the_records_losses_decide(self, places: Places) -> None:
        one = write(places, job(DOWNSCALED), loss=0.0892)
        assert judged_claim(places, self.NAME).verdict is Verdict.ONLY_AS_RELEASED
        assert judged_claim(places, "accuracy/Downscaled/rs_loss").verdict is Verdict.ONLY_AS_RELEASED
        change(one.records(places), CLEAN, lambda rows: rows.assign(loss=2 * rows["loss"]))
        assert judged_claim(places, self.NAME).verdict is Verdict.NOT_REPRODUCED
        assert judged_claim(places, "accuracy/Downscaled/rs_loss").verdict is Verdict.ONLY_AS_RELEASED

    def test_losses_that_spread_too_far_are_inconclusive(self, places: Places) -> None:
        # The 100 made-up losses have a mean of 1.097 times this.
        write(places, job(NORMAL), only=[CLEAN], loss=0.97 / 1.097)
        (test,) = judged_claim(places, "accuracy/Normal/cnn_loss").tests
        assert abs(test.value.estimate) < 0.01 and 0.0 in test.value
        assert test.outcome is Outcome.INCONCLUSIVE

    def test_measured_minus_reported_with_its_interval(self, places: Places) -> None:
        one = write(places, job(NORMAL), loss=0.2)
        losses = one.records(places).load().query("classifier == 'rs' and sigma < 0.001 and attack == 'none'")["loss"]
        (test,) = judged_claim(places, "accuracy/Normal/rs_loss").tests
        assert test.value.estimate == pytest.approx(losses.mean() - 0.1043)
        assert test.measured == pytest.approx(losses.mean())
        assert test.value == bootstrap_against_published(losses.to_numpy(), 0.1043, 1000, 0, EACH)
        assert test.outcome is Outcome.FAILS and test.images == 100


class TestBeside:
    """The 28x28 network that is smoothed as its authors do stands beside the smoothed classifier, without a say."""

    def test_is_shown_and_never_counts(self, places: Places, tmp_path: Path) -> None:
        name = "accuracy/Normal/rs_accuracy"
        write(places, job(NORMAL, profile=LARGE), lambda _: as_published(name, 600), only=[CLEAN, SMOOTHED])
        methods = ((Fixed(1000), 20), (Sequential((0.0, 0.25), 1000), 20))
        others = [
            corrected_folder.job(NORMAL, Gaussian(0.25), REDUCED, methods[:1]),
            corrected_folder.job(NORMAL, Gaussian(0.5), FULL, methods[:1]),
            corrected_folder.job(NORMAL, Consistency(0.25), COMPARISON, methods[:1]),
            corrected_folder.job(DOWNSCALED, Gaussian(0.25), FULL, methods[:1]),
        ]
        corrected_folder.make_folder(tmp_path, others)
        one = corrected_folder.job(NORMAL, Gaussian(0.25), FULL, methods)
        images = np.arange(20)
        for method, right in ((methods[0][0], 5), (methods[1][0], 9)):
            log = {"idx": images, "label": 1, "predict": np.where(images < right, 1, 2), "radius": 0.3, "count": 999}
            corrected_folder.write_log(one, tmp_path, method, pd.DataFrame({**log, "n": 1000}))
        corrected_folder.list_trial(one, tmp_path)
        found = judged_claim(places, name, LARGE)
        (test,) = found.under("corrected")
        assert (test.outcome, test.value, test.images) == (Outcome.SHOWN, wilson_interval(5, 20), 20)
        assert "full" in test.subject and "0.25" in test.subject
        assert found.verdict is Verdict.ONLY_AS_RELEASED
        for other in ("accuracy/Normal/cnn_accuracy", "accuracy/Normal/rs_loss", "adversarial/Normal/rs_accuracy"):
            assert judged_claim(places, other, LARGE).under("corrected") == ()

    def test_alone_it_is_no_measurement(self, places: Places, tmp_path: Path) -> None:
        one = corrected_folder.job(NORMAL, Gaussian(0.25), FULL, ((Fixed(100), 10),))
        corrected_folder.make_folder(tmp_path, [one])
        found = judged_claim(places, "accuracy/Normal/rs_accuracy")
        assert len(found.tests) == 1 and found.verdict is Verdict.NOT_MEASURED


def test_released_means_the_notebooks_conditions() -> None:
    """What the other tests here take the cells' conditions to be."""
    assert set(job(NORMAL).paper_conditions) == {CLEAN, SMOOTHED, attacked(2), attacked(2, smoothed=True)}
    assert RELEASED.attack_epsilon(UPSCALED_AI) == 10 / 255
