"""What claims are judged by: read back from folders, the first seed, the largest complete test set."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.base import ABSTAIN, InputError
from src.certification.log import Fixed
from src.experiments.conditions import Condition
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
    Profile,
    Protocol,
    Variant,
)
from src.studies.resolution.corrected.config import FULL, Attacks
from src.studies.resolution.evidence import Evidence, load_evidence, on_most_images, one_of_each_seed
from src.studies.resolution.plan import Job
from src.studies.resolution.rows import common_answers, right
from src.training.recipes import Gaussian
from tests.studies.resolution.corrected import corrected_folder
from tests.studies.resolution.records_folder import SMALL, job, rows, write, write_fit, write_votes

CLEAN = Condition()


def evidence(*jobs: Job, reduced: tuple[Job, ...] = ()) -> Evidence:
    """Each with clean answers on its profile's largest test set."""
    found, other = ([(one, rows(one, CLEAN, plan.test_order()[: one.profile.test_images[-1]])) for one in some]
                    for some in (jobs, reduced))  # fmt: skip
    return Evidence(PAPER, tuple(found), (), (), tuple(other), ())


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
    def trainings(self, found: Evidence, protocol: Protocol, needed: dict[Variant, int]) -> list[list[Job]]:
        of_each = found.trainings(protocol, dict.fromkeys(needed, CLEAN), needed)
        return [[one for one, _ in trainings] for trainings in of_each]

    def jobs(self, counts: tuple[int, int], profile: Profile) -> tuple[Job, ...]:
        """So many trainings of Normal and of Downscaled."""
        networks = zip((NORMAL, DOWNSCALED), counts, strict=True)
        return tuple(job(variant, seed=seed, profile=profile) for variant, count in networks for seed in range(count))

    @pytest.mark.parametrize(
        ("own", "reduced", "taken"),
        [
            # Needed are 3 of Normal and 2 of Downscaled.
            ((3, 2), (9, 9), "smoke"),
            ((3, 2), (0, 0), "smoke"),
            ((4, 2), (3, 2), "smoke"),
            ((2, 2), (3, 2), "seeds"),
            ((9, 1), (3, 2), "seeds"),
            ((1, 1), (5, 5), "seeds"),
            # Neither has enough: more than is needed of one makes up for nothing.
            ((2, 2), (9, 0), "smoke"),
            ((2, 1), (1, 2), "smoke"),
            ((0, 0), (1, 0), "seeds"),
            # Without one of the networks there is nothing to compare, however many there are of the other.
            ((1, 1), (3, 0), "smoke"),
            ((9, 0), (1, 2), "seeds"),
            ((9, 0), (1, 1), "seeds"),
        ],
    )
    def test_are_of_this_profile_unless_the_other_lacks_fewer(
        self, own: tuple[int, int], reduced: tuple[int, int], taken: str
    ) -> None:
        both = evidence(*self.jobs(own, SMALL), reduced=self.jobs(reduced, SEEDS))
        normal, downscaled = self.trainings(both, RELEASED, {NORMAL: 3, DOWNSCALED: 2})
        assert {one.profile.name for one in normal + downscaled} == {taken}
        assert (len(normal), len(downscaled)) == (own if taken == "smoke" else reduced)
        assert {one.variant for one in normal} <= {NORMAL} and {one.variant for one in downscaled} <= {DOWNSCALED}

    def test_networks_are_in_the_order_that_they_are_asked_for(self) -> None:
        both = evidence(*self.jobs((1, 2), SMALL))
        assert [len(found) for found in self.trainings(both, RELEASED, {DOWNSCALED: 1, NORMAL: 1})] == [2, 1]

    def test_of_other_protocols_do_not_count(self) -> None:
        found = self.trainings(evidence(job(NORMAL, WRITTEN), job(NORMAL)), WRITTEN, {NORMAL: 1})
        assert [[one.protocol for one in of_one] for of_one in found] == [[WRITTEN]]

    def test_of_nothing(self) -> None:
        assert self.trainings(evidence(), RELEASED, {NORMAL: 1, CONTROL: 3}) == [[], []]

    def test_one_that_was_interrupted_does_not_count(self) -> None:
        complete = evidence(*self.jobs((3, 2), SMALL), reduced=self.jobs((3, 2), SEEDS))
        (last, records), *others = reversed(complete.jobs)
        torn = replace(complete, jobs=(*reversed(others), (last, records.iloc[1:])))
        for found, taken in ((complete, "smoke"), (torn, "seeds")):
            normal, downscaled = self.trainings(found, RELEASED, {NORMAL: 3, DOWNSCALED: 2})
            assert {one.profile.name for one in normal + downscaled} == {taken}


class TestOneOfEachSeed:
    def chosen(self, *jobs: Job) -> list[Job]:
        return [one for one, _ in one_of_each_seed((one, pd.DataFrame()) for one in jobs)]

    def test_float32_is_preferred_wherever_it_stands(self) -> None:
        exact, coarse = job(NORMAL), job(NORMAL, precision="bfloat16")
        assert self.chosen(exact, coarse) == self.chosen(coarse, exact) == [exact]
        assert self.chosen(coarse) == [coarse]

    def test_other_networks_protocols_and_seeds_stay_in_their_order(self) -> None:
        jobs = [
            job(NORMAL, precision="bfloat16"),
            job(DOWNSCALED, precision="bfloat16"),
            job(NORMAL),
            job(NORMAL, WRITTEN, precision="bfloat16"),
            job(NORMAL, seed=1, precision="bfloat16"),
            job(DOWNSCALED),
        ]
        assert self.chosen(*jobs) == [jobs[2], jobs[3], jobs[4], jobs[5]]

    def test_of_two_esrgans_the_first(self) -> None:
        one = job(UPSCALED_AI)
        other = replace(one, trial=replace(one.trial, training={**one.trial.training, "esrgan": "another"}))
        assert one.trial.key != other.trial.key
        assert self.chosen(one, other) == [one] and self.chosen(other, one) == [other]

    def test_records_are_its_own(self, tmp_path: Path) -> None:
        places = corrected_folder.places(tmp_path)
        for profile in (SMALL, SEEDS):
            write(places, job(NORMAL, profile=profile, precision="bfloat16"), lambda _: range(5), [CLEAN], images=20)
            write(places, job(NORMAL, profile=profile), only=[CLEAN], images=20)
        found = load_evidence(places, SMALL)
        for ((one, records),) in (found.jobs, found.reduced):
            assert one.trial.precision == "float32" and right(records).all()
        for kind in (found.votes, found.fit):
            assert [one.trial.precision for one, _ in kind] == ["float32"]


class TestLabel:
    @pytest.mark.parametrize(
        ("one", "expected"),
        [
            (job(NORMAL), "Normal, seed 0"),
            (job(CONTROL, WRITTEN, seed=3), "Control, seed 3"),
            (job(NORMAL, precision="bfloat16"), "Normal, seed 0, bfloat16"),
        ],
    )
    def test_by_hand(self, one: Job, expected: str) -> None:
        assert one.label == expected


class TestCommonAnswers:
    def records(self, images: list[int], wrong: set[int]) -> pd.DataFrame:
        found = {"image": images, "label": 1, "prediction": [2 if image in wrong else 1 for image in images]}
        return pd.DataFrame(found)

    def test_on_the_images_of_all_trainings_by_ascending_image(self) -> None:
        first = [self.records([9, 2, 5, 7], {5}), self.records([2, 5, 7, 9, 11], {2, 11})]
        second = [self.records([1, 5, 2, 9, 7], {1}), self.records([9, 7, 5], {9}), self.records([5, 9, 7, 2], set())]
        one, two = common_answers(first, second)
        assert one.tolist() == [[False, True, True], [True, True, True]]
        assert two.tolist() == [[True, True, True], [True, True, False], [True, True, True]]
        assert one.dtype == two.dtype == bool

    def test_without_common_images_there_are_no_answers(self) -> None:
        one, two = common_answers([self.records([1, 2], set())], [self.records([3], set())] * 2)
        assert one.shape == (1, 0) and two.shape == (2, 0)


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
