"""A smoothed classifier on images: certificates, or PREDICT's answers, appended to a log block by block."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from src.base import InputError, checked_indices, checked_labels
from src.certification.log import CertificationLog, Fixed, Method, Predict, Sequential
from src.smoothing.checks import check_images
from src.smoothing.classifier import SmoothedClassifier
from src.smoothing.radius import prediction

BLOCK = 10
"""Images certified together with a fixed number of draws, and all that an interruption can cost."""

SEQUENTIAL_BLOCK = 50
"""The same where images drop out of a block as they are decided: those that stay have to fill the chunks."""

CLEAN_BLOCK = 50
"""Images that the network classifies together without noise: each takes a draw block, and they have to fill a chunk."""


def certify_images(
    classifier: SmoothedClassifier,
    images: np.ndarray,
    labels: np.ndarray,
    indices: np.ndarray,
    method: Method,
    alpha: float,
    n0: int,
    log: CertificationLog,
    advance: Callable[[int], None],
) -> None:
    """Append to `log` what is missing of `images`, in their order; neither blocks nor interruptions change a row.

    Args:
        classifier: whose answers are certified.
        images: (n, height, width, channels) float32, in the unit of the classifier's sigma.
        labels: (n,) integers of any type, from 0 to classes - 1.
        indices: (n,) integers from 0 to 2^31 - 1, none twice; what the noise is keyed by and the log's `idx`.
        method: CERTIFY with fixed draws, sequential certification, or PREDICT.
        alpha: of each answer, in (0, 1).
        n0: draws that choose the class to certify; PREDICT has none.
        log: begun, with settings that are these.
        advance: called with the number of images done.

    Raises:
        InputError: images, labels and indices do not fit, an image has a value that is not finite, or a number is out
            of range; of the images, all are checked before the first is certified.
        StorageError: the log can't be written; blocks appended before are kept.
    """
    labels = checked_labels(labels, classifier.classes)
    lengths = (len(images), len(labels), len(np.atleast_1d(indices)))
    if len(set(lengths)) > 1:
        raise InputError(f"images, labels and indices differ in length: {lengths[0]}, {lengths[1]}, {lengths[2]}.")
    indices = checked_indices(indices, len(images))
    with np.errstate(over="ignore"):  # what is too large for float32 is told
        images = check_images(images, classifier.input_shape, indices)
    missing = np.flatnonzero(~np.isin(indices, log.done()))
    size = SEQUENTIAL_BLOCK if isinstance(method, Sequential) else BLOCK
    for begin in range(0, len(missing), CLEAN_BLOCK):
        together = missing[begin : begin + CLEAN_BLOCK]
        network = classifier.clean_prediction(images[together], indices[together])
        for start in range(0, len(together), size):
            block = together[start : start + size]
            began = time.perf_counter()
            answers = _answers(classifier, images[block], indices[block], method, alpha, n0)
            seconds = time.perf_counter() - began
            # Images of a block are classified together; each is charged for its draws.
            share = answers["n"] / np.sum(answers["n"])
            known = {"idx": indices[block], "label": labels[block], "network": network[start : start + size]}
            log.append(pd.DataFrame({**known, **answers, "seconds": seconds * share}))
            advance(len(block))


def _answers(
    classifier: SmoothedClassifier, images: np.ndarray, indices: np.ndarray, method: Method, alpha: float, n0: int
) -> dict[str, Any]:
    """The columns predict, count, n and, but for PREDICT, radius; of a sequential certification count_at and n_at."""
    if isinstance(method, Predict):
        counts = classifier.vote(images, method.n, indices).counts
        n = np.full(len(counts), method.n, np.int64)
        return {"predict": prediction(counts, alpha), "count": counts.max(axis=1), "n": n}
    if isinstance(method, Fixed):
        certificates = classifier.certify(images, method.n, alpha, n0, indices)
    else:
        certificates = classifier.certify_sequentially(images, method.radii, method.cap, alpha, n0, indices)
    answers: dict[str, Any] = {
        "predict": certificates.prediction,
        "radius": certificates.radius,
        "count": certificates.count,
        "n": certificates.n,
    }
    if isinstance(method, Sequential):
        answers |= {"count_at": certificates.count_at, "n_at": certificates.n_at}
    return answers
