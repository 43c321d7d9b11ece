"""Folders of protocol `corrected` with made-up measurements, written by the classes that the study writes with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from src.base import ABSTAIN
from src.certification.log import Fixed, Sequential
from src.certification.log_format import LATER
from src.experiments.trial_table import save_trial
from src.smoothing.radius import certified_radius, probability_at
from src.studies.resolution.config import Variant
from src.studies.resolution.corrected.conditions import conditions
from src.studies.resolution.corrected.config import (
    ALPHA,
    PROFILES,
    Attacks,
    CorrectedProfile,
    Schedule,
    Training,
    Work,
)
from src.studies.resolution.corrected.plan import CorrectedJob, corrected_trial, results
from src.studies.resolution.plan import Places, test_order
from src.training.recipes import Recipe

PROFILE = PROFILES[0]


def job(
    variant: Variant,
    recipe: Recipe,
    schedule: Schedule,
    certifications: tuple[tuple[Fixed | Sequential, int], ...] = (),
    attacks: Attacks | None = None,
    seed: int = 0,
    profile: CorrectedProfile = PROFILE,
) -> CorrectedJob:
    work = Work(Training(variant, recipe, schedule), certifications, attacks)
    return CorrectedJob(profile, work, corrected_trial(work.training, 1, seed, "float32", None))


def places(folder: Path) -> Places:
    return Places(folder / "data", folder / "models", folder / "results")


def folder_of(one: CorrectedJob, folder: Path) -> Path:
    return results(places(folder), one.profile)


def write_log(one: CorrectedJob, folder: Path, method: Fixed | Sequential, rows: pd.DataFrame) -> None:
    """`rows` as for CertificationLog.append, without seconds and what logs made earlier lack."""
    log = one.log(places(folder), method)
    log.begin()
    header = log.path.read_text()
    if header.count("\n") == 1:
        log.path.write_text("\t".join(name for name in header.split() if name not in LATER) + "\n")
    log.append(rows.assign(seconds=np.random.default_rng().random(len(rows))))


def write_records(one: CorrectedJob, folder: Path, rows: pd.DataFrame) -> None:
    records = one.records(places(folder))
    records.append(rows.assign(trial=one.trial.key))
    records.finish()


def list_trial(one: CorrectedJob, folder: Path) -> Path:
    save_trial(folder_of(one, folder) / "trials.csv", one.trial, {})
    return folder_of(one, folder)


def make_folder(folder: Path, jobs: Sequence[CorrectedJob], images: int | None = None) -> Path:
    """All that the jobs ask for, drawn as if each image had a probability of its class that noise, training and
    attacks lower.

    Args:
        folder: what Places are under.
        jobs: of one profile.
        images: of each log and each attack, at most; None for all.
    """
    for one in jobs:
        # The same images are hard for every network.
        hardness = np.random.default_rng(7).normal(size=10_000)
        generator = np.random.default_rng([one.trial.seed, len(one.trial.key), int(one.sigma * 1000)])
        sigma_28 = one.sigma * 28 / one.work.training.variant.side
        gain = {"gaussian": 0.0, "stability": 0.1, "consistency": 0.3, "smoothadv": 0.4, "macer": -0.2}
        scores = 3.9 - 1.1 * sigma_28 + gain[one.trial.recipe] * sigma_28 - 0.7 * hardness
        scores -= 0.3 if one.work.training.schedule.name == "reduced" else 0
        chances = stats.norm.cdf(scores + generator.normal(0, 0.15, 10_000))
        for method, count in one.work.certifications:
            chosen = test_order()[: min(count, images or count)]
            write_log(one, folder, method, _certificates(chosen, chances[chosen], one.sigma, method, generator))
        if one.work.attacks is not None:
            attacks = replace(one.work.attacks, images=min(one.work.attacks.images, images or 10_000))
            write_records(one, folder, _predictions(one, attacks, scores, generator))
        list_trial(one, folder)
    return folder_of(jobs[0], folder)


def _certificates(
    chosen: np.ndarray, chances: np.ndarray, sigma: float, method: Fixed | Sequential, generator: np.random.Generator
) -> pd.DataFrame:
    right = chances > 0.5
    if isinstance(method, Fixed):
        n = np.full(len(chosen), method.n)
        count = generator.binomial(method.n, np.where(right, chances, 1 - chances))
        radius = np.asarray(certified_radius(count, n, ALPHA, sigma))
        answered = radius > 0
    else:
        margin = np.abs(chances - np.asarray(probability_at(np.asarray(method.radii), sigma))[:, None]).min(axis=0)
        n = np.minimum(method.cap, np.maximum(100, 8 / margin**2)).astype(int) // 10 * 10
        count = generator.binomial(n, chances)
        passed = chances - 1 / np.sqrt(n) > np.asarray(probability_at(np.asarray(method.radii), sigma))[:, None]
        grid = np.concatenate([[0.0], method.radii])
        certified = np.logical_and.accumulate(passed).sum(axis=0)
        radius, answered = grid[certified], certified > 0
    label = chosen % 10
    predict = np.where(answered, np.where(right, label, (label + 1) % 10), ABSTAIN)
    return pd.DataFrame(
        {"idx": chosen, "label": label, "predict": predict, "radius": np.where(answered, radius, 0.0), "count": count,
         "n": n}
    )  # fmt: skip


def _predictions(
    one: CorrectedJob, attacks: Attacks, scores: np.ndarray, generator: np.random.Generator
) -> pd.DataFrame:
    chosen = test_order()[: attacks.images]
    side, label = one.work.training.variant.side, test_order()[: attacks.images] % 10
    frames = []
    for condition in conditions(attacks, one.sigma):
        attack = condition.attack
        harm, distance = np.zeros(len(chosen)), np.zeros(len(chosen))
        if attack is not None and attack.name == "deepfool":
            distance = np.where(generator.random(len(chosen)) < 0.95, np.abs(scores[chosen]) * side / 28, np.inf)
            harm = np.where(np.isfinite(distance), 10, 0)
        elif attack is not None:
            distance = np.full(len(chosen), attack.epsilon * (side if attack.norm == "linf" else 1))
            strength = 1.0 if attack.name == "smoothed-pgd" else 0.75
            strength *= 1 - 0.3 / max(attack.m, 1) - 0.5 / max(attack.steps, 1) + 0.03 * (attack.restarts - 1)
            harm = distance * 28 / side * strength + generator.normal(0, 0.1, len(chosen))
        left = scores[chosen] - harm * (1.0 if condition.n else 1.3)
        # In between, the smoothed classifier abstains.
        wrong = np.where(np.abs(left) < 0.05 if condition.n else False, ABSTAIN, (label + 1) % 10)
        frames.append(
            pd.DataFrame(
                {
                    **condition.columns(),
                    "image": chosen,
                    "label": label,
                    "prediction": np.where(left > 0.05 * bool(condition.n), label, wrong),
                    "distance": distance,
                }
            )
        )
    return pd.concat(frames)
