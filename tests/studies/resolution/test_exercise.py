"""The notebooks' exercises: what they say is what the classifiers say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from src.base import InputError, LabeledImages
from src.experiments.trial_table import save_trial
from src.studies.resolution import showing
from src.studies.resolution.config import DOWNSCALED, RELEASED, SMOKE
from src.studies.resolution.exercise import abstentions, downscaled_network, smooth_and_attack
from src.studies.resolution.plan import resolution_trial
from tests.linear_models import linear_network


def test_no_network_is_told(folders: Path) -> None:
    trial = resolution_trial(SMOKE, RELEASED, DOWNSCALED, 0, "float32", None)
    save_trial(showing.results_folder() / "trials.csv", trial, {})
    with pytest.raises(InputError, match=r"Downscaled.*released"):
        downscaled_network("released")


def test_an_attempt_says_what_both_classifiers_say() -> None:
    """A network that asks only whether the mean is above a half; an attack that makes all brighter."""
    network = linear_network()
    digit = LabeledImages(np.full((1, 4, 4, 1), 51, np.uint8), np.array([0]), np.array([3]))

    def brighter(images: np.ndarray, labels: np.ndarray, epsilon: float) -> np.ndarray:
        return images + np.float32(epsilon)

    attempt = smooth_and_attack(network, digit, 0.1, brighter, 0.6, n=100)
    clean, attacked = str(attempt).splitlines()
    assert "network says 0, the smoothed classifier 0 (votes 0: 100;" in clean and "radius 0.0" not in clean
    assert "by 153/255" in attacked and "network says 1, the smoothed classifier 1 (votes 1: 100;" in attacked
    plain, noisy, moved = attempt.images.values()
    np.testing.assert_allclose(moved - plain, 0.6, rtol=1e-5)
    assert 0.05 < (noisy - plain).std() < 0.2

    unsure = smooth_and_attack(network, digit, 0.1, brighter, 0.3, n=100)
    assert "the smoothed classifier nothing" in unsure.answers[1] and "radius 0.000" in unsure.answers[1]


def test_ten_votes_never_answer_at_a_thousandth_but_at_a_hundredth() -> None:
    digit = LabeledImages(np.full((1, 4, 4, 1), 51, np.uint8), np.array([0]), np.array([3]))
    said = abstentions(linear_network(), digit, 0.01, 10, (0.001, 0.01))
    assert said == ["alpha 0.001, 10 votes: no answer", "alpha 0.01, 10 votes: 0"]
