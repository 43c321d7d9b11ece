"""Runs the study: what is not done yet, then its tables, figures, claims and report."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from src.claims.claim import judge
from src.claims.tables import described, print_verdicts
from src.datasets.cifar10 import load_cifar10
from src.experiments.folders import Places
from src.experiments.run import Products, finish
from src.experiments.trial_table import load_trials
from src.storage.files import sha256
from src.studies.blur.claims import CLAIM_TABLES, claims, write_claims
from src.studies.blur.config import CIFAR10, Profile
from src.studies.blur.evidence import load_evidence
from src.studies.blur.figures import FIGURES, write_figures
from src.studies.blur.plan import Job
from src.studies.blur.report import REPORT, write_study_report
from src.studies.blur.tables import TABLES, write_tables

KINDS = ("records", "layers", "constants")


def run(jobs: Sequence[Job], places: Places, esrgan: str | None, prepare: Callable[[], None]) -> None:
    """Bring every job to its end, write tables and figures, judge the claims; do nothing where all is there.

    Args:
        jobs: of one profile; those on MNIST need trained networks of the first study.
        places: where to read and write.
        esrgan: the handle that `load_esrgan` takes.
        prepare: called once, before the first work that needs TensorFlow.

    Raises:
        InputError: something given or on disk can't be used.
        StorageError: something can't be written.
        TrainingError: a loss is not finite.
    """
    profile = jobs[0].profile
    folder = places.profile(profile)
    names = (*TABLES, *(f"figures/{name}" for name in FIGURES), *CLAIM_TABLES, REPORT)
    products = Products(
        tuple(folder / name for name in names),
        folder / "complete.json",
        lambda: made_from(folder),
        lambda: _conclude(places, profile),
    )
    if not finish(folder, places, jobs, lambda unfinished: _execute(unfinished, places, esrgan, prepare), products):
        print(f"Nothing to do: of study blur, profile {profile.name}, all {len(jobs)} networks are complete.")
    print_verdicts(folder / CLAIM_TABLES[0])
    print(f"Verdicts, tables and figures in one file: {folder / REPORT}")


def fetch_data(jobs: Sequence[Job], places: Places) -> None:
    """Make sure that what the jobs need is there, before hours of training: CIFAR-10, if one of them is not done.

    Raises:
        InputError: it can't be had.
        StorageError: it can't be written.
    """
    listed = set(load_trials(places.profile(jobs[0].profile) / "trials.csv"))
    if any(job.dataset == CIFAR10 and not job.is_done(places, listed) for job in jobs):
        load_cifar10(places.cifar10)


def made_from(folder: Path) -> str:
    """What tables, figures, verdicts and report are made from."""
    files = (path for kind in KINDS for path in sorted((folder / kind).glob("[!.]*")))
    sources = {str(path.relative_to(folder)): sha256(path) for path in files}
    asked = {claim.name: described(claim) for claim in claims()}
    made = {"trials": sorted(load_trials(folder / "trials.csv")), "made": sources, "claims": asked}
    return json.dumps(made, indent=2) + "\n"


def _execute(jobs: Sequence[Job], places: Places, esrgan: str | None, prepare: Callable[[], None]) -> None:
    prepare()

    # Here, so that a run with nothing to do needs no TensorFlow.
    from src.studies.blur.execute import execute
    from src.studies.blur.networks import load_datasets

    datasets = load_datasets(jobs, places)
    for job in jobs:
        execute(job, places, datasets, esrgan)


def _conclude(places: Places, profile: Profile) -> None:
    folder = places.profile(profile)
    evidence = load_evidence(places, profile)
    write_tables(folder, evidence)
    write_figures(folder)
    judged = judge(claims(), evidence)
    write_claims(folder, judged)
    write_study_report(folder, profile, judged)
