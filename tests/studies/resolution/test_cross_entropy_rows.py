"""Rows of FGSM through the float32 cross-entropy: kept in their files, in no table, and never the reason to train."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.experiments.conditions import CROSS_ENTROPY, Condition
from src.experiments.folders import Places
from src.storage.records import Records
from src.studies.resolution.config import DOWNSCALED, RELEASED, WRITTEN, Protocol
from src.studies.resolution.corrected.conditions import CROSS_ENTROPY_FGSM, FGSM
from src.studies.resolution.corrected.config import REDUCED, Attacks
from src.studies.resolution.corrected.measurements import load_measurements
from src.studies.resolution.corrected.plan import CorrectedJob
from src.studies.resolution.evidence import load_evidence
from src.studies.resolution.plan import Job
from src.studies.resolution.tables import write_tables
from src.training.recipes import Gaussian
from tests.studies.resolution import records_folder as made
from tests.studies.resolution.corrected import corrected_folder


def remade(records: Records, column: str, now: str, before: str) -> None:
    """Let a finished file hold what an earlier version wrote."""
    rows = records.load()
    assert (rows[column] == now).any()
    records.path.unlink()
    records.append(rows.assign(**{column: rows[column].replace({now: before})}))
    records.finish()


def give_weights(places: Places, job: Job | CorrectedJob) -> None:
    folder = places.trial(job.trial)
    folder.begin(job.trial)
    folder.complete([np.zeros(1, np.float32)], {})


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "data", tmp_path / "models", tmp_path / "results")


def measured_before(places: Places, protocol: Protocol) -> Job:
    """A network all of whose attacked rows are of the earlier version."""
    job = made.write(places, made.job(DOWNSCALED, protocol))
    made.write_votes(places, job)
    made.write_fit(places, job)
    if protocol is WRITTEN:
        for records in (job.records(places), job.votes(places)):
            remade(records, "attacked_output", "log-odds", CROSS_ENTROPY)
    return job


class TestWritten:
    def test_without_weights_it_is_done(self, places: Places) -> None:
        """Though it has no examples of the new attack either."""
        job = measured_before(places, WRITTEN)
        assert job.is_done(places, {job.trial.key})
        assert {condition.attack for condition in job.asked(places)} == {None}

    def test_with_weights_the_new_attack_is_asked_for_and_nothing_else(self, places: Places) -> None:
        job = measured_before(places, WRITTEN)
        give_weights(places, job)
        attacked = {one: count for one, count in job.work.items() if one.attack is not None}
        assert job.missing(places) == sum(attacked.values()) > 0
        assert job.missing_votes(places) == job.profile.sweep_images
        assert job.missing_fit(places) == 0
        assert not job.is_done(places, {job.trial.key})

    def test_a_network_that_was_never_attacked_is_asked_for_all(self, places: Places) -> None:
        job = made.job(DOWNSCALED, WRITTEN)
        assert job.asked(places) == job.work
        made.write(places, job, only=[Condition()])
        assert job.asked(places) == job.work

    def test_once_made_the_new_rows_are_done_without_weights_too(self, places: Places) -> None:
        job = made.write(places, made.job(DOWNSCALED, WRITTEN))
        before = job.records(places).load()
        before = before[before["attacked_output"] == "log-odds"].assign(attacked_output=CROSS_ENTROPY)
        job.records(places).append(before)
        job.records(places).finish()
        assert job.missing(places) == 0
        assert (job.records(places).load()["attacked_output"] == CROSS_ENTROPY).sum() == len(before)

    def test_no_table_has_them(self, places: Places) -> None:
        job = measured_before(places, WRITTEN)
        folder = places.profile(job.profile)
        write_tables(folder, job.profile)
        assert len(pd.read_csv(folder / "accuracy.csv"))
        assert (folder / "adversarial_accuracy.csv").read_text().strip() == ""
        sweep = pd.read_csv(folder / "epsilon_sweep.csv")
        assert sweep["epsilon"].tolist() == [0.0]
        evidence = load_evidence(places, job.profile)
        for rows in (*evidence.jobs, *evidence.votes):
            assert CROSS_ENTROPY not in set(rows[1]["attacked_output"])
        assert CROSS_ENTROPY in set(job.records(places).load()["attacked_output"]), "the file keeps them"

    def test_their_cells_are_not_measured(self, places: Places) -> None:
        measured_before(places, WRITTEN)
        found = made.judged_claim(places, "adversarial/Downscaled/cnn_accuracy")
        assert "written" not in {test.protocol for test in found.tests}


def test_released_goes_on_as_it_was(places: Places) -> None:
    job = measured_before(places, RELEASED)
    job.examples(places).parent.mkdir(parents=True)
    job.examples(places).write_bytes(b"")
    assert job.asked(places) == job.work
    assert job.is_done(places, {job.trial.key})
    assert job.examples(places).name == f"{job.trial.key}.npz"


class TestCorrected:
    @pytest.fixture
    def job(self, tmp_path: Path) -> CorrectedJob:
        job = corrected_folder.job(DOWNSCALED, Gaussian(0.25), REDUCED, attacks=Attacks(10, 20))
        made.write_corrected(tmp_path, job)
        remade(job.records(corrected_folder.places(tmp_path)), "attack", FGSM, CROSS_ENTROPY_FGSM)
        return job

    def test_without_weights_it_is_done(self, job: CorrectedJob, places: Places) -> None:
        assert job.missing_predictions(places) == 0
        assert job.is_done(places, {job.trial.key})

    def test_with_weights_the_new_attack_is_asked_for(self, job: CorrectedJob, places: Places) -> None:
        give_weights(places, job)
        rows = job.records(places).load()
        assert job.missing_predictions(places) == (rows["attack"] == CROSS_ENTROPY_FGSM).sum() > 0

    def test_no_table_has_them(self, job: CorrectedJob, tmp_path: Path, places: Places) -> None:
        (one,) = load_measurements(corrected_folder.folder_of(job, tmp_path))
        assert set(one.records["attack"]) == {"none"}
        assert CROSS_ENTROPY_FGSM in set(job.records(places).load()["attack"])
