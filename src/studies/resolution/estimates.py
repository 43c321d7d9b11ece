"""The plan of a run with an estimate of each stage's time, memory and disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from src.architectures.cnn import layers
from src.experiments import estimates
from src.experiments.estimates import Estimate, print_estimates
from src.experiments.folders import Places
from src.experiments.trial_table import load_trials
from src.studies.resolution.config import BATCH_SIZE, NUM_CLASSES, Variant
from src.studies.resolution.plan import Job, number_of_training_images


def estimate(job: Job, places: Places) -> Estimate:
    """What the job still costs on this machine's processor cores."""
    images = number_of_training_images(job.profile, job.protocol)
    trained = places.trial(job.trial).is_complete
    seen = 0 if trained else images * job.protocol.passes * job.profile.epochs_of(job.variant)
    classifications = sum(
        # An attack's gradient costs about three forward passes.
        count * ((1 if condition.smoothing is None else condition.smoothing.n) + (0 if condition.attack is None else 3))
        for condition, count in job.asked(places).items()
    )
    if not job.missing(places):
        classifications = 0
    classifications += job.missing_votes(places) * job.protocol.votes + job.missing_fit(places)
    upscaled = (0 if trained else images) + (job.profile.test_images[-1] if classifications else 0)
    return costs(
        job.variant,
        job.profile.width_scale,
        upscaled=upscaled if job.variant.upscaler == "esrgan" else 0,
        trained_on=seen,
        steps=seen / BATCH_SIZE,
        classifications=classifications,
    )


def costs(
    variant: Variant, width_scale: float, upscaled: int, trained_on: int, steps: float, classifications: float
) -> Estimate:
    """What work on the variant's network costs on this machine's processor cores.

    Args:
        variant: whose network.
        width_scale: of its widths.
        upscaled, trained_on, steps, classifications: as of `estimates.costs`.
    """
    described = layers(variant.network(width_scale), variant.side, NUM_CLASSES)
    return estimates.costs(described, upscaled, trained_on, steps, classifications)


def print_plan(jobs: Sequence[Job], places: Places) -> None:
    """Print each job's stages with their estimates, and the sums; runs nothing."""
    done = set(load_trials(places.profile(jobs[0].profile) / "trials.csv"))
    rows = []
    upscaled: set[tuple[str, str]] = set()
    for job in jobs:
        costing = None if job.is_done(places, done) else estimate(job, places)
        # The two ESRGAN networks of a protocol share their images.
        shared = (job.protocol.name, job.variant.upscaler or "")
        if costing and shared in upscaled:
            costing = replace(costing, upscaling=0)
        upscaled.add(shared)
        rows.append((f"{job.protocol.name} {job.variant.name} {job.trial.seed}", costing))
    print_estimates(f"Profile {jobs[0].profile.name}: plan", rows)
