"""What protocol `corrected` still costs: time, memory and disk."""

from __future__ import annotations

from collections.abc import Sequence

from src.base import N0
from src.certification.log import Fixed, Sequential
from src.experiments.folders import Places
from src.experiments.trial_table import load_trials
from src.studies.resolution.corrected.conditions import Condition, conditions
from src.studies.resolution.corrected.config import BATCH_SIZE
from src.studies.resolution.corrected.plan import CorrectedJob, results
from src.studies.resolution.estimates import Estimate, costs, print_estimates

SEQUENTIAL_SHARE = 1 / 10
"""Of the cap that an image takes on average; for grids up to 3 sigma about so much was measured, else less."""


def print_plan(jobs: Sequence[CorrectedJob], places: Places) -> None:
    """Print each job's stages with their estimates, and the sums; runs nothing."""
    profile = jobs[0].profile
    done = set(load_trials(results(places, profile) / "trials.csv"))
    rows = [
        (
            f"{job.trial.variant} {job.trial.recipe} {job.work.training.schedule.name} {job.sigma:g} {job.trial.seed}",
            None if job.is_done(places, done) else estimate(job, places),
        )
        for job in jobs
    ]
    print_estimates(f"Profile {profile.profile.name}, protocol corrected: plan", rows)


def estimate(job: CorrectedJob, places: Places) -> Estimate:
    """What the job still costs on this machine's processor cores, with float32."""
    training = job.work.training
    trained = places.trial(job.trial).is_complete
    seen = 0 if trained else training.schedule.train_images * training.schedule.epochs
    certified = sum(
        len(job.missing_certificates(places, method, count)) * (N0 + _draws(method))
        for method, count in job.work.certifications
    )
    attacks = job.work.attacks
    attacked = (
        attacks.images * sum(map(_passes, conditions(attacks, job.sigma)))
        if attacks and job.missing_predictions(places)
        else 0
    )
    images = max(count for _, count in job.work.certifications)
    return costs(
        training.variant,
        job.profile.profile.width_scale,
        upscaled=images + (0 if trained else training.schedule.train_images)
        if training.variant.upscaler == "esrgan"
        else 0,
        trained_on=seen * training.recipe.passes,
        steps=seen / BATCH_SIZE,
        classifications=certified + attacked,
    )


def _draws(method: Fixed | Sequential) -> float:
    return method.n if isinstance(method, Fixed) else method.cap * SEQUENTIAL_SHARE


def _passes(condition: Condition) -> int:
    """Forward passes of an image: the votes, and three for each gradient of the attack."""
    attack = condition.attack
    gradients = 0 if attack is None else max(1, attack.steps) * max(1, attack.restarts) * max(1, attack.m)
    return max(1, condition.n) + 3 * gradients
