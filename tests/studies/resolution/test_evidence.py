"""What claims are judged by: read back from folders, the first seed, the largest complete test set."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.base import ABSTAIN, InputError
from src.certification_log import Fixed
from src.conditions import Condition
from src.studies.resolution import plan
from src.studies.resolution.config import (
    CONTROL,
    DOWNSCALED,
    NORMAL,
    PAPER,
    RELEASED,
    SEEDS,
    SMOKE,
    UPSCALED_AI,
    WRITTEN,
    Protocol,
    Variant,
)
from src.studies.resolution.corrected.config import FULL, Attacks
from src.studies.resolution.evidence import Evidence, load_evidence, on_most_images
from src.studies.resolution.plan import Job
from src.studies.resolution.rows import right
from src.training.recipes import Gaussian
from tests.studies.resolution.corrected import corrected_folder
from tests.studies.resolution.records_folder import SMALL, job, rows, write, write_fit, write_votes

CLEAN = Condition()


def evidence(*jobs: Job, reduced: tuple[Job, ...] = ()) -> Evidence:
    empty = pd.DataFrame()
    return Evidence(PAPER, tuple((one, empty) for one in jobs), (), (), tuple((one, empty) for one in reduced), ())


class TestFirstSeed:
    JOBS = tuple(
        job(variant, protocol, seed)
        for protocol, variant, seed in (
            (RELEASED, DOWNSCALED, 0), (RELEASED, NORMAL, 0), (RELEASED, NORMAL, 3), (WRITTEN, DOWNSCALED, 2),
            (WRITTEN, NORMAL, 1), (WRITTEN, NORMAL, 2),
        )
    )  # fmt: skip

    @pytest.mark.parametrize(
        ("protocol", "variant", "expected"),
        [
            (RELEASED, None, [("Downscaled", 0), ("Normal", 0)]),
            (RELEASED, NORMAL, [("Normal", 0)]),
            (RELEASED, CONTROL, []),
            (WRITTEN, None, [("Downscaled", 2), ("Normal", 1)]),
            (WRITTEN, NORMAL, [("Normal", 1)]),
            (WRITTEN, DOWNSCALED, [("Downscaled", 2)]),
        ],
    )
    def test_decides(self, protocol: Protocol, variant: Variant | None, expected: list[tuple[str, int]]) -> None:
        found = evidence(*self.JOBS).of(protocol, variant)
        assert [(one.variant.name, one.trial.seed) for one, _ in found] == expected

    def test_of_nothing_is_nothing(self) -> None:
        assert list(evidence().of(RELEASED)) == []


class TestTrainings:
    def jobs(self, variant: Variant, count: int, profile: object = SMALL) -> list[Job]:
        return [job(variant, seed=seed, profile=profile) for seed in range(count)]  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("own", "reduced", "taken"),
        [
            ((3, 3), (2, 5), ("smoke", 3, 3)),
            ((1, 1), (5, 5), ("seeds", 5, 5)),
            ((2, 5), (2, 9), ("smoke", 2, 5)),
            ((9, 0), (1, 1), ("seeds", 1, 1)),
        ],
    )
    def test_are_those_of_the_profile_that_has_more_of_both(
        self, own: tuple[int, int], reduced: tuple[int, int], taken: tuple[str, int, int]
    ) -> None:
        ours = [
            one for variant, count in zip((NORMAL, DOWNSCALED), own, strict=True) for one in self.jobs(variant, count)
        ]
        many = [
            one
            for variant, count in zip((NORMAL, DOWNSCALED), reduced, strict=True)
            for one in self.jobs(variant, count, SEEDS)
        ]
        normal, downscaled = evidence(*ours, reduced=tuple(many)).trainings(RELEASED, NORMAL, DOWNSCALED)
        assert {one.profile.name for one, _ in normal + downscaled} == {taken[0]}
        assert (len(normal), len(downscaled)) == taken[1:]
        assert {one.variant for one, _ in normal} == {NORMAL} and {one.variant for one, _ in downscaled} == {DOWNSCALED}

    def test_of_other_protocols_do_not_count(self) -> None:
        found = evidence(job(NORMAL, WRITTEN), job(NORMAL)).trainings(WRITTEN, NORMAL)
        assert [[one.protocol for one, _ in of_one] for of_one in found] == [[WRITTEN]]

    def test_of_nothing(self) -> None:
        assert evidence().trainings(RELEASED, NORMAL, CONTROL) == [[], []]


class TestRight:
    def test_by_ascending_image_and_an_abstention_is_not(self) -> None:
        records = pd.DataFrame({"image": [7, 3, 5], "label": [1, 2, 3], "prediction": [1, ABSTAIN, 4]})
        assert right(records).tolist() == [False, False, True]
        assert right(records.iloc[:0]).tolist() == []


class TestMostImages:
    ONE = job(NORMAL)
    SMOOTHED = ONE.paper_conditions[1]

    def records(self, clean: int, smoothed: int) -> pd.DataFrame:
        found = [
            rows(self.ONE, CLEAN, plan.test_order()[:clean]),
            rows(self.ONE, self.SMOOTHED, plan.test_order()[:smoothed]),
        ]
        return pd.concat(found).sample(frac=1, random_state=1)

    @pytest.mark.parametrize(
        ("clean", "smoothed", "expected"),
        [(100, 100, 100), (100, 99, 50), (100, 50, 50), (100, 49, None), (120, 70, 50), (0, 100, None)],
    )
    def test_are_the_largest_test_set_that_all_have(self, clean: int, smoothed: int, expected: int | None) -> None:
        found = on_most_images(self.ONE, self.records(clean, smoothed), CLEAN, self.SMOOTHED)
        if expected is None:
            assert found is None
            return
        assert found is not None
        for frame, classifier in zip(found, ("cnn", "rs"), strict=True):
            assert set(frame["classifier"]) == {classifier}
            assert frame["image"].tolist() == sorted(plan.test_order()[:expected])

    def test_images_beyond_the_test_set_do_not_fill_it(self) -> None:
        records = rows(self.ONE, CLEAN, plan.test_order()[1:120])
        assert on_most_images(self.ONE, records, CLEAN) is None

    def test_sweeps_are_a_test_set_too(self) -> None:
        one = job(NORMAL, profile=replace(SMALL, test_images=(100,), sweep_images=10))
        found = on_most_images(one, rows(one, CLEAN, plan.test_order()[:60]), CLEAN)
        assert found is not None and len(found[0]) == 10


class TestLoad:
    def test_nothing_is_there(self, tmp_path: Path) -> None:
        found = load_evidence(corrected_folder.places(tmp_path), PAPER)
        assert found == Evidence(PAPER, (), (), (), (), ())
        assert not list(tmp_path.iterdir())

    def test_all_that_was_written(self, tmp_path: Path) -> None:
        places = corrected_folder.places(tmp_path)
        second = write(places, job(UPSCALED_AI, WRITTEN), only=[CLEAN])
        first = write(places, job(NORMAL), only=[CLEAN], loss=0.5)
        write_votes(places, first, (7, 3))
        write_fit(places, second, wrong=range(20))
        many = write(places, job(NORMAL, seed=4, profile=SEEDS), only=[CLEAN], images=30)
        sigma = corrected_folder.job(NORMAL, Gaussian(0.25), FULL, ((Fixed(100), 20),), Attacks(10, 50))
        corrected_folder.make_folder(tmp_path, [sigma])
        found = load_evidence(places, SMALL)
        assert found.profile is SMALL
        assert [one for one, _ in found.jobs] == [first, second]
        assert [one for one, _ in found.votes] == [one for one, _ in found.fit] == [first, second]
        assert [len(frame) for _, frame in found.jobs] == [100, 100]
        assert [len(frame) for _, frame in found.votes] == [2 * 50, 0]
        assert set(found.votes[0][1]["runner_up_votes"]) == {3}
        assert [len(frame) for _, frame in found.fit] == [0, 100]
        assert (~right(found.fit[1][1])).sum() == 20
        assert [(one, len(frame)) for one, frame in found.reduced] == [(many, 30)]
        assert [one.trial for one in found.corrected] == [sigma.trial]
        # Records come back as they were: float32 and nine digits.
        clean = rows(first, CLEAN, plan.test_order()[:100], loss=0.5).sort_values("image")
        np.testing.assert_allclose(found.jobs[0][1]["loss"], clean["loss"], rtol=1e-8)

    def test_the_seeds_are_not_counted_twice(self, tmp_path: Path) -> None:
        places = corrected_folder.places(tmp_path)
        write(places, job(NORMAL, profile=SEEDS), only=[CLEAN], images=10)
        found = load_evidence(places, SEEDS)
        assert len(found.jobs) == 1 and found.reduced == ()

    def test_records_in_the_making_count(self, tmp_path: Path) -> None:
        places = corrected_folder.places(tmp_path)
        one = write(places, job(NORMAL), only=[CLEAN], images=60)
        one.records(places).append(rows(one, CLEAN, plan.test_order()[60:100]))
        with one.records(places).partial.open("ab") as file:
            file.write(gzip.compress(b"torn", mtime=0)[:15])
        ((_, records),) = load_evidence(places, SMALL).jobs
        assert len(records) == 100

    @pytest.mark.parametrize("which", ["records", "votes", "fit"])
    def test_a_damaged_file_is_named(self, tmp_path: Path, which: str) -> None:
        places = corrected_folder.places(tmp_path)
        one = write(places, job(NORMAL), only=[CLEAN])
        write_votes(places, one)
        write_fit(places, one)
        path = getattr(one, which)(places).path
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(InputError, match=f"{which}/{one.trial.key}.csv.gz is damaged"):
            load_evidence(places, SMALL)

    def test_a_trial_that_is_not_known_is_named(self, tmp_path: Path) -> None:
        places = corrected_folder.places(tmp_path)
        one = job(NORMAL)
        other = replace(one, trial=replace(one.trial, variant="Other"))
        write(places, other, only=[CLEAN])
        with pytest.raises(InputError, match=other.trial.key):
            load_evidence(places, SMOKE)
