"""The paper's sentences about its networks, and what its tables imply of them: each query tests one claim."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import pandas as pd

from src.claims.claim import Comparison, Outcome, above_zero, at_most, simultaneous_confidence, within_margin
from src.experiments.conditions import Attack, Condition
from src.statistics.intervals import CONFIDENCE, Interval, newcombe_interval
from src.statistics.paired import paired_difference, pairs
from src.statistics.seeds import trainings_interval
from src.studies.resolution.claim_smoothing import PAPER_EPSILON
from src.studies.resolution.config import (
    CONTROL,
    CONTROL_SMALL,
    DOWNSCALED,
    FULL_SCALE,
    NORMAL,
    PAPER_PROTOCOLS,
    SEEDS,
    UPSCALED_AI,
    UPSCALED_AI_SMALL,
    VARIANTS,
    Protocol,
    Variant,
)
from src.studies.resolution.evidence import Evidence, on_most_images, trainings_of
from src.studies.resolution.plan import Job
from src.studies.resolution.rows import common_answers, right

LOSS = 0.1
"""The largest share of answers that an attack may take where robustness is still called high."""

SMALL = 0.01
"""The largest difference between two networks that is called small; those of the paper's table are 0.002."""

GENERALISATION_GAP = 0.01
"""Training minus test accuracy up to which overfitting counts as excluded."""

SEEDS_NEEDED = {DOWNSCALED: 5, NORMAL: 5, UPSCALED_AI_SMALL: 3, CONTROL_SMALL: 3, UPSCALED_AI: 3, CONTROL: 3}
"""Trainings of each network without which a difference between two of them is not judged."""


def robust_at_ten(evidence: Evidence) -> Iterator[Comparison]:
    """The share of answers that FGSM of 10/255 takes from each network: is it at most LOSS?"""
    for protocol in PAPER_PROTOCOLS:
        found = []
        for job, records in evidence.of(protocol):
            attacked = Condition(Attack(PAPER_EPSILON, protocol.attacked_output))
            rows = on_most_images(job, records, Condition(), attacked)
            if rows is not None:
                found.append((job.label, pairs(right(rows[0]), right(rows[1]))))
        for name, counts in found:
            confidence = simultaneous_confidence(len(found))
            lost = paired_difference(counts, confidence)
            yield Comparison(
                protocol=protocol.name,
                subject=f"{name}, FGSM on the {protocol.attacked_output}, epsilon {PAPER_EPSILON * FULL_SCALE:g}/255",
                quantity="clean minus attacked CNN accuracy",
                value=lost,
                outcome=at_most(lost, LOSS),
                seeds=1,
                images=counts.images,
                confidence=confidence,
            )


def overfitting_is_excluded(evidence: Evidence) -> Iterator[Comparison]:
    """Accuracy on the images that trained each network minus that on clean test images: at most GENERALISATION_GAP?"""
    fit = {job.trial.key: rows for job, rows in evidence.fit if len(rows) == len(job.fit_indices)}
    for protocol in PAPER_PROTOCOLS:
        chosen = [(job, records) for job, records in evidence.of(protocol) if job.trial.key in fit]
        for job, records in chosen:
            tested = on_most_images(job, records, Condition())
            if tested is None:
                continue
            counts = [(int(right(rows).sum()), len(rows)) for rows in (fit[job.trial.key], tested[0])]
            confidence = simultaneous_confidence(len(chosen))
            gap = newcombe_interval(*counts[0], *counts[1], confidence)
            outcome = at_most(gap, GENERALISATION_GAP)
            if protocol.train_noise and outcome == Outcome.HOLDS:
                # Noise makes the training images harder than the test images: a small gap may hide a larger one.
                outcome = Outcome.INCONCLUSIVE
            yield Comparison(
                protocol=protocol.name,
                subject=job.label,
                quantity="training minus test accuracy of the CNN",
                value=gap,
                outcome=outcome,
                seeds=1,
                images=counts[1][1],
                confidence=confidence,
                note=f"{counts[0][0]} of {counts[0][1]} training images, {counts[1][0]} of {counts[1][1]} test images"
                + ("; the training images with the noise that was stored in them" if protocol.train_noise else ""),
            )


def downscaled_is_near_normal(evidence: Evidence) -> Iterator[Comparison]:
    """Clean CNN accuracy of Normal minus Downscaled over several trainings: within SMALL?"""
    for protocol in PAPER_PROTOCOLS:
        yield from _alike(evidence, protocol, [(NORMAL, DOWNSCALED, 0.0)])


def small_behave_as_large(evidence: Evidence) -> Iterator[Comparison]:
    """CNN accuracy of each large 56x56 network minus its small control's, clean and under FGSM: within SMALL?"""
    for protocol in PAPER_PROTOCOLS:
        # Under attack both have the same budget.
        compared = [
            (large, small, epsilon)
            for large, small in ((UPSCALED_AI, UPSCALED_AI_SMALL), (CONTROL, CONTROL_SMALL))
            for epsilon in (0.0, protocol.epsilon)
        ]
        yield from _alike(evidence, protocol, compared)


def _alike(
    evidence: Evidence, protocol: Protocol, compared: Sequence[tuple[Variant, Variant, float]]
) -> Iterator[Comparison]:
    for first, second, epsilon in compared:
        budgets = {first: epsilon, second: epsilon}
        yield from _differences(
            evidence, protocol, budgets, len(compared), lambda narrow, together: within_margin(narrow, together, SMALL),
            equivalence=True,
        )


def esrgan_network_is_least_robust(evidence: Evidence) -> Iterator[Comparison]:
    """Attacked CNN accuracy of each other network minus UpscaledAI's, over several trainings: is it above zero?

    As released, UpscaledAI is attacked with 10/255 and the others with 2/255; under `written` all with 10/255. As a
    network is not the less robust for a stronger attack, those of `released` have to be above it at 10/255 for all too.
    """
    others = [variant for variant in VARIANTS if variant is not UPSCALED_AI]
    for protocol in PAPER_PROTOCOLS:
        asked = [{one: protocol.attack_epsilon(one) for one in (variant, UPSCALED_AI)} for variant in others]
        equal = [dict.fromkeys((variant, UPSCALED_AI), PAPER_EPSILON) for variant in others]
        asked += [budgets for budgets in equal if budgets not in asked]
        for budgets in asked:
            yield from _differences(evidence, protocol, budgets, len(asked), lambda _, together: above_zero(together))


def _differences(
    evidence: Evidence,
    protocol: Protocol,
    budgets: Mapping[Variant, float],
    tests: int,
    judged: Callable[[Interval, Interval], Outcome],
    equivalence: bool = False,
) -> Iterator[Comparison]:
    """CNN accuracy of the first network minus the second's, each under FGSM of its own budget, over trainings.

    Args:
        evidence: that holds the trainings.
        protocol: of both.
        budgets: of the two networks, in [0, 1]; 0 for clean images.
        tests: that are judged together.
        judged: gives the outcome from the intervals at 90% and over all tests.
        equivalence: whether the first of these has a say.
    """
    needed = {network: SEEDS_NEEDED[network] for network in budgets}
    conditions = {
        network: Condition(Attack(epsilon, protocol.attacked_output) if epsilon else None)
        for network, epsilon in budgets.items()
    }
    found = evidence.trainings(protocol, conditions, needed)
    own = trainings_of(evidence.jobs, protocol, conditions)
    if not all(found):
        return
    shortened = found[0][0][0].profile != evidence.profile
    yield _difference(found, budgets, tests, judged, equivalence, SEEDS.caution if shortened else "")
    # Shortened trainings never stand alone where there is one of the profile.
    if shortened and all(own):
        yield _difference(own, budgets, tests, lambda *_: Outcome.SHOWN, False, "")


def _difference(
    found: Sequence[Sequence[tuple[Job, pd.DataFrame]]],
    budgets: Mapping[Variant, float],
    tests: int,
    judged: Callable[[Interval, Interval], Outcome],
    equivalence: bool,
    caution: str,
) -> Comparison:
    """The same of these trainings of the two networks; inconclusive, unless shown, where they are too few."""
    job = found[0][0][0]
    first, second = common_answers(*([records for _, records in trainings] for trainings in found))
    confidence = simultaneous_confidence(tests)
    narrow, together = (trainings_interval(first, second, level) for level in (2 * CONFIDENCE - 1, confidence))
    needed = [SEEDS_NEEDED[network] for network in budgets]
    enough = all(len(one) >= count for one, count in zip(found, needed, strict=True))
    outcome = judged(narrow, together)
    names = [
        network.name + (f" at {epsilon * FULL_SCALE:g}/255" if epsilon else "") for network, epsilon in budgets.items()
    ]
    wanted = " and ".join(f"{count} of {network.name}" for network, count in zip(budgets, needed, strict=True))
    notes = (caution, "" if enough else f"Needs trainings: {wanted}.")
    return Comparison(
        protocol=job.protocol.name,
        subject=f"{names[0]} minus {names[1]}, {'under FGSM' if any(budgets.values()) else 'clean'}, "
        f"profile {job.profile.name}",
        quantity="difference in mean CNN accuracy, over trainings and images",
        value=together,
        outcome=outcome if enough or outcome == Outcome.SHOWN else Outcome.INCONCLUSIVE,
        seeds=min(map(len, found)),
        images=first.shape[1],
        confidence=confidence,
        narrow=narrow if equivalence else None,
        note=" ".join(note for note in notes if note),
    )
