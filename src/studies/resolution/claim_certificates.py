"""The paper's sentences about what smoothing costs and certifies: each query carries out the tests of one claim."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from src.base import ABSTAIN
from src.claims.claim import Comparison, Outcome, simultaneous_confidence, within_margin
from src.experiments.conditions import Attack, Condition, select
from src.smoothing.radius import lower_confidence_bound
from src.statistics.intervals import paired_bootstrap
from src.statistics.paired import Pairs, mcnemar, paired_difference, pairs
from src.studies.resolution.claim_smoothing import MARGIN, level, paired_answers, trained_for
from src.studies.resolution.config import FULL_SCALE, PAPER_PROTOCOLS, WRITTEN
from src.studies.resolution.corrected.conditions import FGSM
from src.studies.resolution.corrected.config import CORRECTED
from src.studies.resolution.corrected.measurements import Measured
from src.studies.resolution.evidence import Evidence
from src.studies.resolution.rows import right

STRONG_EPSILON = 38 / FULL_SCALE
"""About as large in each pixel as the noise of 0.15 that the paper writes."""

BOOTSTRAP_SEED = 0


def smoothing_trades_accuracy_for_robustness(evidence: Evidence) -> Iterator[Comparison]:
    """What training with noise and smoothing together cost on clean images and gain under attack.

    As `corrected`: the classifier trained and smoothed with sigma, minus the network of `written`, which saw no noise
    (and has another schedule); on clean images (CERTIFY's answers, an abstention being an error) it must be below zero,
    under FGSM of STRONG_EPSILON on each one's own network above. Beside stands what smoothing alone does under that
    attack: the smoothed classifier minus its own network. Of the paper's protocols the clean difference alone.
    """
    yield from _signs(CORRECTED, list(_against_no_noise(evidence)))
    for one in evidence.corrected:
        if one.trial.recipe == "gaussian" and one.schedule == "full":
            yield from _smoothing_alone(one)
    for protocol in PAPER_PROTOCOLS:
        found = []
        for job, records in evidence.of(protocol):
            network, smoothed = (condition for condition in job.paper_conditions if condition.attack is None)
            answers = paired_answers(job, records, smoothed, network)
            found += [(f"{subject}, clean", counts, -1) for subject, counts in answers]
        yield from _signs(protocol.name, found)


def _against_no_noise(evidence: Evidence) -> Iterator[tuple[str, Pairs, int]]:
    plain = {job.variant.name: records for job, records in evidence.of(WRITTEN)}
    for one in evidence.corrected:
        if one.trial.recipe != "gaussian" or one.schedule != "full" or one.trial.variant not in plain:
            continue
        bare = plain[one.trial.variant]
        log = max((log.rows for log in one.logs if log.is_fixed), key=len, default=pd.DataFrame())
        if len(log):
            answers = log.rename(columns={"idx": "image", "predict": "prediction"})
            for counts in _on_common_images(answers, bare, Condition()):
                yield f"{trained_for(one)}, clean, against no noise", counts, -1
        condition = Condition(Attack(STRONG_EPSILON, WRITTEN.attacked_output))
        for counts in _on_common_images(_under_fgsm(one, "smoothed"), bare, condition):
            yield f"{trained_for(one)}, under FGSM of {level(STRONG_EPSILON)}, against no noise", counts, 1


def _smoothing_alone(one: Measured) -> Iterator[Comparison]:
    smoothed, network = (_under_fgsm(one, classifier) for classifier in ("smoothed", "network"))
    if len(network) and set(network["image"]) == set(smoothed["image"]):
        counts = pairs(right(smoothed), right(network))
        yield Comparison(
            protocol=CORRECTED,
            subject=f"{trained_for(one)}, under FGSM of {level(STRONG_EPSILON)}, against its own network",
            quantity="difference in accuracy",
            value=paired_difference(counts),
            outcome=Outcome.SHOWN,
            seeds=1,
            images=counts.images,
            p_value=mcnemar(counts),
            note=f"{int((smoothed['prediction'] == ABSTAIN).sum())} abstentions",
        )


def _under_fgsm(one: Measured, classifier: str) -> pd.DataFrame:
    rows = one.records[(one.records["attack"] == FGSM) & (one.records["classifier"] == classifier)]
    return rows[np.isclose(rows["epsilon"], STRONG_EPSILON)]


def _on_common_images(smoothed: pd.DataFrame, records: pd.DataFrame, condition: Condition) -> Iterator[Pairs]:
    network = select(records, condition)
    network = network[network["image"].isin(smoothed["image"])]
    smoothed = smoothed[smoothed["image"].isin(network["image"])]
    if len(network):
        yield pairs(right(smoothed), right(network))


def _signs(protocol: str, found: Sequence[tuple[str, Pairs, int]]) -> Iterator[Comparison]:
    """Whether each difference has the sign that is claimed; within MARGIN it has none."""
    confidence = simultaneous_confidence(len(found))
    # "No difference" makes the claim fail, so it too is found by simultaneous tests.
    equivalence = 1 - 2 * (1 - confidence)
    for subject, counts, sign in found:
        together = paired_difference(counts, confidence)
        low, high = sorted((sign * together.low, sign * together.high))
        none = within_margin(paired_difference(counts, equivalence), together, MARGIN) == Outcome.HOLDS
        yield Comparison(
            protocol=protocol,
            subject=subject,
            quantity=f"difference in accuracy, claimed {'above' if sign > 0 else 'below'} zero",
            value=together,
            outcome=Outcome.HOLDS if low > 0 else Outcome.FAILS if high < 0 or none else Outcome.INCONCLUSIVE,
            seeds=1,
            images=counts.images,
            confidence=confidence,
            p_value=mcnemar(counts),
            note=f"within {MARGIN:g} by the interval at {equivalence:.4g}" if none else "",
        )


def linear_radius_is_valid(evidence: Evidence) -> Iterator[Comparison]:
    """sigma (Pa - Pb) / 2 beside sigma Phi^-1(Pa) for every certificate with a fixed number of draws.

    With Pb = 1 - Pa it is sigma (Pa - 1/2), and Phi^-1(Pa) is at least sqrt(2 pi) = 2.51 times Pa - 1/2, as that is
    its slope where it is least steep, at 1/2: so it is valid. `value` is how many times larger the tight radius is,
    on average over the images that are certified.
    """
    for one in evidence.corrected:
        for log in one.logs:
            rows = log.rows[log.rows["radius_exact"] > 0] if log.is_fixed else log.rows[:0]
            if len(rows) < 2:
                continue
            bound = np.asarray(lower_confidence_bound(rows["count"], rows["n"], log.settings["alpha"]))
            loose = one.sigma * (bound - 0.5)
            tight = rows["radius_exact"].to_numpy()
            yield Comparison(
                protocol=CORRECTED,
                subject=f"{trained_for(one)}, n {log.draws}",
                quantity="Phi^-1 radius as a multiple of sigma (Pa - Pb) / 2, mean",
                value=paired_bootstrap(tight / loose, BOOTSTRAP_SEED),
                outcome=Outcome.HOLDS if (loose <= tight).all() else Outcome.FAILS,
                seeds=1,
                images=len(rows),
                note=f"smallest multiple {np.min(tight / loose):.4g}, largest {np.max(tight / loose):.4g}",
            )
