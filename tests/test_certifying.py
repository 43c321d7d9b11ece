"""The loop over blocks of images: what is missing is certified, and blocks change nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src import certifying
from src.base import InputError
from src.certification_log import CertificationLog, Fixed, Method, Predict, Sequential
from src.certifying import certify_images
from src.smoothing.classifier import SmoothedClassifier
from tests.linear_models import labelled_images, linear_network

ALPHA, N0, SIGMA = 0.01, 20, 0.25
INDICES = np.arange(24) * 3 + 5


@pytest.fixture(scope="module")
def classifier() -> SmoothedClassifier:
    return SmoothedClassifier(linear_network(), SIGMA, seed=3)


def certified(
    classifier: SmoothedClassifier, path: Path, method: Method, places: np.ndarray | slice = slice(None)
) -> tuple[pd.DataFrame, int]:
    """The log after certifying the images at `places`, without wall times, and how many were said to be done."""
    data = labelled_images(len(INDICES))
    log, advanced = CertificationLog(path, method.settings()), [0]
    log.begin()
    certify_images(classifier, data["images"][places], data["labels"][places], INDICES[places], method, ALPHA, N0, log,
                   advanced.append)  # fmt: skip
    return log.load().drop(columns="time"), sum(advanced)


METHODS = (Fixed(200), Sequential((0.0, 0.2, 0.4), 1000), Predict(50))


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_blocks_and_interruptions_change_no_row(
    classifier: SmoothedClassifier, tmp_path: Path, method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, done = certified(classifier, tmp_path / "whole.tsv", method)
    assert done == len(INDICES) and whole["idx"].tolist() == INDICES.tolist()
    monkeypatch.setattr(certifying, "BLOCK", 7)
    monkeypatch.setattr(certifying, "SEQUENTIAL_BLOCK", 5)
    first, done = certified(classifier, tmp_path / "parts.tsv", method, slice(3, 20, 4))
    assert done == len(first) == 5
    both, done = certified(classifier, tmp_path / "parts.tsv", method)
    assert done == len(INDICES) - 5
    pd.testing.assert_frame_equal(both.sort_values("idx", ignore_index=True), whole)
    _, done = certified(classifier, tmp_path / "parts.tsv", method)
    assert done == 0


def test_rows_are_the_classifiers_answers(classifier: SmoothedClassifier, tmp_path: Path) -> None:
    data = labelled_images(len(INDICES))
    rows, _ = certified(classifier, tmp_path / "fixed.tsv", METHODS[0])
    answers = classifier.certify(data["images"], 200, ALPHA, N0, INDICES)
    assert rows["predict"].tolist() == answers.prediction.tolist()
    assert rows["radius_exact"].tolist() == answers.radius.tolist()
    assert rows["count"].tolist() == answers.count.tolist()
    assert rows["label"].tolist() == data["labels"].tolist()
    rows, _ = certified(classifier, tmp_path / "predict.tsv", METHODS[2])
    assert rows["predict"].tolist() == classifier.predict(data["images"], 50, ALPHA, INDICES).tolist()
    assert rows["count"].tolist() == classifier.vote(data["images"], 50, INDICES).counts.max(axis=1).tolist()
    rows, _ = certified(classifier, tmp_path / "sequential.tsv", METHODS[1])
    answers = classifier.certify_sequentially(data["images"], (0.0, 0.2, 0.4), 1000, ALPHA, N0, INDICES)
    assert rows["radius_exact"].tolist() == answers.radius.tolist()
    assert rows["n"].tolist() == answers.n.tolist() and rows["n"].nunique() > 1


def test_time_is_shared_out_by_draws(classifier: SmoothedClassifier, tmp_path: Path) -> None:
    method = Sequential((0.0, 0.2, 0.4), 20_000)
    certified(classifier, tmp_path / "log.tsv", method)
    rows = CertificationLog(tmp_path / "log.tsv", method.settings()).load()
    # One block; times are rounded to a millisecond.
    expected = rows["time"].sum() * rows["n"] / rows["n"].sum()
    assert rows["time"].sum() > 0 and np.allclose(rows["time"], expected, atol=0.002 + 0.0005 * len(rows))


def test_what_does_not_fit_is_refused(classifier: SmoothedClassifier, tmp_path: Path) -> None:
    log = CertificationLog(tmp_path / "log.tsv", {})
    log.begin()
    images, labels = np.zeros((2, 4, 4, 1), np.float32), np.zeros(3, np.int64)
    with pytest.raises(InputError, match="differ in length: 2, 3, 2"):
        certify_images(classifier, images, labels, np.arange(2), Fixed(10), ALPHA, N0, log, print)
