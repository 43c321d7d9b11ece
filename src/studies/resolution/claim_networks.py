"""The paper's sentences about its networks, and what its tables imply of them: each query tests one claim."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from src.claims import Comparison, Outcome, at_least, simultaneous_confidence, within_margin
from src.conditions import Attack, Condition
from src.metrics import CONFIDENCE, Interval, newcombe_interval, welch_interval
from src.paired import mcnemar, paired_difference, pairs
from src.studies.resolution.claim_smoothing import PAPER_EPSILON
from src.studies.resolution.config import (
    CONTROL,
    CONTROL_SMALL,
    DOWNSCALED,
    FULL_SCALE,
    NORMAL,
    PAPER_PROTOCOLS,
    RELEASED,
    UPSCALED_AI,
    UPSCALED_AI_SMALL,
    Protocol,
    Variant,
)
from src.studies.resolution.corrected.config import CORRECTED
from src.studies.resolution.evidence import Evidence, on_most_images
from src.studies.resolution.rows import right

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
                found.append((job.variant.name, pairs(right(rows[0]), right(rows[1]))))
        for name, counts in found:
            lost = paired_difference(counts, simultaneous_confidence(len(found)))
            yield Comparison(
                protocol=protocol.name,
                subject=f"{name}, FGSM on the {protocol.attacked_output}, epsilon {PAPER_EPSILON * FULL_SCALE:g}/255",
                quantity="clean minus attacked CNN accuracy",
                value=lost,
                outcome=at_least(Interval(-lost.estimate, -lost.high, -lost.low), -LOSS),
                seeds=1,
                images=counts.images,
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
            gap = newcombe_interval(*counts[0], *counts[1], simultaneous_confidence(len(chosen)))
            yield Comparison(
                protocol=protocol.name,
                subject=job.variant.name,
                quantity="training minus test accuracy of the CNN",
                value=gap,
                outcome=at_least(Interval(-gap.estimate, -gap.high, -gap.low), -GENERALISATION_GAP),
                seeds=1,
                images=counts[1][1],
                note=f"{counts[0][0]} of {counts[0][1]} training images, {counts[1][0]} of {counts[1][1]} test images"
                + ("; the training images with the noise that was stored in them" if protocol.train_noise else ""),
            )


def downscaled_is_near_normal(evidence: Evidence) -> Iterator[Comparison]:
    """Clean CNN accuracy of Normal minus Downscaled over several trainings: within SMALL?"""
    yield from _alike(evidence, ((NORMAL, DOWNSCALED),), attacked=(False,))


def small_behave_as_large(evidence: Evidence) -> Iterator[Comparison]:
    """CNN accuracy of each large 56x56 network minus its small control's, clean and under FGSM: within SMALL?"""
    yield from _alike(evidence, ((UPSCALED_AI, UPSCALED_AI_SMALL), (CONTROL, CONTROL_SMALL)), attacked=(False, True))


def _alike(
    evidence: Evidence, compared: Sequence[tuple[Variant, Variant]], attacked: Sequence[bool]
) -> Iterator[Comparison]:
    """Differences between networks, with their trainings as the sample; under attack both have the same budget."""
    for protocol in PAPER_PROTOCOLS:
        for networks in compared:
            for epsilon in (protocol.epsilon if under_attack else 0.0 for under_attack in attacked):
                yield from _difference(evidence, protocol, networks, epsilon, len(compared) * len(attacked))


def _difference(
    evidence: Evidence, protocol: Protocol, networks: tuple[Variant, Variant], epsilon: float, tests: int
) -> Iterator[Comparison]:
    condition = Condition(Attack(epsilon, protocol.attacked_output) if epsilon else None)
    trainings = evidence.trainings(protocol, *networks)
    rows = [[on_most_images(job, records, condition) for job, records in of_one] for of_one in trainings]
    right_answers = [[right(found[0]) for found in of_one if found is not None] for of_one in rows]
    seeds, needed = min(map(len, right_answers)), max(SEEDS_NEEDED[network] for network in networks)
    if seeds == 0:
        return
    first, second = ([float(answers.mean()) for answers in of_one] for of_one in right_answers)
    narrow, together = (
        welch_interval(first, second, level) for level in (2 * CONFIDENCE - 1, simultaneous_confidence(tests))
    )
    profile = trainings[0][0][0].profile.name
    yield Comparison(
        protocol=protocol.name,
        subject=f"{networks[0].name} minus {networks[1].name}, profile {profile}, "
        + (f"epsilon {epsilon * FULL_SCALE:g}/255" if epsilon else "clean"),
        quantity="difference in mean CNN accuracy, over trainings",
        value=together,
        outcome=within_margin(narrow, together, SMALL) if seeds >= needed else Outcome.INCONCLUSIVE,
        seeds=seeds,
        images=min(len(answers) for of_one in right_answers for answers in of_one),
        note="" if seeds >= needed else f"needs {needed} trainings of each",
    )


def esrgan_network_is_least_robust(evidence: Evidence) -> Iterator[Comparison]:
    """Attacked CNN accuracy of each other network minus UpscaledAI's, on the same images: is it above zero?

    As released, UpscaledAI is attacked with 10/255 and the others with 2/255; under `written` all with 10/255. As
    `corrected` stand the networks of `released`, all attacked with 10/255.
    """
    for protocol in PAPER_PROTOCOLS:
        yield from _below_all_others(evidence, protocol, protocol.name, protocol.attack_epsilon)
    yield from _below_all_others(evidence, RELEASED, CORRECTED, lambda variant: PAPER_EPSILON)


def _below_all_others(
    evidence: Evidence, protocol: Protocol, reading: str, budget: Callable[[Variant], float]
) -> Iterator[Comparison]:
    answers = {}
    for job, records in evidence.of(protocol):
        condition = Condition(Attack(budget(job.variant), protocol.attacked_output))
        rows = on_most_images(job, records, condition)
        if rows is not None:
            answers[job.variant] = rows[0]
    upscaled = answers.pop(UPSCALED_AI, None)
    for variant, rows in answers.items() if upscaled is not None else ():
        ours, theirs = (one[one["image"].isin(other["image"])] for one, other in ((upscaled, rows), (rows, upscaled)))
        counts = pairs(right(theirs), right(ours))
        lead = paired_difference(counts, simultaneous_confidence(len(answers)))
        outcome = Outcome.HOLDS if lead.low > 0 else Outcome.FAILS if lead.high < 0 else Outcome.INCONCLUSIVE
        levels = [f"{budget(one) * FULL_SCALE:g}/255" for one in (variant, UPSCALED_AI)]
        yield Comparison(
            protocol=reading,
            subject=f"{variant.name} at {levels[0]} minus {UPSCALED_AI.name} at {levels[1]}",
            quantity="difference in attacked CNN accuracy",
            value=lead,
            outcome=outcome,
            seeds=1,
            images=counts.images,
            p_value=mcnemar(counts),
        )
