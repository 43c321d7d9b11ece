"""The loop over blocks of images: what is missing is certified, and blocks change nothing."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from src.base import InputError
from src.certification import certify_images as certifying
from src.certification.certify_images import certify_images
from src.certification.log import CertificationLog, Fixed, Method, Predict, Sequential, read_log
from src.smoothing.classifier import SmoothedClassifier
from tests.independent_evidence import log_evidence
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


def test_the_networks_own_answers_are_beside_the_certificates(classifier: SmoothedClassifier, tmp_path: Path) -> None:
    images = labelled_images(len(INDICES))["images"]
    expected = np.asarray(linear_network()(images)).argmax(axis=1).tolist()
    assert len(set(expected)) == 2
    for method in METHODS:
        rows, _ = certified(classifier, tmp_path / f"{method.name}.tsv", method)
        assert rows["network"].tolist() == expected


def test_every_certificate_of_a_sequential_log_can_be_checked(classifier: SmoothedClassifier, tmp_path: Path) -> None:
    method = Sequential((0.0, 0.2, 0.4), 2000)
    rows, _ = certified(classifier, tmp_path / "log.tsv", method)
    checked, gone = 0, 0
    for row in rows.itertuples():
        assert len(row.count_at) == len(row.n_at)
        assert row.radius_exact == max([0.0, *method.radii[: len(row.n_at)]]) and (row.predict == -1) == (not row.n_at)
        for radius, count, n in zip(method.radii, row.count_at, row.n_at, strict=False):
            p0 = stats.norm.cdf(radius / SIGMA)
            assert log_evidence(count, n, p0) >= math.log(1 / ALPHA)
            checked += 1
            gone += log_evidence(row.count, row.n, p0) < math.log(1 / ALPHA)
    assert checked > len(INDICES), f"{checked} certificates, {gone} of them no longer evident at the last draw"


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


@pytest.mark.parametrize("kind", ["uint8", "int32", "uint64"])
def test_labels_and_indices_of_any_integer_type_are_taken(
    classifier: SmoothedClassifier, tmp_path: Path, kind: str
) -> None:
    data, log = labelled_images(len(INDICES)), CertificationLog(tmp_path / "log.tsv", Fixed(20).settings())
    log.begin()
    certify_images(classifier, data["images"], data["labels"].astype(kind), INDICES.astype(kind), Fixed(20), ALPHA, N0,
                   log, lambda count: None)  # fmt: skip
    plain, _ = certified(classifier, tmp_path / "plain.tsv", Fixed(20))
    pd.testing.assert_frame_equal(read_log(log.path).drop(columns="time"), plain)


COUNT = 60
"""Images in more than one block of any kind; what is wrong is wrong of the last."""


def wrong(values: np.ndarray, value: float) -> np.ndarray:
    changed = values.copy()
    changed.reshape(COUNT, -1)[-1, 0] = value
    return changed


SOUND = {
    "images": np.zeros((COUNT, 4, 4, 1), np.float32), "labels": np.zeros(COUNT, np.int64),
    "indices": 100 + np.arange(COUNT),
}  # fmt: skip


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": SOUND["labels"][:, None]}, r"labels: .*use labels\[:, 0\]"),
        ({"labels": np.eye(2)[SOUND["labels"]]}, r"labels: .*labels.argmax\(axis=1\)"),
        ({"labels": SOUND["labels"].astype(float)}, r"labels: expected integers, got float64"),
        ({"labels": wrong(SOUND["labels"], -1)}, "labels: expected class indices from 0 to 1, got -1 at position 59"),
        ({"labels": wrong(SOUND["labels"], 2)}, "labels: expected class indices from 0 to 1, got 2 at position 59"),
        ({"labels": wrong(SOUND["labels"].astype(np.uint64), 2**63)}, f"got {2**63} at position 59"),
        ({"labels": np.int64(0)}, r"labels: .*got shape \(\)"),
        ({"indices": np.int64(0)}, r"differ in length: 60, 60, 1"),
        ({"indices": wrong(SOUND["indices"], 100)}, "indices: 100 at position 59 is at position 0 already"),
        ({"indices": wrong(SOUND["indices"], -1)}, "indices: .* got -1 at position 59"),
        ({"indices": wrong(SOUND["indices"], 2**31)}, f"indices: .* got {2**31} at position 59"),
        ({"indices": SOUND["indices"].astype(float)}, "indices: expected integers, got float64"),
        ({"images": wrong(SOUND["images"], np.nan)}, "images: image 159 has a value that is not finite"),
        ({"images": wrong(SOUND["images"], -np.inf)}, "images: image 159 has a value that is not finite"),
        ({"images": wrong(SOUND["images"].astype(float), 1e39)}, "image 159 has a value that is not finite"),
        ({"images": SOUND["images"].astype(np.uint8)}, "images: expected floating-point numbers"),
        ({"images": SOUND["images"][..., 0]}, r"images: expected a batch of images of shape \(4, 4, 1\)"),
        ({"images": SOUND["images"].reshape(COUNT, 16)}, r"images: expected a batch of images of shape"),
    ],
)  # fmt: skip
def test_all_is_checked_before_the_first_block(
    classifier: SmoothedClassifier, tmp_path: Path, method: Method, changes: dict[str, np.ndarray], message: str
) -> None:
    log = CertificationLog(tmp_path / "log.tsv", method.settings())
    log.begin()
    with pytest.raises(InputError, match=message):
        certify_images(classifier, *{**SOUND, **changes}.values(), method, ALPHA, N0, log, print)
    assert len(read_log(log.path)) == 0
