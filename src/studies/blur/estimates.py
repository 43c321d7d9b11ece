"""The plan of a run with an estimate of each stage's time, memory and disk."""

from __future__ import annotations

from collections.abc import Sequence

from src.architectures import cnn, convnet
from src.experiments import estimates
from src.experiments.estimates import Estimate, print_estimates
from src.experiments.folders import Places
from src.experiments.trial_table import load_trials
from src.studies.blur.config import BATCH_SIZE, CIFAR10
from src.studies.blur.plan import Job

NUM_CLASSES = 10

FROZEN_SHARE = 1 / 3
"""Of a training step's arithmetic, where only the dense layer is trained: the forward pass."""


def estimate(job: Job, places: Places) -> Estimate:
    """What the job still costs on this machine's processor cores; its network on MNIST is taken to be trained."""
    settings = job.trial.training
    filters, dropout = tuple(settings["filters"]), settings["dropout"]
    if job.dataset == CIFAR10:
        described = convnet.layers(convnet.ConvNetConfig(filters, dropout), (job.side, job.side, 3), NUM_CLASSES)
    else:
        described = cnn.layers(cnn.CNNConfig(filters, settings["units"], dropout), job.side, NUM_CLASSES)
    seen = 0.0
    if job.dataset == CIFAR10 and not places.trial(job.trial).is_complete:
        seen = settings["train_images"] * settings["epochs"] * (2 if "copies" in settings else 1)
        seen *= FROZEN_SHARE if "base" in settings else 1
    classifications = job.missing(places, smoothed=False) + job.profile.votes * job.missing(places, smoothed=True)
    # Each stage alone and in the chain, sharp and blurred, of every blur.
    classifications += 4 * len(job.layer_blurs) * len(job.missing_layers(places))
    return estimates.costs(described, 0, round(seen), seen / BATCH_SIZE, classifications)


def print_plan(jobs: Sequence[Job], places: Places) -> None:
    """Print each job's stages with their estimates, and the sums; runs nothing."""
    done = set(load_trials(places.profile(jobs[0].profile) / "trials.csv"))
    rows = [
        (" ".join((job.dataset, job.trial.variant, str(job.trial.seed))),
         None if job.is_done(places, done) else estimate(job, places))
        for job in jobs
    ]  # fmt: skip
    print_estimates(f"Study blur, profile {jobs[0].profile.name}: plan", rows)
