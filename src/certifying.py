"""A smoothed classifier on images: certificates, or PREDICT's answers, appended to a log block by block."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from src.base import InputError
from src.certification_log import CertificationLog, Fixed, Method, Predict, Sequential
from src.smoothing.certification import prediction
from src.smoothing.classifier import SmoothedClassifier

BLOCK = 10
"""Images certified together with a fixed number of draws, and all that an interruption can cost."""

SEQUENTIAL_BLOCK = 50
"""The same where images drop out of a block as they are decided: those that stay have to fill the chunks."""


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
        labels: (n,) integers.
        indices: (n,) integers, what the noise is keyed by and the log's `idx`.
        method: how.
        alpha: of each answer, in (0, 1).
        n0: draws that choose the class to certify; PREDICT has none.
        log: begun, with settings that are these.
        advance: called with the number of images done.

    Raises:
        InputError: images, labels and indices do not fit, or a number is out of range.
        StorageError: the log can't be written; blocks appended before are kept.
    """
    if not len(images) == len(labels) == len(indices):
        raise InputError(
            f"images, labels and indices differ in length: {len(images)}, {len(labels)}, {len(indices)}."
        )
    missing = np.flatnonzero(~np.isin(indices, log.done()))
    size = SEQUENTIAL_BLOCK if isinstance(method, Sequential) else BLOCK
    for start in range(0, len(missing), size):
        block = missing[start : start + size]
        began = time.perf_counter()
        answers = _answers(classifier, images[block], indices[block], method, alpha, n0)
        seconds = time.perf_counter() - began
        # Images of a block are classified together; each is charged for its draws.
        share = answers["n"] / answers["n"].sum()
        rows = {"idx": indices[block], "label": labels[block], **answers, "seconds": seconds * share}
        log.append(pd.DataFrame(rows))
        advance(len(block))


def _answers(
    classifier: SmoothedClassifier, images: np.ndarray, indices: np.ndarray, method: Method, alpha: float, n0: int
) -> dict[str, np.ndarray]:
    """The columns predict, count, n and, but for PREDICT, radius."""
    if isinstance(method, Predict):
        counts = classifier.vote(images, method.n, indices).counts
        n = np.full(len(counts), method.n, np.int64)
        return {"predict": prediction(counts, alpha), "count": counts.max(axis=1), "n": n}
    if isinstance(method, Fixed):
        certificates = classifier.certify(images, method.n, alpha, n0, indices)
    else:
        certificates = classifier.certify_sequentially(images, method.radii, method.cap, alpha, n0, indices)
    return {
        "predict": certificates.prediction,
        "radius": certificates.radius,
        "count": certificates.count,
        "n": certificates.n,
    }
