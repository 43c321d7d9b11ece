"""What smoothing costs and certifies: records and certificates on disk decide."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.base import ABSTAIN
from src.certification.log import Fixed, Sequential
from src.claims.claim import Outcome, Verdict
from src.experiments.conditions import Attack, Condition
from src.experiments.folders import Places
from src.smoothing.radius import certified_radius, lower_confidence_bound
from src.statistics.paired import Pairs, mcnemar, paired_difference
from src.studies.resolution import plan
from src.studies.resolution.config import DOWNSCALED, NORMAL, WRITTEN
from src.studies.resolution.corrected import conditions as corrected
from src.studies.resolution.corrected.config import COMPARISON, FULL, REDUCED, Attacks, Schedule
from src.studies.resolution.corrected.plan import CorrectedJob
from src.training.recipes import Consistency, Gaussian, Recipe
from tests.studies.resolution.corrected import corrected_folder
from tests.studies.resolution.records_folder import change, flip, job, judged_claim, write, write_corrected

CLEAN, FIXED = Condition(), Fixed(1000)
STRONG = Condition(Attack(38 / 255, "log-odds"))
SMOOTHED_STRONG = corrected.Condition(corrected.Attack("fgsm-log-odds", "linf", 38 / 255), 100)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return corrected_folder.places(tmp_path)


def smoothed(
    folder: Path, wrong: range, recipe: Recipe | None = None, schedule: Schedule = FULL, images: int = 80
) -> CorrectedJob:
    """A network of `corrected` on the first images: certificates with `wrong` answers, all right under attack."""
    method = Fixed(1000)
    one = corrected_folder.job(NORMAL, recipe or Gaussian(0.25), schedule, ((method, images),), Attacks(40, 100))
    write_corrected(folder, one)
    idx = plan.test_order()[:images]
    predict = np.where(np.isin(np.arange(images), list(wrong)), ABSTAIN, idx % 10)
    log = {"idx": idx, "label": idx % 10, "predict": predict, "radius": np.where(predict == ABSTAIN, 0, 0.3)}
    corrected_folder.write_log(one, folder, method, pd.DataFrame({**log, "count": 999, "n": 1000}))
    return one


def plain(places: Places, wrong_under_attack: int = 30) -> None:
    """The network of `written`: right on clean images, wrong on the first under attack."""
    one = job(NORMAL, WRITTEN)
    write(places, one, lambda condition: range(wrong_under_attack) if condition == STRONG else (), [CLEAN, STRONG])


class TestTradeOff:
    def test_records_and_certificates_decide(self, places: Places, tmp_path: Path) -> None:
        plain(places)
        one = smoothed(tmp_path, wrong=range(25))
        found = judged_claim(places, "trade-off")
        assert found.verdict is Verdict.REPRODUCED
        clean, attacked, shown = found.tests
        # On the images that both have seen; two tests.
        assert clean.value == paired_difference(Pairs(0, 25, 80), 0.975) and clean.images == 80
        assert attacked.value == paired_difference(Pairs(30, 0, 40), 0.975) and attacked.images == 40
        assert "clean, against no noise" in clean.subject
        assert "under FGSM of 38/255, against no noise" in attacked.subject
        assert clean.quantity.endswith("claimed below zero") and attacked.quantity.endswith("claimed above zero")
        assert [test.confidence for test in (clean, attacked)] == pytest.approx([0.975] * 2)
        assert shown.outcome is Outcome.SHOWN
        assert {test.protocol for test in found.tests} == {"corrected"}
        flip(one.records(places), SMOOTHED_STRONG, 40)
        assert judged_claim(places, "trade-off").verdict is Verdict.NOT_REPRODUCED
        flip(one.records(places), SMOOTHED_STRONG, 40)
        assert judged_claim(places, "trade-off").verdict is Verdict.REPRODUCED
        # A network without noise that withstands the attack as well.
        change(job(NORMAL, WRITTEN).records(places), STRONG, lambda rows: rows.assign(prediction=rows["label"]))
        assert judged_claim(places, "trade-off").verdict is Verdict.INCONCLUSIVE

    @pytest.mark.parametrize(
        ("wrong", "bare", "expected"),
        [(25, 0, Outcome.HOLDS), (2, 0, Outcome.INCONCLUSIVE), (0, 25, Outcome.FAILS), (0, 0, Outcome.INCONCLUSIVE)],
    )
    def test_clean_accuracy_must_fall(
        self, places: Places, tmp_path: Path, wrong: int, bare: int, expected: Outcome
    ) -> None:
        write(places, job(NORMAL, WRITTEN), lambda condition: range(bare), [CLEAN])
        smoothed(tmp_path, wrong=range(wrong))
        test, shown = judged_claim(places, "trade-off").under("corrected")
        assert test.outcome is expected and shown.outcome is Outcome.SHOWN

    def test_what_smoothing_alone_does_under_attack_stands_beside(self, places: Places, tmp_path: Path) -> None:
        """Against its own network, also where there is no other."""
        one = smoothed(tmp_path, wrong=range(25))
        network = corrected.Condition(SMOOTHED_STRONG.attack, 0)
        flip(one.records(places), network, 12)

        def abstain(answers: pd.DataFrame) -> pd.DataFrame:
            last = answers["image"].isin(sorted(answers["image"])[-5:])
            return answers.assign(prediction=answers["prediction"].mask(last, ABSTAIN))

        change(one.records(places), SMOOTHED_STRONG, abstain)
        found = judged_claim(places, "trade-off")
        (test,) = found.tests
        assert test.outcome is Outcome.SHOWN and found.verdict is Verdict.NOT_MEASURED
        assert test.value == paired_difference(Pairs(12, 5, 40)) and test.images == 40
        assert (test.confidence, test.p_value) == (0.95, mcnemar(Pairs(12, 5, 40)))
        assert "Normal, gaussian, seed 0, sigma 0.25, training full" in test.subject
        assert test.subject.endswith("under FGSM of 38/255, against its own network")
        assert test.note == "5 abstentions" and "claimed" not in test.quantity

    @pytest.mark.parametrize("count", [0, 40])
    def test_it_has_no_say(self, places: Places, tmp_path: Path, count: int) -> None:
        plain(places)
        one = smoothed(tmp_path, wrong=range(25))
        flip(one.records(places), corrected.Condition(SMOOTHED_STRONG.attack, 0), count)
        assert judged_claim(places, "trade-off").verdict is Verdict.REPRODUCED

    def test_just_these_networks_count(self, places: Places, tmp_path: Path) -> None:
        plain(places)
        for recipe, schedule in ((Consistency(0.25), FULL), (Gaussian(0.25), COMPARISON), (Gaussian(0.25), REDUCED)):
            smoothed(tmp_path, range(0), recipe, schedule)
        assert judged_claim(places, "trade-off").tests == ()
        write(places, job(DOWNSCALED, WRITTEN), only=[CLEAN, STRONG])
        assert judged_claim(places, "trade-off").tests == ()

    def test_without_the_network_without_noise_nothing_is_measured(self, places: Places, tmp_path: Path) -> None:
        smoothed(tmp_path, wrong=range(25))
        write(places, job(NORMAL), only=[CLEAN])
        found = judged_claim(places, "trade-off")
        assert {test.outcome for test in found.tests} == {Outcome.SHOWN} and found.verdict is Verdict.NOT_MEASURED

    def test_the_papers_own_networks_stand_beside(self, places: Places, tmp_path: Path) -> None:
        plain(places)
        smoothed(tmp_path, wrong=range(25))
        one = job(NORMAL)
        write(places, one, lambda condition: () if condition.smoothing else range(60), one.paper_conditions)
        found = judged_claim(places, "trade-off")
        (test,) = found.under("released")
        assert test.value == paired_difference(Pairs(60, 0, 100)) and test.outcome is Outcome.FAILS
        assert test.subject == "Normal, seed 0, sigma 0.15/255, clean"
        assert found.verdict is Verdict.REPRODUCED


class TestRadius:
    COUNTS = (1000, 990, 950, 800, 700, 600)

    def write_log(
        self, folder: Path, radii: dict[int, float] | None = None, method: Fixed | Sequential = FIXED
    ) -> None:
        """Certificates of these counts; `radii` replaces some by their place."""
        one = corrected_folder.job(NORMAL, Gaussian(0.5), FULL, ((method, 10),))
        found = [float(certified_radius(count, 1000, 0.001, 0.5)) for count in self.COUNTS]
        for place, radius in (radii or {}).items():
            found[place] = radius
        images = np.arange(len(found) + 1)
        rows = {"idx": images, "label": 1, "predict": [1, 1, 2, 1, 1, 1, ABSTAIN], "radius": [*found, 0.0]}
        corrected_folder.write_log(one, folder, method, pd.DataFrame({**rows, "count": [*self.COUNTS, 500], "n": 1000}))
        corrected_folder.list_trial(one, folder)

    def test_certificates_decide(self, places: Places, tmp_path: Path) -> None:
        self.write_log(tmp_path)
        found = judged_claim(places, "radius")
        (test,) = found.tests
        assert found.verdict is Verdict.REPRODUCED
        assert (test.protocol, test.images) == ("corrected", 6)
        bounds = [float(lower_confidence_bound(count, 1000, 0.001)) for count in self.COUNTS]
        multiples = [
            float(certified_radius(count, 1000, 0.001, 0.5)) / (0.5 * (bound - 0.5))
            for count, bound in zip(self.COUNTS, bounds, strict=True)
        ]
        assert test.value.estimate == pytest.approx(np.mean(multiples))
        assert test.value.low < test.value.estimate < test.value.high
        # The slope of the normal quantile where it is least steep.
        assert min(multiples) > math.sqrt(2 * math.pi)
        assert f"smallest multiple {min(multiples):.4g}, largest {max(multiples):.4g}" in test.note

    @pytest.mark.parametrize(("share", "expected"), [(1.01, Verdict.REPRODUCED), (0.99, Verdict.NOT_REPRODUCED)])
    def test_one_certificate_below_it_refutes(
        self, places: Places, tmp_path: Path, share: float, expected: Verdict
    ) -> None:
        linear = 0.5 * (float(lower_confidence_bound(800, 1000, 0.001)) - 0.5)
        self.write_log(tmp_path, {3: share * linear})
        assert judged_claim(places, "radius").verdict is expected

    def test_of_a_grid_of_radii_nothing_is_said(self, places: Places, tmp_path: Path) -> None:
        self.write_log(tmp_path, method=Sequential((0.0, 0.5), 1000))
        assert judged_claim(places, "radius").verdict is Verdict.NOT_MEASURED
