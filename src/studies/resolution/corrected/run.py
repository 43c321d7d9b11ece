"""Runs protocol `corrected`: what is not done yet, then its tables and figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from src.certification.log import read_log
from src.datasets.esrgan import load_esrgan
from src.datasets.mnist import load_mnist
from src.experiments.folders import Places
from src.experiments.run import Products, finish
from src.experiments.trial_table import load_trials
from src.storage.files import sha256
from src.studies.resolution.corrected.conditions import FGSM
from src.studies.resolution.corrected.figures import FIGURES, write_figures
from src.studies.resolution.corrected.plan import CorrectedJob, results
from src.studies.resolution.corrected.summary import print_summary
from src.studies.resolution.corrected.tables import TABLES, write_tables


def run(jobs: Sequence[CorrectedJob], places: Places, esrgan: str | None, prepare: Callable[[], None]) -> None:
    """Bring every job to its end and write the protocol's tables and figures; do nothing where all is there.

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
    folder = results(places, profile)

    def write() -> None:
        write_tables(folder)
        write_figures(folder)

    paths = (*(folder / name for name in TABLES), *(folder / "figures" / name for name in FIGURES))
    products = Products(paths, folder / "complete.json", lambda: made_from(folder), write)
    if not finish(folder, places, jobs, lambda unfinished: _execute(unfinished, places, esrgan, prepare), products):
        name = profile.profile.name
        print(f"Nothing to do: of profile {name}, protocol corrected, all {len(jobs)} networks are complete.")
    print_summary(folder)


def made_from(folder: Path) -> str:
    """What tables and figures are made from; written after them, it tells whether they are up to date."""
    made = {path.name: sha256(path) for path in sorted(folder.glob("records/*.csv.gz"))}
    for path in sorted(folder.glob("certificates/*.tsv")):
        # The same certificates, made anew, differ in the time that they took.
        rows = read_log(path).drop(columns="time").to_csv(index=False)
        made[path.name] = hashlib.sha256(rows.encode()).hexdigest()
    trials = sorted(load_trials(folder / "trials.csv"))
    return json.dumps({"trials": trials, "fgsm": FGSM, "made": made}, indent=2) + "\n"


def _execute(jobs: Sequence[CorrectedJob], places: Places, esrgan: str | None, prepare: Callable[[], None]) -> None:
    mnist = load_mnist(places.mnist)
    prepare()
    if esrgan is not None and any(job.work.training.variant.upscaler == "esrgan" for job in jobs):
        load_esrgan(esrgan)  # so that a handle that can't be loaded is known before hours of training

    # Here, so that a run with nothing to do needs no TensorFlow.
    from src.studies.resolution.corrected.execute import execute

    for job in jobs:
        execute(job, places, mnist, esrgan)
        # After every network, so that a long run can be looked at.
        write_tables(results(places, job.profile))
