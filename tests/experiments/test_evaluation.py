"""Evaluation: one row per image and condition, nothing computed twice, and the same bytes however it came about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from src.architectures.cnn import CNNConfig, build_cnn
from src.attacks.fgsm import FGSM
from src.base import InputError, LabeledImages
from src.experiments.conditions import COLUMNS, KEY, Attack, Condition, Smoothing, select
from src.experiments.evaluation import BLOCK, Evaluator, evaluate
from src.smoothing.classifier import SmoothedClassifier
from src.storage.records import Records

SHAPE, CLASSES, SEED, COUNT = (6, 6, 1), 4, 11, 230

CLEAN, SMOOTHED = Condition(), Condition(smoothing=Smoothing(0.3, 10))
ATTACKED = Condition(attack=Attack(20 / 255, "log-odds"))
ATTACKED_SMOOTHED = Condition(Attack(20 / 255, "log-odds"), Smoothing(0.15 / 255, 13))
SOFTMAX = Condition(attack=Attack(20 / 255, "softmax"))
CONDITIONS = (CLEAN, SMOOTHED, ATTACKED, ATTACKED_SMOOTHED, SOFTMAX)


def small_cnn() -> keras.Model:
    """With weights large enough that noise and attacks change predictions, and logits that favour no class."""
    network = build_cnn(CNNConfig((3, 5), 8), SHAPE, CLASSES, seed=2)
    network.set_weights([2 * weight for weight in network.get_weights()])
    kernel, _ = network.layers[-1].get_weights()
    images = np.random.default_rng(1).random((500, *SHAPE), np.float32)
    network.layers[-1].set_weights([kernel, -network(images).numpy().mean(axis=0)])
    return network


class Spied(Evaluator):
    """Notes which images are attacked and which classified."""

    def __init__(self, network: keras.Model, seed: int) -> None:
        super().__init__(network, seed)
        self.attacks: list[tuple[Attack | None, int]] = []
        self.classified: list[tuple[Condition, tuple[int, ...]]] = []

    def attacked(self, images: np.ndarray, labels: np.ndarray, attack: Attack | None) -> np.ndarray:
        self.attacks.append((attack, len(images)))
        return super().attacked(images, labels, attack)

    def classify(
        self, images: np.ndarray, labels: np.ndarray, indices: np.ndarray, smoothing: Smoothing | None
    ) -> tuple[np.ndarray, np.ndarray]:
        self.classified.append((Condition(self.attacks[-1][0], smoothing), tuple(indices.tolist())))
        return super().classify(images, labels, indices, smoothing)

    def pairs(self) -> list[tuple[Condition, int]]:
        return [(condition, image) for condition, images in self.classified for image in images]

    def forget(self) -> None:
        self.attacks.clear()
        self.classified.clear()


@pytest.fixture(autouse=True, scope="module")
def _deterministic_kernels() -> None:
    """As in every run of the command line; some of these kernels round by an element's place in the batch."""
    tf.config.experimental.enable_op_determinism()


@pytest.fixture(scope="module")
def compiled() -> Spied:
    return Spied(small_cnn(), SEED)


@pytest.fixture
def evaluator(compiled: Spied) -> Spied:
    compiled.forget()
    return compiled


@pytest.fixture(scope="module")
def data() -> LabeledImages:
    """Their indices are neither their positions nor in order."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (COUNT, *SHAPE)).astype(np.uint8)
    return LabeledImages(images, random.integers(0, CLASSES, COUNT), random.permutation(10_000)[:COUNT])


def records_in(folder: Path, name: str = "trial") -> Records:
    return Records(folder / f"{name}.csv.gz", COLUMNS, KEY)


class Progress(list[int]):
    """Collects what is advanced, and raises like a Ctrl-C after so many blocks."""

    def __init__(self, stop_after: int | None = None) -> None:
        super().__init__()
        self.stop_after = stop_after

    def __call__(self, count: int) -> None:
        self.append(count)
        if len(self) == self.stop_after:
            raise KeyboardInterrupt


def run(
    evaluator: Evaluator,
    data: LabeledImages,
    records: Records,
    conditions: Sequence[Condition] = CONDITIONS,
    stop_after: int | None = None,
) -> Progress:
    progress = Progress(stop_after)
    try:
        evaluate(evaluator, "trial-1", data, conditions, records, progress)
    except KeyboardInterrupt:
        assert stop_after is not None
    return progress


@pytest.fixture(scope="module")
def finished(compiled: Spied, data: LabeledImages, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of an evaluation that ran through."""
    records = records_in(tmp_path_factory.mktemp("whole"))
    run(compiled, data, records)
    records.finish()
    return records.path.read_bytes()


@pytest.fixture
def rows(finished: bytes, tmp_path: Path) -> pd.DataFrame:
    records = records_in(tmp_path, "read")
    records.path.write_bytes(finished)
    return records.load()


class TestRows:
    def test_are_one_for_each_image_and_condition(self, rows: pd.DataFrame, data: LabeledImages) -> None:
        assert len(rows) == COUNT * len(CONDITIONS)
        assert list(rows.columns) == list(COLUMNS)
        assert set(rows["trial"]) == {"trial-1"}
        labels = dict(zip(data.indices.tolist(), data.labels.tolist(), strict=True))
        for condition in CONDITIONS:
            chosen = select(rows, condition)
            assert sorted(chosen["image"]) == sorted(data.indices)
            assert chosen["label"].tolist() == [labels[image] for image in chosen["image"]]

    @pytest.mark.parametrize("condition", CONDITIONS, ids=lambda c: "-".join(map(str, c.columns().values())))
    def test_hold_what_its_parts_give(self, rows: pd.DataFrame, data: LabeledImages, condition: Condition) -> None:
        """Attack, network and votes, put together anew."""
        network, images, labels = small_cnn(), data.as_float(), data.labels
        if condition.attack:
            attack = FGSM(network, "softmax") if condition.attack.output == "softmax" else FGSM(network)
            images = attack(images, labels, condition.attack.epsilon)
        if condition.smoothing:
            votes = SmoothedClassifier(network, condition.smoothing.sigma, SEED).vote(
                images, condition.smoothing.n, data.indices
            )
            predictions = votes.prediction
            losses = -np.log(np.clip(votes.probabilities[np.arange(COUNT), labels].astype(float), 1e-7, 1 - 1e-7))
        else:
            logits = network(images, training=False).numpy().astype(float)
            predictions = logits.argmax(axis=1)
            losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(COUNT), labels]
        expected = pd.DataFrame({"image": data.indices, "prediction": predictions, "loss": losses}).sort_values("image")
        chosen = select(rows, condition).sort_values("image")
        assert expected["prediction"].nunique() > 1
        assert chosen["prediction"].tolist() == expected["prediction"].tolist()
        np.testing.assert_allclose(chosen["loss"], expected["loss"], rtol=1e-5, atol=1e-5)

    def test_differ_between_conditions(self, rows: pd.DataFrame) -> None:
        losses = {condition: tuple(select(rows, condition)["loss"]) for condition in CONDITIONS}
        assert len(set(losses.values())) == len(CONDITIONS)

    def test_progress_counts_pairs_of_image_and_condition(
        self, evaluator: Spied, data: LabeledImages, tmp_path: Path
    ) -> None:
        progress = run(evaluator, data.take(slice(0, 130)), records_in(tmp_path), (CLEAN, SMOOTHED, ATTACKED))
        assert progress == [200, 60, 100, 30]

    def test_conditions_of_one_attack_share_its_images(
        self, evaluator: Spied, data: LabeledImages, tmp_path: Path
    ) -> None:
        run(evaluator, data, records_in(tmp_path), (ATTACKED, ATTACKED_SMOOTHED))
        assert evaluator.attacks == [(ATTACKED.attack, 100), (ATTACKED.attack, 100), (ATTACKED.attack, 30)]

    def test_of_no_images_there_are_none(self, evaluator: Spied, data: LabeledImages, tmp_path: Path) -> None:
        records = records_in(tmp_path)
        assert run(evaluator, data.take(slice(0, 0)), records) == []
        assert len(records.load()) == 0


class TestResume:
    def test_what_is_complete_is_not_evaluated_again(
        self, evaluator: Spied, data: LabeledImages, finished: bytes, tmp_path: Path
    ) -> None:
        records = records_in(tmp_path)
        records.path.write_bytes(finished)
        assert run(evaluator, data, records) == []
        assert evaluator.attacks == evaluator.classified == []
        records.finish()
        assert records.path.read_bytes() == finished

    @pytest.mark.parametrize("stop_after", [1, 2, 3, 4, 7])
    def test_after_an_interruption_only_what_is_missing_is_and_the_file_is_the_same(
        self, evaluator: Spied, data: LabeledImages, finished: bytes, tmp_path: Path, stop_after: int
    ) -> None:
        records = records_in(tmp_path)
        done = sum(run(evaluator, data, records, stop_after=stop_after))
        assert not records.path.exists()
        assert 0 < len(records.load()) == done < COUNT * len(CONDITIONS)
        before = evaluator.pairs()
        evaluator.forget()

        run(evaluator, data, records)
        everything = [(condition, image) for condition in CONDITIONS for image in data.indices.tolist()]
        assert len(before + evaluator.pairs()) == len(everything)
        assert set(before + evaluator.pairs()) == set(everything)
        records.finish()
        assert records.path.read_bytes() == finished

    def test_an_image_missing_in_one_condition_is_evaluated_in_that_one_alone(
        self, evaluator: Spied, data: LabeledImages, rows: pd.DataFrame, finished: bytes, tmp_path: Path
    ) -> None:
        records = records_in(tmp_path)
        lost = {CLEAN: data.indices[[3, 140]], SMOOTHED: data.indices[[140, 7]], ATTACKED_SMOOTHED: data.indices[[229]]}
        gone = np.zeros(len(rows), bool)
        for condition, images in lost.items():
            chosen = select(rows, condition)
            gone[chosen.index[chosen["image"].isin(images)]] = True
        assert gone.sum() == 5
        records.append(rows[~gone])

        assert run(evaluator, data, records) == [4, 1]
        assert sorted(evaluator.pairs(), key=str) == sorted(
            ((condition, image) for condition, images in lost.items() for image in images.tolist()), key=str
        )
        assert evaluator.attacks == [(None, 3), (ATTACKED_SMOOTHED.attack, 1)]
        records.finish()
        assert records.path.read_bytes() == finished

    def test_more_images_later_leave_the_first_as_they_are(
        self, evaluator: Spied, data: LabeledImages, finished: bytes, tmp_path: Path
    ) -> None:
        records = records_in(tmp_path)
        run(evaluator, data.take(slice(0, 33)), records)
        records.finish()
        assert sum(run(evaluator, data, records)) == (COUNT - 33) * len(CONDITIONS)
        records.finish()
        assert records.path.read_bytes() == finished

    @pytest.mark.parametrize("order_seed", [1, 2])
    def test_the_order_of_images_and_conditions_does_not_show(
        self, evaluator: Spied, data: LabeledImages, finished: bytes, tmp_path: Path, order_seed: int
    ) -> None:
        random = np.random.default_rng(order_seed)
        conditions = [CONDITIONS[k] for k in random.permutation(len(CONDITIONS))]
        records = records_in(tmp_path)
        run(evaluator, data.take(random.permutation(COUNT)), records, conditions)
        records.finish()
        assert records.path.read_bytes() == finished

    def test_an_evaluator_compiled_anew_writes_the_same(
        self, data: LabeledImages, finished: bytes, tmp_path: Path
    ) -> None:
        records = records_in(tmp_path)
        run(Evaluator(small_cnn(), SEED), data, records)
        records.finish()
        assert records.path.read_bytes() == finished

    def test_another_seed_changes_the_smoothed_rows_alone(
        self, data: LabeledImages, rows: pd.DataFrame, tmp_path: Path
    ) -> None:
        records = records_in(tmp_path)
        run(Evaluator(small_cnn(), SEED + 1), data, records, (CLEAN, SMOOTHED))
        other = records.load()
        pd.testing.assert_series_equal(
            select(other, CLEAN)["loss"].reset_index(drop=True), select(rows, CLEAN)["loss"].reset_index(drop=True)
        )
        assert (select(other, SMOOTHED)["loss"].to_numpy() != select(rows, SMOOTHED)["loss"].to_numpy()).mean() > 0.9


class TestLogits:
    @pytest.mark.parametrize("count", [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK])
    def test_do_not_depend_on_the_batch(self, evaluator: Spied, data: LabeledImages, count: int) -> None:
        images = data.as_float()
        every = evaluator.logits(images)
        assert every.dtype == np.float32
        np.testing.assert_array_equal(evaluator.logits(images[-count:]), every[-count:])
        order = np.random.default_rng(count).permutation(COUNT)[:count]
        np.testing.assert_array_equal(evaluator.logits(images[order]), every[order])

    def test_are_the_network_s_outside_training(self, evaluator: Spied, data: LabeledImages) -> None:
        expected = small_cnn()(data.as_float(), training=False)
        np.testing.assert_allclose(evaluator.logits(data.as_float()), expected, rtol=1e-5, atol=1e-5)


class TestLoss:
    def network(self, scale: float) -> keras.Model:
        """logits (scale * mean pixel, 0)."""
        network = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(2)])
        network.layers[-1].set_weights([np.stack([np.full(36, scale / 36), np.zeros(36)], axis=1), np.zeros(2)])
        return network

    @pytest.mark.parametrize("scale", [0.5, 1e4], ids=["moderate", "saturated"])
    def test_of_the_smoothed_classifier_is_of_the_clipped_mean_probability(self, scale: float) -> None:
        network = self.network(scale)
        images = np.full((4, *SHAPE), 0.5, np.float32)
        labels, indices = np.array([0, 1, 0, 1]), np.arange(4)
        predictions, losses = Evaluator(network, 1).classify(images, labels, indices, Smoothing(0.1, 20))
        assert predictions.tolist() == [0] * 4
        if scale > 1:
            np.testing.assert_allclose(losses, -np.log([1 - 1e-7, 1e-7] * 2), rtol=1e-6)
        else:
            chances = SmoothedClassifier(network, 0.1, 1).vote(images, 20).probabilities
            np.testing.assert_allclose(losses, -np.log(chances[np.arange(4), labels]), rtol=1e-6)
            assert len(set(losses)) == 4

    @pytest.mark.parametrize("scale", [0.5, 1e4], ids=["moderate", "saturated"])
    def test_of_the_network_is_the_cross_entropy_unclipped(self, scale: float) -> None:
        images = np.full((2, *SHAPE), 0.5, np.float32)
        _, losses = Evaluator(self.network(scale), 1).classify(images, np.array([0, 1]), np.arange(2), None)
        margin = scale / 2
        np.testing.assert_allclose(losses, [np.log1p(np.exp(-margin)), np.logaddexp(0, margin)], rtol=1e-5)

    def test_is_the_log_of_the_mean_not_the_mean_of_the_log(self) -> None:
        network = self.network(200.0)
        images, n = np.zeros((1, *SHAPE), np.float32), 50
        _, losses = Evaluator(network, 1).classify(images, np.array([0]), np.zeros(1, int), Smoothing(0.5, n))
        # The margin is normal of deviation 200 * 0.5 / 6, so a single draw's loss averages about 6.6.
        assert losses[0] == pytest.approx(np.log(2), abs=0.5)


def test_a_network_that_ends_in_a_softmax_is_refused() -> None:
    network = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    with pytest.raises(InputError, match="softmax"):
        Evaluator(network, 0)


def test_the_forward_pass_is_traced_once(evaluator: Spied, data: LabeledImages) -> None:
    for count in (1, 50, COUNT):
        evaluator.logits(data.as_float()[:count])
    assert isinstance(evaluator._forward, tf.types.experimental.PolymorphicFunction)
    assert evaluator._forward.experimental_get_tracing_count() == 1
