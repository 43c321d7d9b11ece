"""The paper's sentences about smoothing: each query carries out the tests of one claim."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from src.base import ABSTAIN
from src.claims.claim import Comparison, Outcome, simultaneous_confidence, within_margin
from src.experiments.conditions import Condition
from src.smoothing.radius import prediction
from src.statistics.intervals import CONFIDENCE, wilson_interval
from src.statistics.paired import Pairs, mcnemar, paired_difference, pairs
from src.studies.resolution.config import FULL_SCALE, PAPER_PROTOCOLS
from src.studies.resolution.corrected.conditions import FGSM
from src.studies.resolution.corrected.config import CORRECTED
from src.studies.resolution.corrected.measurements import Measured
from src.studies.resolution.evidence import Evidence, on_most_images
from src.studies.resolution.plan import Job
from src.studies.resolution.rows import right

MARGIN = 0.005
"""The largest difference in accuracy that counts as none: 5 of the paper's 1,000 images."""

ALPHAS = (0.001, 0.01, 0.05)
"""Of abstention: the paper gives none."""

PAPER_EPSILON = 10 / FULL_SCALE
"""The budget that the paper writes, in [0, 1]."""


def smoothing_changes_nothing(evidence: Evidence, attacked: bool) -> Iterator[Comparison]:
    """RS minus CNN accuracy of every training, on clean or attacked images: is it within MARGIN?"""
    for protocol in PAPER_PROTOCOLS:
        found = []
        for job, records in evidence.jobs:
            if job.protocol == protocol:
                network, smoothed = (one for one in job.paper_conditions if (one.attack is not None) == attacked)
                found += [(*answers, "") for answers in paired_answers(job, records, smoothed, network)]
        yield from _equivalences(protocol.name, found)
    found = []
    for one in evidence.corrected:
        kind = FGSM if attacked else "none"
        rows = one.records[(one.records["attack"] == kind)]
        rows = rows[np.isclose(rows["epsilon"], PAPER_EPSILON)] if attacked else rows
        network, smoothed = (rows[rows["classifier"] == name] for name in ("network", "smoothed"))
        if len(network) and set(network["image"]) == set(smoothed["image"]):
            budget = f", epsilon {level(PAPER_EPSILON)}" if attacked else ""
            # An abstention is an error, which the paper's classifier, always answering, can't make.
            note = f"; {int((smoothed['prediction'] == ABSTAIN).sum())} abstentions with it"
            found.append((trained_for(one) + budget, pairs(right(smoothed), right(network)), note))
    yield from _equivalences(CORRECTED, found)


def sigma_changes_nothing(evidence: Evidence) -> Iterator[Comparison]:
    """RS minus CNN accuracy on clean images at every sigma of the sweep, up to 255 of 255: is it within MARGIN?"""
    for protocol in PAPER_PROTOCOLS:
        found = []
        for job, records in evidence.of(protocol):
            network, *sweep = job.sigma_conditions
            for smoothed in sweep:
                found += [(*answers, "") for answers in paired_answers(job, records, smoothed, network)]
        yield from _equivalences(protocol.name, found)


def paired_answers(
    job: Job, records: pd.DataFrame, smoothed: Condition, network: Condition
) -> list[tuple[str, Pairs]]:
    """A training's smoothed classifier and its network on the same images; nothing where records are missing."""
    rows = on_most_images(job, records, smoothed, network)
    if rows is None or smoothed.smoothing is None:
        return []
    subject = f"{job.label}, sigma {level(smoothed.smoothing.sigma)}"
    if smoothed.attack is not None:
        subject += f", epsilon {level(smoothed.attack.epsilon)}"
    return [(subject, pairs(right(rows[0]), right(rows[1])))]


def _equivalences(protocol: str, found: Sequence[tuple[str, Pairs, str]]) -> Iterator[Comparison]:
    confidence = simultaneous_confidence(len(found))
    for subject, counts, note in found:
        together, narrow = (paired_difference(counts, level) for level in (confidence, 2 * CONFIDENCE - 1))
        yield Comparison(
            protocol=protocol,
            subject=subject,
            quantity="RS minus CNN accuracy",
            value=together,
            outcome=within_margin(narrow, together, MARGIN),
            seeds=1,
            images=counts.images,
            confidence=confidence,
            narrow=narrow,
            p_value=mcnemar(counts),
            note=f"{counts.first_only} images right only with smoothing, {counts.second_only} only without{note}",
        )


def abstention_never_arises(evidence: Evidence, alpha: float) -> Iterator[Comparison]:
    """The share of images on which PREDICT abstains at this alpha, for every network: is it none?

    Of the paper's protocols from the votes that were cast; of `corrected` from its answers on clean images, at the
    alpha that they were made with.
    """
    for job, votes in evidence.votes:
        if job.protocol not in PAPER_PROTOCOLS:
            continue
        for attacked in (False, True):
            rows = votes[(votes["attack"] != "none") == attacked]
            if len(rows):
                answers = prediction(rows[["votes", "runner_up_votes"]].to_numpy(), alpha)
                images = "attacked" if attacked else "clean"
                subject = f"{job.label}, n {job.protocol.votes}, alpha {alpha:g}, {images}"
                yield _abstentions(job.protocol.name, subject, answers == ABSTAIN)
    for one in evidence.corrected:
        rows = one.records[(one.records["attack"] == "none") & (one.records["classifier"] == "smoothed")]
        rows = rows[np.isclose(rows["alpha"], alpha)]
        for n, answers in rows.groupby("n")["prediction"]:
            subject = f"{trained_for(one)}, n {n}, alpha {alpha:g}, clean"
            yield _abstentions(CORRECTED, subject, answers.to_numpy() == ABSTAIN)


def _abstentions(protocol: str, subject: str, abstained: np.ndarray) -> Comparison:
    return Comparison(
        protocol=protocol,
        subject=subject,
        quantity="share of images without an answer",
        value=wilson_interval(int(abstained.sum()), len(abstained)),
        outcome=Outcome.FAILS if abstained.any() else Outcome.HOLDS,
        seeds=1,
        images=len(abstained),
        note=f"{int(abstained.sum())} abstentions",
    )


def trained_for(one: Measured) -> str:
    """Which network of protocol `corrected` it is."""
    trial = one.trial
    return f"{trial.variant}, {trial.recipe}, seed {trial.seed}, sigma {one.sigma:g}, training {one.schedule}"


def level(value: float) -> str:
    """A sigma or epsilon on the scale of pixels."""
    return f"{value * FULL_SCALE:.4g}/{FULL_SCALE}"
