"""What decides a claim about layers, from tables made up by hand: no network is run."""

from __future__ import annotations

import pandas as pd
import pytest

from src.claims import Comparison, Judgement, Outcome, Verdict, judge, outcome
from src.studies.blur import claim_layers
from src.studies.blur.claims import THEOREM, claims
from src.studies.blur.config import PLAIN, SMOKE
from src.studies.blur.evidence import Evidence, Measured
from src.studies.blur.kernels import CUT_OFF
from src.studies.blur.plan import Job, cifar10_trial

CONVOLUTION = {"stage": 0, "blur": "gaussian", "size": 1.0, "angle": 0.0, "name": "conv 1", "kind": "conv"}
OF_ITS_INPUT = {"lipschitz": 3.0, "own_size": 1.0, "attained": 1.5, "bound": 2.0, "absolute": 4.0, "parameters": 5.0}


def evidence(**constants: float) -> list[Measured]:
    """One network of a convolution and a dense layer, one image, whose convolution has these constants besides."""
    trial = cifar10_trial(SMOKE, PLAIN, 0, "float32")
    first = CONVOLUTION | OF_ITS_INPUT | {"symbol": 0.9} | constants
    last = CONVOLUTION | {"stage": 1, "name": "dense 1", "kind": "dense", "lipschitz": 2.0}
    measured = {"image": 7, "image_norm": 1.0, "image_error": 0.5, "norm": 1.0, "error": 0.5}
    layers = pd.DataFrame(
        [
            CONVOLUTION | measured | {"input_norm": 1.0, "own_error": 1.2, "trial": trial.key},
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
        assert input_reading.statement == output_reading.statement
        assert "T1" in input_reading.tolerance and "T2" in output_reading.tolerance
        assert "any constant in terms of ||x|| is at least what an input attains" in input_reading.tolerance

    def test_they_may_differ(self) -> None:
        """An input is changed by 1.5 times its length, but the output by 0.9 of its own."""
        assert self.outcomes(evidence()) == (Outcome.FAILS, Outcome.HOLDS)
        assert self.outcomes(evidence(bound=0.9, attained=0.8, symbol=1.9)) == (Outcome.HOLDS, Outcome.FAILS)

    def outcomes(self, found: Evidence) -> tuple[Outcome | None, ...]:
        return tuple(outcome(judged(found, name).tests) for name in ("below-one", "below-one-output"))

    def test_one_data_set_may_refute_and_never_reproduces(self) -> None:
        assert judged(evidence(), "below-one").verdict == Verdict.NOT_REPRODUCED
        assert judged(evidence(), "below-one-output").verdict == Verdict.INCONCLUSIVE

    @pytest.mark.parametrize(
        ("symbol", "expected"),
        [
            (0.999, Outcome.HOLDS),
            (1 + CUT_OFF / 2, Outcome.HOLDS),
            (1 + 2 * CUT_OFF, Outcome.FAILS),
            (float("nan"), Outcome.FAILS),
        ],
    )
    def test_the_symbol_decides(self, symbol: float, expected: Outcome) -> None:
        (test,) = claim_layers.below_one_of_output(evidence(symbol=symbol))
        assert test.outcome == expected
        assert test.value.estimate == pytest.approx(symbol, nan_ok=True)

    def test_every_convolution_and_blur_is_asked(self) -> None:
        (one,) = evidence()
        wider = one.constants.iloc[[0]].assign(size=2.0, symbol=1.5)
        both = Measured(one.job, one.answers, one.layers, pd.concat([one.constants, wider]))
        found = list(claim_layers.below_one_of_output([both]))
        assert [test.outcome for test in found] == [Outcome.HOLDS, Outcome.FAILS]
        assert [test.subject for test in found] == [
            f"plain, seed 0, conv 1, Gaussian blur of {size} pixels" for size in (1, 2)
        ]


def test_theorems_are_said_to_be_theorems() -> None:
    said = {claim.name for claim in claims() if THEOREM in claim.note}
    assert said == {"inequality", "parameters", "product", "below-one-output"}


@pytest.mark.parametrize("name", ["inequality", "parameters", "below-one", "below-one-output"])
def test_layers_go_by_the_stages_names(name: str) -> None:
    found: list[Comparison] = list(judged(evidence(), name).tests)
    assert [test.subject.split(", ")[2] for test in found] == ["conv 1"]
