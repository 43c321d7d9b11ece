from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.experiments import estimates
from src.experiments.conditions import Condition
from src.experiments.trial_table import save_trial
from src.storage.arrays import save_arrays
from src.studies.resolution import estimates as resolution_estimates
from src.studies.resolution import plan
from src.studies.resolution.config import (
    CONTROL,
    CONTROL_SMALL,
    DOWNSCALED,
    NORMAL,
    PAPER,
    PROTOCOLS,
    RELEASED,
    SMOKE,
    UPSCALED_AI,
    UPSCALED_AI_SMALL,
    VARIANTS,
    WRITTEN,
    Profile,
    Protocol,
    Variant,
)
from src.studies.resolution.estimates import Estimate, estimate, print_plan
from src.studies.resolution.plan import Job, Places, jobs, resolution_trial
from tests.studies.resolution.records_folder import write_fit, write_votes

OPERATIONS = {
    # Two for each weight and bias: of the convolutions at every pixel, of the dense layers once.
    "Normal": 2 * (784 * (10 * 28 + (9 * 28 + 1) * 64) + (784 * 64 + 1) * 128 + 129 * 10),
    "Control Small": 2 * (3136 * (10 * 28 + (9 * 28 + 1) * 64) + (3136 * 64 + 1) * 128 + 129 * 10),
    "Control": 2 * (3136 * (10 * 56 + (9 * 56 + 1) * 128) + (3136 * 128 + 1) * 256 + 257 * 10),
    "Downscaled": 2 * (196 * (10 * 14 + (9 * 14 + 1) * 32) + (196 * 32 + 1) * 64 + 65 * 10),
}


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "data", tmp_path / "models", tmp_path / "results")


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimates.os, "cpu_count", lambda: 2)


def job(variant: Variant = NORMAL, protocol: Protocol = RELEASED, profile: Profile = PAPER) -> Job:
    return Job(profile, protocol, variant, resolution_trial(profile, protocol, variant, 0, "float32", None))


def complete_training(job: Job, places: Places) -> None:
    folder = places.trial(job.trial)
    folder.begin(job.trial)
    folder.complete([np.zeros(1)], {})


def complete_evaluation(job: Job, places: Places) -> None:
    order = plan.test_order()
    rows = [
        pd.DataFrame({"trial": job.trial.key, **condition.columns(), "image": order[:count]})
        for condition, count in job.work.items()
    ]
    job.records(places).append(pd.concat(rows).assign(label=0, prediction=0, loss=0.5))
    job.records(places).finish()
    write_votes(places, job)
    write_fit(places, job)
    save_arrays(job.examples(places), {"labels": np.zeros(1)})
    save_trial(places.profile(job.profile) / "trials.csv", job.trial, {"weights_sha256": "0" * 64})


@pytest.mark.parametrize("name", OPERATIONS)
def test_evaluation_costs_the_networks_operations(name: str, places: Places) -> None:
    one = job(next(variant for variant in VARIANTS if variant.name == name))
    # On 10,000 images: clean 1 + 10 votes, attacked 1 + 10, the network at the notebook's other budget, each of the
    # three attacks about 3 more. On 1,000: 7 further sigmas of 10 votes, and 7 further budgets likewise to the tables',
    # less what is there; the votes of two conditions. And 10,000 training images.
    passes = 10_000 * (1 + 10 + 2 * (1 + 3) + (10 + 3)) + 1_000 * (7 * 10 + 6 * (1 + 3) + 7 * (10 + 3))
    passes += 2 * 1_000 * 10 + 10_000
    expected = OPERATIONS[name] * passes / estimates.FORWARD_RATE / 2
    assert estimate(one, places).evaluation == pytest.approx(expected, rel=1e-12)


def test_training_scales_with_operations_and_images_seen(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimates, "STEP_OVERHEAD_S", 0.0)
    costs = {variant.name: estimate(job(variant), places).training for variant in VARIANTS}
    # Forward and backward are three passes; 12,000 images, twice an epoch, 10 epochs.
    for name, operations in OPERATIONS.items():
        assert costs[name] == pytest.approx(3 * operations * 240_000 / estimates.TRAINING_RATE / 2, rel=1e-12)
    assert costs["UpscaledAI"] == costs["Control"] and costs["UpscaledAI Small"] == costs["Control Small"]
    # Twice the side at the same widths: four times the convolutions and, but for a few, the dense weights.
    assert costs["Control Small"] == pytest.approx(4 * costs["Normal"], rel=1e-3)
    # 48,000 images once an epoch are twice as many as 12,000 twice.
    assert estimate(job(protocol=WRITTEN), places).training == pytest.approx(2 * costs["Normal"], rel=1e-12)
    half = replace(PAPER, epochs=5)
    assert estimate(job(profile=half), places).training == pytest.approx(costs["Normal"] / 2, rel=1e-12)


def test_every_step_has_its_overhead(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimates, "STEP_OVERHEAD_S", 0.0)
    without = estimate(job(), places).training
    monkeypatch.setattr(estimates, "STEP_OVERHEAD_S", 0.5)
    assert estimate(job(), places).training - without == pytest.approx(240_000 / 32 * 0.5)


def test_more_cores_take_less_time(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimates, "STEP_OVERHEAD_S", 0.0)
    two = estimate(job(UPSCALED_AI), places)
    monkeypatch.setattr(estimates.os, "cpu_count", lambda: 8)
    eight = estimate(job(UPSCALED_AI), places)
    for stage in ("upscaling", "training", "evaluation"):
        assert getattr(eight, stage) == pytest.approx(getattr(two, stage) / 4)


def test_esrgan_only_for_its_networks(places: Places) -> None:
    for protocol, train in ((RELEASED, 12_000), (WRITTEN, 48_000)):
        expected = (train + 10_000) / estimates.ESRGAN_RATE / 2
        for variant in (UPSCALED_AI, UPSCALED_AI_SMALL):
            assert estimate(job(variant, protocol), places).upscaling == pytest.approx(expected)
        for variant in (DOWNSCALED, NORMAL, CONTROL, CONTROL_SMALL):
            assert estimate(job(variant, protocol), places).upscaling == 0


def test_a_trained_network_costs_its_evaluation_only(places: Places) -> None:
    one = job(UPSCALED_AI)
    before = estimate(one, places)
    complete_training(one, places)
    after = estimate(one, places)
    assert before.training > 0 and after.training == 0
    assert after.evaluation == before.evaluation > 0
    assert after.upscaling == pytest.approx(10_000 / estimates.ESRGAN_RATE / 2)
    assert after.memory < before.memory and after.disk < before.disk


def test_a_done_job_costs_nothing(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    one = job(UPSCALED_AI, profile=SMOKE)
    complete_training(one, places)
    complete_evaluation(one, places)
    costs = estimate(one, places)
    assert (costs.upscaling, costs.training, costs.evaluation) == (0, 0, 0)
    print_plan([one], places)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "Profile smoke: plan" in lines
    (row,) = (line.split() for line in lines if "released UpscaledAI 0" in line)
    assert row[3:] == ["done", "done", "done", "-", "-"]
    assert lines[-1] == "Nothing to do: 1 of 1 networks are done; nothing was run."
    assert not any("In all" in line for line in lines)
    # What is done beside what is not has no part in the sums.
    print_plan([one, job(UPSCALED_AI, WRITTEN, SMOKE)], places)
    both = capsys.readouterr().out
    assert "done" in both and "Nothing to do" not in both
    print_plan([job(UPSCALED_AI, WRITTEN, SMOKE)], places)
    assert both[both.index("In all about") :] in capsys.readouterr().out


def test_memory_and_disk_hold_the_network_and_adams_moments(places: Places) -> None:
    parameters = 102_828_474
    costs = estimate(job(CONTROL), places)
    # Weights, gradients and two moments at least, and not ten times as much.
    assert 4 * 4 * parameters < costs.memory < 40 * 4 * parameters
    # The network, and a checkpoint with both moments.
    assert costs.disk == 4 * parameters * 4


@pytest.mark.parametrize(("cores", "seed"), [(1, 0), (2, 2023), (16, 2023)])
def test_the_plan_fits_a_terminal_and_cuts_nothing(
    cores: int, seed: int, places: Places, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(estimates.os, "cpu_count", lambda: cores)
    planned = jobs(PAPER, PAPER.variants, (seed,), "float32", None)
    print_plan(planned, places)
    printed = capsys.readouterr().out
    lines = [line.strip() for line in printed.splitlines()]
    assert max(map(len, printed.splitlines())) <= 80
    assert "…" not in printed
    for one in planned:
        label = f"{one.protocol.name} {one.variant.name} {one.trial.seed}"
        (row,) = (line for line in lines if line.startswith(f"{label} "))
        # Upscaling, training, evaluation, memory, disk; each with its unit.
        cells = re.findall(r"\d+ h \d\d min|\d+ min|\d+ s|\d+\.\d GB|-", row.removeprefix(label))
        assert len(cells) == 5 and "".join(cells).replace(" ", "") == row.removeprefix(label).replace(" ", "")
        assert cells[1] != "-" and cells[2] != "-"
    assert not any(path.exists() for path in (places.data, places.models, places.results))


def test_images_that_two_networks_share_are_upscaled_once(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = [job(variant, protocol) for protocol in PROTOCOLS for variant in (UPSCALED_AI_SMALL, UPSCALED_AI)]
    print_plan(pair, places)
    rows = [line for line in capsys.readouterr().out.splitlines() if "UpscaledAI" in line]
    upscaling = [re.split(r"\s{2,}", row.strip())[1] for row in rows]
    assert upscaling[0] != "-" and upscaling[2] != "-"
    assert [upscaling[1], upscaling[3]] == ["-", "-"]


def test_the_sum_is_of_what_the_rows_say(
    places: Places, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = iter([Estimate(600, 60, 120, 3e9, 1e9), Estimate(600, 30, 45, 2e9, 2.5e9)])
    monkeypatch.setattr(resolution_estimates, "estimate", lambda job, places: next(made))
    print_plan([job(UPSCALED_AI_SMALL), job(UPSCALED_AI)], places)
    printed = " ".join(capsys.readouterr().out.split())
    # 600 + 60 + 120, then 30 + 45: the second's images are the first's.
    assert "In all about 14 min on 2 CPU cores" in printed
    assert "3.0 GB of memory and 3.50 GB of disk" in printed
    assert "nothing was run" in printed


def test_condition_costs_follow_votes() -> None:
    """The formula above assumes the protocols' ten votes."""
    for protocol in PROTOCOLS:
        smoothed = [condition.smoothing for condition in job(protocol=protocol).work if condition.smoothing]
        assert {smoothing.n for smoothing in smoothed} == {10}
        assert Condition() in job(protocol=protocol).work
