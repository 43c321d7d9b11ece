"""The 36 cells: what they claim, and that records alone decide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.certification_log import Fixed, Sequential
from src.claims import Outcome, Verdict
from src.conditions import Attack, Condition, Smoothing
from src.metrics import bootstrap_against_published, newcombe_interval, wilson_interval
from src.studies.resolution.claim_cells import cell_claims
from src.studies.resolution.config import DOWNSCALED, NORMAL, RELEASED, SEEDS, UPSCALED_AI, WRITTEN, Variant
from src.studies.resolution.corrected.config import COMPARISON, FULL, REDUCED
from src.studies.resolution.plan import Places
from src.studies.resolution.published_tables import REPORTED
from src.training.recipes import Consistency, Gaussian
from tests.studies.resolution.corrected import corrected_folder
from tests.studies.resolution.records_folder import change, flip, job, judged_claim, write

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


def three_wrong(condition: Condition) -> range:
    return range(3)


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


class TestAccuracy:
    @pytest.mark.parametrize(("name", "variant", "condition"), [(name, *cell) for name, cell in CELLS.items()])
    def test_its_condition_decides_and_no_other(
        self, places: Places, name: str, variant: Variant, condition: Condition
    ) -> None:
        one = write(places, job(variant), three_wrong)
        assert judged_claim(places, name).verdict is Verdict.REPRODUCED
        for other in {*one.paper_conditions, attacked(2), attacked(10)} - {condition}:
            flip(one.records(places), other, 40)
        assert judged_claim(places, name).verdict is Verdict.REPRODUCED
        flip(one.records(places), condition, 40)
        assert judged_claim(places, name).verdict is Verdict.NOT_REPRODUCED

    def test_measured_minus_reported_with_its_interval(self, places: Places) -> None:
        write(places, job(UPSCALED_AI), lambda condition: range(7) if condition.attack else range(2))
        (test,) = judged_claim(places, "adversarial/UpscaledAI/cnn_accuracy").tests
        assert test.value == newcombe_interval(93, 100, 916, 1000, EACH)
        assert (test.protocol, test.seeds, test.images, test.outcome) == ("released", 1, 100, Outcome.HOLDS)
        assert test.subject == "UpscaledAI, epsilon 10/255" and test.note == "measured 0.9300"

    def test_holds_just_while_zero_lies_in_the_interval(self, places: Places) -> None:
        found = set()
        for wrong in range(4, 14):
            write(places, job(DOWNSCALED), lambda _, wrong=wrong: range(wrong), only=[CLEAN])  # type: ignore[misc]
            ((test,), expected) = (
                judged_claim(places, "accuracy/Downscaled/cnn_accuracy").tests,
                0.0 in newcombe_interval(100 - wrong, 100, 982, 1000, EACH),
            )
            job(DOWNSCALED).records(places).path.unlink()
            assert (test.outcome is Outcome.HOLDS) == expected == (test.outcome is not Outcome.FAILS)
            found.add(expected)
        assert found == {True, False}

    def test_both_readings_have_a_say(self, places: Places) -> None:
        write(places, job(NORMAL), three_wrong)
        written = write(places, job(NORMAL, WRITTEN), three_wrong)
        name = "accuracy/Normal/cnn_accuracy"
        assert judged_claim(places, name).verdict is Verdict.REPRODUCED
        flip(written.records(places), CLEAN, 40)
        assert judged_claim(places, name).verdict is Verdict.ONLY_AS_RELEASED
        flip(job(NORMAL).records(places), CLEAN, 40)
        assert judged_claim(places, name).verdict is Verdict.NOT_REPRODUCED

    def test_of_another_network_is_not_measured(self, places: Places) -> None:
        write(places, job(NORMAL), three_wrong)
        assert judged_claim(places, "accuracy/Downscaled/cnn_accuracy").verdict is Verdict.NOT_MEASURED


class TestWhichRecords:
    NAME = "accuracy/Normal/cnn_accuracy"

    @pytest.mark.parametrize(("images", "expected"), [(100, 100), (99, 50), (50, 50), (49, None)])
    def test_the_largest_complete_test_set(self, places: Places, images: int, expected: int | None) -> None:
        """Beyond the first 50 images everything is wrong."""
        write(places, job(NORMAL), lambda condition: range(50, 100), only=[CLEAN], images=images)
        tests = judged_claim(places, self.NAME).tests
        if expected is None:
            assert tests == ()
        else:
            assert [(test.images, test.outcome) for test in tests] == [
                (expected, Outcome.HOLDS if expected == 50 else Outcome.FAILS)
            ]

    def test_the_first_seed_decides(self, places: Places) -> None:
        write(places, job(NORMAL, seed=1), three_wrong)
        before = judged_claim(places, self.NAME)
        for seed in (2, 5):
            write(places, job(NORMAL, seed=seed), lambda condition: range(60))
        assert judged_claim(places, self.NAME).tests == before.tests
        write(places, job(NORMAL, seed=0), lambda condition: range(60))
        assert judged_claim(places, self.NAME).verdict is Verdict.NOT_REPRODUCED

    def test_seeds_of_the_other_profile_do_not_count(self, places: Places) -> None:
        write(places, job(NORMAL, profile=SEEDS), only=[CLEAN])
        assert judged_claim(places, self.NAME).verdict is Verdict.NOT_MEASURED


class TestLoss:
    NAME = "accuracy/Downscaled/cnn_loss"

    def test_the_records_losses_decide(self, places: Places) -> None:
        one = write(places, job(DOWNSCALED), loss=0.0892)
        assert judged_claim(places, self.NAME).verdict is Verdict.REPRODUCED
        assert judged_claim(places, "accuracy/Downscaled/rs_loss").verdict is Verdict.REPRODUCED
        change(one.records(places), CLEAN, lambda rows: rows.assign(loss=2 * rows["loss"]))
        assert judged_claim(places, self.NAME).verdict is Verdict.NOT_REPRODUCED
        assert judged_claim(places, "accuracy/Downscaled/rs_loss").verdict is Verdict.REPRODUCED

    def test_measured_minus_reported_with_its_interval(self, places: Places) -> None:
        one = write(places, job(NORMAL), loss=0.2)
        losses = one.records(places).load().query("classifier == 'rs' and sigma < 0.001 and attack == 'none'")["loss"]
        (test,) = judged_claim(places, "accuracy/Normal/rs_loss").tests
        assert test.value.estimate == pytest.approx(losses.mean() - 0.1043)
        assert test.value == bootstrap_against_published(losses.to_numpy(), 0.1043, 1000, 0, EACH)
        assert test.outcome is Outcome.FAILS and test.images == 100


class TestBeside:
    """The 28x28 network that is smoothed as its authors do stands beside the smoothed classifier, without a say."""

    def test_is_shown_and_never_counts(self, places: Places, tmp_path: Path) -> None:
        write(places, job(NORMAL), three_wrong)
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
        found = judged_claim(places, "accuracy/Normal/rs_accuracy")
        (test,) = found.under("corrected")
        assert (test.outcome, test.value, test.images) == (Outcome.SHOWN, wilson_interval(5, 20), 20)
        assert "full" in test.subject and "0.25" in test.subject
        assert found.verdict is Verdict.REPRODUCED
        for name in ("accuracy/Normal/cnn_accuracy", "accuracy/Normal/rs_loss", "adversarial/Normal/rs_accuracy"):
            assert judged_claim(places, name).under("corrected") == ()

    def test_alone_it_is_no_measurement(self, places: Places, tmp_path: Path) -> None:
        one = corrected_folder.job(NORMAL, Gaussian(0.25), FULL, ((Fixed(100), 10),))
        corrected_folder.make_folder(tmp_path, [one])
        found = judged_claim(places, "accuracy/Normal/rs_accuracy")
        assert len(found.tests) == 1 and found.verdict is Verdict.NOT_MEASURED


def test_released_means_the_notebooks_conditions() -> None:
    """What the other tests here take the cells' conditions to be."""
    assert set(job(NORMAL).paper_conditions) == {CLEAN, SMOOTHED, attacked(2), attacked(2, smoothed=True)}
    assert RELEASED.attack_epsilon(UPSCALED_AI) == 10 / 255
