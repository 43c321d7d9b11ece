"""Runs the study: what is not done yet, then tables, figures and the closing table."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from src.datasets.esrgan import load_esrgan
from src.datasets.mnist import load_mnist
from src.experiments.folders import Places
from src.experiments.run import Products, finish
from src.experiments.trial_table import load_trials
from src.storage.files import sha256
from src.studies.resolution.config import PROTOCOLS
from src.studies.resolution.figures import FIGURES, write_figures
from src.studies.resolution.plan import Job
from src.studies.resolution.summary import print_summary
from src.studies.resolution.tables import TABLES, write_tables


def run(jobs: Sequence[Job], places: Places, esrgan: str | None, prepare: Callable[[], None]) -> None:
    """Bring every job to its end and write the profile's tables and figures; do nothing where all is there.

    Args:
        jobs: of one profile.
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

    def write() -> None:
        write_tables(folder, profile)
        write_figures(folder)

    paths = (*(folder / name for name in TABLES), *(folder / "figures" / name for name in FIGURES))
    products = Products(paths, folder / "complete.json", lambda: made_from(folder), write)
    if not finish(folder, places, jobs, lambda unfinished: _execute(unfinished, places, esrgan, prepare), products):
        print(f"Nothing to do: of profile {profile.name}, {len(jobs)} of {len(jobs)} networks are complete.")
    print_summary(folder, profile)


def made_from(folder: Path) -> str:
    """What tables and figures are made from; written after them, it tells whether they are up to date."""
    sources = {
        f"{kind}/{path.name}": sha256(path)
        for kind in ("records", "votes", "fit")
        for path in sorted((folder / kind).glob("[!.]*"))  # those in the making count, too
    }
    # Tables read the records of these attacks alone.
    attacks = {protocol.name: protocol.attacked_output for protocol in PROTOCOLS}
    trials = sorted(load_trials(folder / "trials.csv"))
    return json.dumps({"trials": trials, "attacks": attacks, "made": sources}, indent=2) + "\n"


def train(jobs: Sequence[Job], places: Places, esrgan: str | None, prepare: Callable[[], None]) -> None:
    """Train the networks of these jobs that are not trained, and evaluate nothing: for a study that looks at them.

    Args:
        jobs, places, esrgan, prepare: as of `run`.

    Raises:
        InputError: something given or on disk can't be used.
        StorageError: something can't be written.
        TrainingError: a loss is not finite.
    """
    mnist = load_mnist(places.mnist)
    prepare()

    from src.studies.resolution.execute import network_of

    for job in jobs:
        network_of(job, places, mnist, esrgan)


def _execute(jobs: Sequence[Job], places: Places, esrgan: str | None, prepare: Callable[[], None]) -> None:
    mnist = load_mnist(places.mnist)
    prepare()
    if esrgan is not None and any(job.variant.upscaler == "esrgan" for job in jobs):
        load_esrgan(esrgan)  # so that a handle that can't be loaded is known before hours of training

    from src.studies.resolution.execute import execute  # here, so that a run with nothing to do needs no TensorFlow

    for job in jobs:
        execute(job, places, mnist, esrgan)
        # After every network, so that a long run can be looked at.
        write_tables(places.profile(job.profile), job.profile)
