"""Votes and training images: what is missing of them, and that votes are those that the records come from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from src.base import LabeledImages
from src.datasets.mnist import Mnist
from src.experiments.conditions import Condition, Smoothing, select
from src.studies.resolution import plan
from src.studies.resolution.config import DOWNSCALED, NORMAL, PAPER, RELEASED, SMOKE, UPSCALED_AI, WRITTEN, Protocol
from src.studies.resolution.plan import Job, Places, training_indices
from tests.studies.resolution.corrected import corrected_folder
from tests.studies.resolution.records_folder import SMALL, job, rows, write, write_fit, write_votes

CLEAN = Condition()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return corrected_folder.places(tmp_path)


class TestTrainingIndices:
    @pytest.mark.parametrize(
        ("protocol", "start", "stop"), [(RELEASED, 48_000, 60_000), (WRITTEN, 0, 48_000)], ids=["released", "written"]
    )
    def test_are_the_protocols_part_of_the_split(self, protocol: Protocol, start: int, stop: int) -> None:
        order = plan.train_order()
        np.testing.assert_array_equal(training_indices(PAPER, protocol), order[start:stop])
        np.testing.assert_array_equal(training_indices(SMOKE, protocol), order[start : start + 256])

    def test_of_the_fit_are_as_many_as_the_largest_test_set(self) -> None:
        assert len(job(NORMAL, profile=PAPER).fit_indices) == 10_000
        np.testing.assert_array_equal(job(NORMAL).fit_indices, plan.train_order()[48_000:48_100])
        few = replace(SMALL, train_images=30)
        assert len(job(NORMAL, profile=few).fit_indices) == 30


def test_votes_are_counted_where_the_papers_tables_have_the_smoothed_classifier() -> None:
    one = job(UPSCALED_AI)
    clean, attacked = one.vote_conditions
    assert {clean, attacked} <= set(one.paper_conditions)
    assert clean == Condition(None, Smoothing(0.15 / 255, 10))
    assert attacked.smoothing == clean.smoothing and attacked.attack is not None
    assert attacked.attack.epsilon == 10 / 255


class TestMissing:
    def evaluated(self, places: Places) -> Job:
        one = write(places, job(NORMAL))
        one.examples(places).parent.mkdir()
        one.examples(places).touch()
        return one

    def test_votes(self, places: Places) -> None:
        one = job(NORMAL)
        assert one.missing_votes(places) == 2 * 50
        images, counts = plan.test_order()[:50], {"votes": 10, "runner_up_votes": 0}
        clean, attacked = one.vote_conditions
        one.votes(places).append(rows(one, clean, images[:20]).assign(**counts))
        assert one.missing_votes(places) == 80
        # Of images beyond the sweep's, and of other conditions, nothing is wanted.
        one.votes(places).append(rows(one, clean, plan.test_order()[50:90]).assign(**counts))
        one.votes(places).append(rows(one, Condition(None, Smoothing(0.5, 10)), images).assign(**counts))
        assert one.missing_votes(places) == 80
        one.votes(places).append(rows(one, clean, images).assign(**counts))
        one.votes(places).append(rows(one, attacked, images[:49]).assign(**counts))
        assert one.missing_votes(places) == 1
        assert len(one.votes(places).load().query("image == @images[0] and attack == 'none' and sigma < 0.1")) == 1

    def test_training_images(self, places: Places) -> None:
        one = job(NORMAL)
        assert one.missing_fit(places) == 100
        one.fit(places).append(rows(one, CLEAN, one.fit_indices[:60]))
        assert one.missing_fit(places) == 40
        one.fit(places).append(rows(one, CLEAN, plan.train_order()[:100]))
        one.fit(places).append(rows(one, one.paper_conditions[1], one.fit_indices))
        assert one.missing_fit(places) == 40
        one.fit(places).append(rows(one, CLEAN, one.fit_indices[60:]))
        assert one.missing_fit(places) == 0

    def test_both_belong_to_what_is_evaluated(self, places: Places) -> None:
        one = self.evaluated(places)
        assert one.missing(places) == 0 and not one.is_evaluated(places)
        write_votes(places, one)
        assert not one.is_evaluated(places)
        write_fit(places, one)
        assert one.is_evaluated(places) and one.is_done(places, [one.trial.key])

    @pytest.mark.parametrize("which", ["records", "votes", "fit"])
    def test_what_is_in_the_making_torn_or_short_is_not_evaluated(self, places: Places, which: str) -> None:
        one = self.evaluated(places)
        write_votes(places, one)
        write_fit(places, one)
        assert one.is_evaluated(places)
        records = getattr(one, which)(places)
        whole, finished = records.load(), records.path.read_bytes()
        records.append(whole.iloc[:3])
        assert not one.is_evaluated(places), "there is a file in the making"
        records.partial.write_bytes(records.partial.read_bytes()[:-7])
        assert not one.is_evaluated(places), "and it is torn"
        records.finish()
        assert one.is_evaluated(places) and records.path.read_bytes() == finished
        records.path.unlink()
        assert not one.is_evaluated(places), "there is no file"
        missing = {"records": one.missing, "votes": one.missing_votes, "fit": one.missing_fit}[which]
        before = missing(places)
        records.append(whole.iloc[1:])
        records.finish()
        assert missing(places) == 1 < before and not one.is_evaluated(places), "one row is missing"

    def test_made_names_every_file_that_tells_of_the_network(self, places: Places) -> None:
        one = self.evaluated(places)
        write_votes(places, one)
        write_fit(places, one)
        one.fit(places).append(rows(one, CLEAN, one.fit_indices[:1]))
        there = {path for path in places.profile(SMALL).rglob("*") if path.is_file() and path.name != "trials.csv"}
        made = one.made(places)
        assert len(there) == 5 and there == {path for path in made if path.exists()}
        assert len(set(made)) == len(made) == 7
        assert not set(made) & set(job(DOWNSCALED).made(places))


def test_votes_and_training_images_of_a_network(places: Places) -> None:
    """Counts add up to the draws or less, and predict as the records of the same images do: the noise is the same."""
    from src.experiments.evaluation import Evaluator, evaluate
    from src.studies.resolution.execute import _count_votes, _evaluate_on_training_images
    from src.studies.resolution.images import test_images, training_images
    from src.training.networks import build

    random = np.random.default_rng(3)
    made = [LabeledImages(random.integers(0, 256, (n, 28, 28, 1)).astype(np.uint8), np.arange(n) % 10, np.arange(n))
            for n in (60_000, 10_000)]  # fmt: skip
    mnist = Mnist(*made)
    one = job(NORMAL, RELEASED, profile=replace(SMALL, test_images=(30,), sweep_images=20, train_images=40))
    # Noise strong enough to move votes.
    one = replace(one, protocol=replace(one.protocol, sigma=0.4, epsilon=0.1))
    network = build(one.trial)
    network.set_weights([2 * weight for weight in network.get_weights()])
    evaluator = Evaluator(network, seed=5)
    data = test_images(mnist, 30, one.protocol, NORMAL, places.cache, None)
    # Logits that favour no class.
    kernel, _ = network.layers[-1].get_weights()
    network.layers[-1].set_weights([kernel, -evaluator.logits(data.as_float()).mean(axis=0)])

    evaluate(evaluator, one.trial.key, data, one.paper_conditions, one.records(places), lambda count: None)
    _count_votes(one, places, evaluator, data.take(slice(0, 20)))
    assert one.missing_votes(places) == 0 and not one.votes(places).partial.exists()
    votes, records = one.votes(places).load(), one.records(places).load()
    assert len(votes) == 2 * 20
    assert (votes["votes"] >= votes["runner_up_votes"]).all() and (votes["runner_up_votes"] >= 0).all()
    assert (votes["votes"] + votes["runner_up_votes"] <= 10).all() and (votes["votes"] >= 1).all()
    assert votes["votes"].nunique() > 2 and votes["prediction"].nunique() > 2, "the network tells images apart"
    for condition in one.vote_conditions:
        cast = select(votes, condition).set_index("image")
        answered = select(records, condition).set_index("image").loc[cast.index]
        np.testing.assert_array_equal(cast["prediction"], answered["prediction"])
        np.testing.assert_array_equal(cast["label"], answered["label"])
        images = evaluator.attacked(data.as_float(), data.labels, condition.attack)
        assert condition.smoothing is not None
        counts = evaluator.votes(images, data.indices, condition.smoothing).counts
        expected = {int(index): sorted(row)[:-3:-1] for index, row in zip(data.indices, counts, strict=True)}
        assert {image: [row["votes"], row["runner_up_votes"]] for image, row in cast.iterrows()} == {
            image: expected[int(image)] for image in cast.index
        }

    _evaluate_on_training_images(one, places, mnist, evaluator, None)
    assert one.missing_fit(places) == 0 and not one.fit(places).partial.exists()
    fit = one.fit(places).load()
    noisy = training_images(mnist, one.profile, one.protocol, NORMAL, one.trial.seed, places.cache, None)
    assert len(fit) == 30 and len(noisy) == 80
    order = np.argsort(noisy.indices[:30])
    np.testing.assert_array_equal(fit["image"], noisy.indices[:30][order])
    answers = evaluator.logits(noisy.as_float()[:30]).argmax(axis=1)
    np.testing.assert_array_equal(fit["prediction"], answers[order])
    np.testing.assert_array_equal(fit["label"], fit["image"] % 10)

    # What is complete is not evaluated again.
    before = [one.votes(places).path.stat().st_mtime_ns, one.fit(places).path.stat().st_mtime_ns]
    _count_votes(one, places, evaluator, data.take(slice(0, 20)))
    _evaluate_on_training_images(one, places, mnist, evaluator, None)
    assert before == [one.votes(places).path.stat().st_mtime_ns, one.fit(places).path.stat().st_mtime_ns]
