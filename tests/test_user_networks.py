"""Every way in takes the networks that are legitimate, and refuses the others before the work begins."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from src.attacks.deepfool import DeepFool
from src.attacks.diagnostics import diagnose
from src.attacks.fgsm import FGSM
from src.attacks.pgd import PGD
from src.attacks.smoothed_pgd import SmoothedPGD
from src.base import Bounds, InputError, LabeledImages
from src.smoothing.classifier import SmoothedClassifier
from src.training.losses import loss_of
from src.training.recipes import Gaussian, SmoothAdv
from src.training.trainer import TrainingConfig, cross_entropy, train
from src.training.trial import TrialFolder
from tests.user_networks import CLASSES, LEGITIMATE, REFUSED, SHAPE, dense, images_of

layers = keras.layers

ATTACKS: dict[str, Callable] = {
    "fgsm": FGSM,
    "pgd": partial(PGD, norm="l2", steps=3, restarts=2),
    "smoothed-pgd": partial(SmoothedPGD, sigma=0.1, norm="linf", steps=2, m=4, restarts=2),
}


@pytest.mark.parametrize("kind", LEGITIMATE)
class TestLegitimate:
    def test_votes_and_certificates(self, kind: str) -> None:
        network = LEGITIMATE[kind]()
        images = images_of(3, network.input_shape[1:])
        smoothed = SmoothedClassifier(network, 0.1)
        assert (smoothed.vote(images, 20).counts.sum(axis=1) == 20).all()
        assert smoothed.predict(images, 20, 0.1).shape == (3,)
        clean = np.asarray(tf.cast(network(images), tf.float32)).argmax(axis=1)
        for certify in (partial(smoothed.certify, n=50), partial(smoothed.certify_sequentially, radii=(0.0,), cap=100)):
            certificates = certify(images, alpha=0.1)
            answered = certificates.prediction >= 0
            assert answered.any() and (certificates.prediction[answered] == clean[answered]).all()

    def test_attacks_keep_shapes_and_budgets(self, kind: str) -> None:
        network = LEGITIMATE[kind]()
        images = images_of(5, network.input_shape[1:])
        labels = np.asarray(tf.cast(network(images), tf.float32)).argmax(axis=1)
        for name, build in ATTACKS.items():
            found = build(network)(images, labels, 0.2)
            assert found.shape == images.shape and found.dtype == np.float32, name
            moved = (found - images).reshape(5, -1)
            length = np.linalg.norm(moved, axis=1) if name == "pgd" else np.abs(moved).max(axis=1)
            assert (length > 0.1).all() and (length <= 0.2 + 1e-5).all(), name
        deepfool = DeepFool(network, "l2", Bounds(-9, 9))(images, labels)
        assert deepfool.images.shape == images.shape
        assert np.isfinite(deepfool.distances).any()

    def test_diagnose(self, kind: str) -> None:
        network = LEGITIMATE[kind]()
        images = images_of(20, network.input_shape[1:])
        labels = np.asarray(tf.cast(network(images), tf.float32)).argmax(axis=1)
        assert diagnose(FGSM(network, bounds=(-9, 9)), images, labels, 0.1) == []
        assert diagnose(PGD(network, "l2", 10, bounds=(-9, 9)), images, labels, 0.1) == []


@pytest.mark.parametrize("kind", REFUSED)
def test_what_can_t_be_is_refused_by_every_way_in(kind: str, tmp_path) -> None:
    build, saying = REFUSED[kind]
    ways_in = {**ATTACKS, "votes": partial(SmoothedClassifier, sigma=0.1), "deepfool": partial(DeepFool, norm="l2")}
    for name, way_in in ways_in.items():
        with pytest.raises(InputError, match=saying):
            way_in(build())
            pytest.fail(f"{name} took it")
    if kind != "random at inference":  # which is no offence in a training
        with pytest.raises(InputError, match=saying):
            train(build(), data(6), cross_entropy, TrainingConfig(1, 4), 0, TrialFolder(tmp_path), "Training")
        assert list(tmp_path.iterdir()) == []


def data(count: int, classes: int = CLASSES) -> LabeledImages:
    pixels = (images_of(count) * 255).astype(np.uint8)
    return LabeledImages(pixels, np.arange(count) % classes, np.arange(count))


class TestProbabilities:
    @pytest.mark.parametrize("last", ["softmax", "sigmoid"])
    def test_are_refused_where_logits_are_expected(self, last: str, tmp_path) -> None:
        network = keras.Sequential([dense(), layers.Activation(last)])
        for way_in in (*ATTACKS.values(), partial(SmoothedClassifier, sigma=0.1), partial(DeepFool, norm="l2")):
            with pytest.raises(InputError, match="emits probabilities"):
                way_in(network)
        for loss in (cross_entropy, loss_of(Gaussian(0.1)), loss_of(SmoothAdv(0.1))):
            with pytest.raises(InputError, match="emits probabilities"):
                train(network, data(6), loss, TrainingConfig(1, 4), 0, TrialFolder(tmp_path), "Training")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("last", ["softmax", "sigmoid"])
    def test_vote_where_they_are_stated_as_the_logits_do(self, last: str) -> None:
        logits, images = dense(), images_of(4)
        network = keras.Sequential([logits, layers.Activation(last)])
        votes = SmoothedClassifier(network, 0.3, outputs="probabilities").vote(images, 50)
        np.testing.assert_array_equal(votes.counts, SmoothedClassifier(logits, 0.3).vote(images, 50).counts)


class LogOfImages(layers.Layer):
    """Finite on images, NaN where noise makes a value negative."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.math.log(inputs + 1e-3)


class TestNotFinite:
    """A fused ReLU in a compiled graph makes NaN a 0, so that votes and gradients look sound."""

    @staticmethod
    def finite_on_clean_images_alone() -> keras.Model:
        return keras.Sequential([keras.Input(SHAPE), LogOfImages(name="log"), layers.Conv2D(4, 3, activation="relu"),
                                 layers.Flatten(), layers.Dense(CLASSES)])  # fmt: skip

    def test_a_network_that_is_finite_on_clean_images_alone(self) -> None:
        network, images = self.finite_on_clean_images_alone(), images_of(4)
        labels = np.zeros(4, np.int64)
        FGSM(network)(images, labels, 0.0)
        smoothed, indices = SmoothedClassifier(network, 0.5), np.array([7, 8, 9, 10])
        for vote in (
            lambda: smoothed.vote(images, 10, indices),
            lambda: smoothed.predict(images, 10, 0.1, indices),
            lambda: smoothed.certify(images, 10, 0.1, indices=indices),
            lambda: smoothed.certify_sequentially(images, (0.0,), 100, 0.1, indices=indices),
            lambda: SmoothedPGD(network, 0.5, "l2", 1, 4)(images, labels, 0.1, indices),
        ):
            with pytest.raises(InputError, match="layer 'log' of the network gives NaN for image 7"):
                vote()
        assert smoothed.with_sigma(0.0).vote(images, 10, indices).counts.sum() == 40

    def test_the_first_votes_do_not_settle_it_for_many(self) -> None:
        """Weights that break later, in a training between two calls."""
        network = keras.Sequential([keras.Input(SHAPE), layers.Conv2D(4, 3, activation="relu", name="first"),
                                    layers.Flatten(), layers.Dense(CLASSES)])  # fmt: skip
        smoothed, images = SmoothedClassifier(network, 0.5), images_of(2)
        smoothed.vote(images, 10)
        network.get_layer("first").set_weights([np.nan * w for w in network.get_layer("first").get_weights()])
        with pytest.raises(InputError, match="layer 'first' of the network gives NaN for image 0"):
            smoothed.vote(images, 10_000)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_images(self, value: float) -> None:
        images, labels = images_of(4), np.zeros(4, np.int64)
        images[2, 1, 1] = value
        network = dense()
        smoothed = SmoothedClassifier(network, 0.5)
        for use in (
            lambda: smoothed.vote(images, 10),
            lambda: smoothed.predict(images, 10, 0.1),
            lambda: smoothed.certify(images, 10, 0.1),
            lambda: smoothed.certify_sequentially(images, (0.0,), 100, 0.1),
            *(partial(build(network), images, labels, 0.1) for build in ATTACKS.values()),
            lambda: DeepFool(network, "linf")(images, labels),
            lambda: diagnose(FGSM(network), images, labels, 0.1),
        ):
            with pytest.raises(InputError, match="image 2 has a value that is not finite"):
                use()
        with pytest.raises(InputError, match="image 44 has a value"):
            smoothed.vote(images, 10, np.array([11, 22, 44, 55]))

    def test_gradients(self) -> None:
        """The root has no derivative at 0."""

        class Root(layers.Layer):
            def call(self, inputs: tf.Tensor) -> tf.Tensor:
                return tf.sqrt(inputs)

        network = keras.Sequential([keras.Input(SHAPE), Root(), layers.Flatten(), layers.Dense(CLASSES)])
        images, labels = images_of(4) + 1e-3, np.zeros(4, np.int64)
        images[3, 2, 2] = 0
        for use in (
            lambda: FGSM(network, bounds=(0, 2))(images, labels, 0.1),
            lambda: PGD(network, "l2", 2, bounds=(0, 2))(images, labels, 0.1),
            lambda: DeepFool(network, "l2", (0, 2))(images, labels),
            lambda: FGSM(network, bounds=(0, 2)).gradients(images, labels),
        ):
            with pytest.raises(InputError, match="gradient for image 3 of the batch is not finite"):
                use()


class TestBounds:
    def test_images_of_another_unit(self) -> None:
        network, labels = dense(), np.zeros(4, np.int64)
        for build in (*ATTACKS.values(), lambda network, bounds: diagnosed(network, bounds)):
            for images, bounds in ((images_of(4), Bounds(0, 255)), (images_of(4), (0, 255))):
                with pytest.raises(InputError, match=r"almost nothing of the bounds 0 to 255.*bounds=\(0, 1\)"):
                    build(network, bounds=bounds)(images, labels, 0.1)
            with pytest.raises(InputError, match=r"expected values from 0\.0 to 1\.0, got 0\.0 to 25"):
                build(network, bounds=None)(images_of(4) * 255, labels, 0.1)

    def test_an_image_of_one_colour_is_no_offence(self) -> None:
        images = np.stack([np.zeros(SHAPE), np.zeros(SHAPE)]).astype(np.float32)
        assert FGSM(dense(), bounds=(0, 255))(images, np.zeros(2, int), 8.0).max() == pytest.approx(8.0)

    def test_as_a_tuple_they_mean_the_same(self) -> None:
        images, labels = 3 * images_of(6) - 1, np.zeros(6, np.int64)
        network = dense()
        for build in ATTACKS.values():
            found, expected = (build(network, bounds=given)(images, labels, 0.3) for given in ((-1, 2), Bounds(-1, 2)))
            np.testing.assert_array_equal(found, expected)

    @pytest.mark.parametrize("bounds", [(1, 0), (0, 1, 2), 1.0, (0, None)])
    def test_what_is_none(self, bounds: object) -> None:
        with pytest.raises(InputError, match="bounds: "):
            FGSM(dense(), bounds=bounds)  # type: ignore[arg-type]


def diagnosed(network: keras.Model, bounds: Bounds | tuple[float, float] | None) -> Callable:
    return partial(diagnose, FGSM(network, bounds=bounds))


class TestLabels:
    @pytest.mark.parametrize(
        ("labels", "saying"),
        [
            ([-1, 0, 1, 2], "got -1 at position 0"),
            ([0, 1, 2, 3], "from 0 to 2, got 3 at position 3"),
            ([0.0, 1.0, 1.5, 2.0], "1.5 at position 2"),
            ([[0], [1], [2], [0]], r"use labels\[:, 0\]"),
            (np.eye(4, 3), r"labels\.argmax\(axis=1\)"),
            (["a", "b", "c", "a"], "expected integers"),
        ],
    )
    def test_bad_ones_are_refused(self, labels: object, saying: str) -> None:
        for build in ATTACKS.values():
            with pytest.raises(InputError, match=saying):
                build(dense())(images_of(4), np.asarray(labels), 0.1)
        if "from 0 to 2" not in saying:
            with pytest.raises(InputError, match=saying):
                LabeledImages((images_of(4) * 255).astype(np.uint8), np.asarray(labels), np.arange(4))

    def test_any_integer_type_works(self) -> None:
        network, images, labels = dense(), images_of(4), np.arange(4) % CLASSES
        expected = FGSM(network)(images, labels, 0.1)
        for kind in (np.uint8, np.int8, np.int32, np.uint64):
            np.testing.assert_array_equal(FGSM(network)(images, labels.astype(kind), 0.1), expected)
            found = LabeledImages((images * 255).astype(np.uint8), labels.astype(kind), np.arange(4))
            assert found.labels.dtype == np.int64
        np.testing.assert_array_equal(FGSM(network)(images, list(labels), 0.1), expected)

    def test_equal_indices_share_their_noise(self) -> None:
        images = np.repeat(images_of(1), 3, axis=0)
        votes = SmoothedClassifier(dense(), 1.0).vote(images, 100, np.array([4, 4, 5]))
        np.testing.assert_array_equal(votes.counts[0], votes.counts[1])
        assert (votes.counts[0] != votes.counts[2]).any()
