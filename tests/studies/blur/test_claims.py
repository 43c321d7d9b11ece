"""What decides a claim about layers, from tables made up by hand: no network is run."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from src.claims.claim import Comparison, Judgement, Outcome, Verdict, judge, outcome
from src.studies.blur import claim_layers
from src.studies.blur.claims import THEOREM, claims
from src.studies.blur.config import PLAIN, SMOKE
from src.studies.blur.evidence import Evidence, Measured
from src.studies.blur.plan import Job, cifar10_trial

CONVOLUTION = {"stage": 0, "blur": "gaussian", "size": 1.0, "angle": 0.0, "name": "conv 1", "kind": "conv"}
OF_ITS_INPUT = {"lipschitz": 3.0, "own_size": 1.0, "attained": 1.5, "bound": 2.0, "absolute": 4.0, "parameters": 5.0}


def evidence(changed: float = 0.9, **constants: float) -> list[Measured]:
    """One network of a convolution and a dense layer, one image.

    Args:
        changed: by blur, as a share of the convolution's output.
        constants: of the convolution.
    """
    trial = cifar10_trial(SMOKE, PLAIN, 0, "float32")
    first = CONVOLUTION | OF_ITS_INPUT | {"symbol": 0.9} | constants
    last = CONVOLUTION | {"stage": 1, "name": "dense 1", "kind": "dense", "lipschitz": 2.0}
    measured = {"image": 7, "image_norm": 1.0, "image_error": 0.5, "norm": 1.0, "error": 0.5}
    layers = pd.DataFrame(
        [
            CONVOLUTION
            | measured
            | {"norm": 1.2 / changed, "input_norm": 1.0, "own_error": 1.2, "trial": trial.key},
            CONVOLUTION | measured | {"stage": 1, "trial": trial.key},
        ]
    ).drop(columns=["name", "kind"])
    table = pd.DataFrame([first, last]).assign(trial=trial.key)
    return [Measured(Job(SMOKE, trial), pd.DataFrame(), layers, table)]


def judged(found: Evidence, name: str) -> Judgement[Evidence]:
    (claim,) = (claim for claim in claims() if claim.name == name)
    return judge([claim], found)[0]


class TestBelowOne:
    def test_both_readings_of_one_sentence(self) -> None:
        input_reading, output_reading = (claim for claim in claims() if claim.name.startswith("below-one"))
        assert (input_reading.name, output_reading.name) == ("below-one", "below-one-output")
        assert input_reading.statement != output_reading.statement
        assert "the norm of the linear part" in input_reading.tolerance and "test images" in output_reading.tolerance

    def test_they_may_differ(self) -> None:
        """An input is changed by 1.5 times its length, but the output by 0.9 of its own."""
        assert self.outcomes(evidence()) == (Outcome.FAILS, Outcome.HOLDS)
        assert self.outcomes(evidence(bound=0.9, attained=0.8, changed=1.1)) == (Outcome.HOLDS, Outcome.FAILS)

    def outcomes(self, found: Evidence) -> tuple[Outcome | None, ...]:
        return tuple(outcome(judged(found, name).tests) for name in ("below-one", "below-one-output"))

    def test_one_data_set_may_refute_and_never_reproduces(self) -> None:
        assert judged(evidence(), "below-one").verdict == Verdict.NOT_REPRODUCED
        assert judged(evidence(), "below-one-output").verdict == Verdict.INCONCLUSIVE

    @pytest.mark.parametrize(
        ("changed", "expected"), [(0.999, Outcome.HOLDS), (1.0, Outcome.FAILS), (float("nan"), Outcome.FAILS)]
    )
    def test_the_largest_change_decides(self, changed: float, expected: Outcome) -> None:
        (test,) = claim_layers.below_one_of_output(evidence(changed=changed))
        assert test.outcome == expected
        assert test.value.estimate == pytest.approx(changed, nan_ok=True)

    def test_every_convolution_image_and_blur_is_asked(self) -> None:
        (one,) = evidence()
        wider = one.layers.iloc[[0]].assign(size=2.0, norm=1.0)
        both = Measured(one.job, one.answers, pd.concat([one.layers, wider]), one.constants)
        (test,) = claim_layers.below_one_of_output([both])
        assert (test.outcome, test.value.estimate) == (Outcome.FAILS, pytest.approx(1.2))


IMAGES = np.arange(60)


def chain(errors: Mapping[str, np.ndarray], answers: np.ndarray | None = None) -> list[Measured]:
    """One network whose stages' relative errors are given by name; its answers under blur, of which 0 is right."""
    trial = cifar10_trial(SMOKE, PLAIN, 0, "float32")
    stages = [
        CONVOLUTION | {"stage": place, "name": name, "kind": name.split()[0]} for place, name in enumerate(errors)
    ]
    layers = pd.concat(
        [pd.DataFrame(stage | {"image": IMAGES, "norm": 1.0, "error": error})
         for stage, error in zip(stages, errors.values(), strict=True)]
    )  # fmt: skip
    said = [("none", 0.0, np.zeros(60, int)), ("gaussian", 1.0, np.zeros(60, int) if answers is None else answers)]
    asked = pd.concat(
        [pd.DataFrame({"classifier": "cnn", "blur": blur, "size": size, "angle": 0.0, "image": IMAGES, "label": 0,
                       "prediction": prediction}) for blur, size, prediction in said]
    )  # fmt: skip
    return [Measured(Job(SMOKE, trial), asked, layers, pd.DataFrame(stages))]


def spread(mean: float) -> np.ndarray:
    """Relative errors around a mean, one for each image."""
    return mean * np.exp(0.1 * np.random.default_rng(0).normal(size=60))


def test_the_error_may_grow_through_the_convolutions_and_not_to_the_logits() -> None:
    found = chain({"conv 1": spread(0.3), "conv 2": spread(0.5), "dense 1": spread(0.2)})
    (through,) = claim_layers.error_grows(found, "convolution")
    (whole,) = claim_layers.error_grows(found, "stage")
    assert (through.outcome, whole.outcome) == (Outcome.HOLDS, Outcome.FAILS)
    assert through.value.estimate == pytest.approx(math.log(0.5 / 0.3)) and through.note == "1.67 times"
    assert whole.value.estimate == pytest.approx(math.log(0.2 / 0.3))


class TestExplanation:
    wrong = (IMAGES < 25).astype(int)

    def test_errors_before_the_last_stage_decide(self) -> None:
        larger = np.where(self.wrong, 2.0, 1.0) * spread(0.3)
        for before, logits, expected in (
            (larger, spread(0.3), Outcome.HOLDS), (spread(0.3) ** 2 / larger, larger, Outcome.FAILS),
        ):  # fmt: skip
            (test,) = claim_layers.errors_explain(chain({"conv 1": before, "dense 1": logits}, self.wrong))
            assert test.outcome == expected
            assert test.note == "25 turned wrong, 35 stay right"

    def test_too_few_of_a_kind_are_not_compared(self) -> None:
        few = (IMAGES < claim_layers.FEWEST - 1).astype(int)
        assert not list(claim_layers.errors_explain(chain({"conv 1": spread(1), "dense 1": spread(1)}, few)))


def test_theorems_are_said_to_be_theorems() -> None:
    said = {claim.name for claim in claims() if THEOREM in claim.note}
    assert said == {"inequality", "parameters", "product"}


@pytest.mark.parametrize("name", ["inequality", "parameters", "below-one", "below-one-output"])
def test_layers_go_by_the_stages_names(name: str) -> None:
    found: list[Comparison] = list(judged(evidence(), name).tests)
    assert [test.subject.split(", ")[2] for test in found] == ["conv 1"]
