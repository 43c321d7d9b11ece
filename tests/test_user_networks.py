"""Every way in takes the networks that are legitimate, and refuses the others before the work begins."""

from __future__ import annotations

import warnings
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
from src.smoothing.checks import FaintNoiseWarning
from src.smoothing.classifier import SmoothedClassifier
from src.smoothing.finite import showing_nan
from src.training.losses import loss_of
from src.training.recipes import MACER, Consistency, Gaussian, Recipe, SmoothAdv
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
            lambda: DeepFool(network, "l2", (0, 2))(images, np.asarray(network(images)).argmax(axis=1)),
            lambda: FGSM(network, bounds=(0, 2)).gradients(images, labels),
        ):
            with pytest.raises(InputError, match=r"(gradient for image 3|attack on image .) of the batch is not finit"):
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


class Standardised(layers.Layer):
    """NaN for an image of one colour."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        centred = inputs - tf.reduce_mean(inputs, axis=(1, 2, 3), keepdims=True)
        return centred / tf.sqrt(tf.reduce_mean(centred**2, axis=(1, 2, 3), keepdims=True))


class TestNaNBehindAFusedReLU:
    """In a graph the convolution's ReLU makes it 0, wherever among the images it is."""

    @staticmethod
    def network(first: keras.Layer) -> keras.Model:
        return keras.Sequential([keras.Input(SHAPE), first, layers.Conv2D(4, 3, activation="relu"), layers.Flatten(),
                                 layers.Dense(CLASSES)])  # fmt: skip

    @pytest.mark.parametrize("place", [0, 7, 8, 20])
    def test_of_any_image(self, place: int) -> None:
        images, labels = images_of(21), np.zeros(21, np.int64)
        images[place] = 0.5
        smoothed = SmoothedClassifier(self.network(Standardised(name="standardised")), 0.0)
        for use in (
            lambda: smoothed.vote(images, 10),
            lambda: smoothed.clean_prediction(images, np.arange(21)),
            lambda: FGSM(self.network(Standardised()))(images, labels, 0.1),
            lambda: PGD(self.network(Standardised()), "l2", 1)(images, labels, 0.0),
        ):
            with pytest.raises(InputError, match=rf"image {place}\b"):
                use()

    @pytest.mark.parametrize("n", [1_000, 10_000])
    def test_of_few_draws(self, n: int) -> None:
        """So few that the first images with a draw each show nothing."""

        class Root(layers.Layer):
            def call(self, inputs: tf.Tensor) -> tf.Tensor:
                return tf.sqrt(inputs + 1.5)

        images = np.full((10, *SHAPE), 0.5, np.float32)
        smoothed = SmoothedClassifier(self.network(Root()), 0.5)  # four sigma from 0, in each of 36 pixels
        with pytest.raises(InputError, match=r"the network's outputs for image . are not finite"):
            smoothed.vote(images, n)

    def test_of_an_operation_between_layers(self) -> None:
        begin = keras.Input(SHAPE)
        values = layers.Conv2D(4, 3, activation="relu")(keras.ops.log(begin))
        network = keras.Model(begin, layers.Dense(CLASSES)(layers.Flatten()(values)))
        with pytest.raises(InputError, match="NaN for image 0"):
            SmoothedClassifier(network, 0.5).vote(images_of(2), 10)

    def test_sound_networks_pay_nothing(self) -> None:
        network = keras.Sequential([keras.Input(SHAPE), layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(),
                                    layers.BatchNormalization(), layers.Flatten(), layers.Dense(CLASSES)])  # fmt: skip
        graph = tf.function(showing_nan(network)).get_concrete_function(tf.TensorSpec((2, *SHAPE))).graph
        assert "IsNan" not in {operation.type for operation in graph.get_operations()}

    def test_a_layer_s_own_call_stays_as_the_user_has_set_it(self) -> None:
        network, images = dense(), images_of(3)
        last = network.layers[-1]
        before = last.call
        last.call = lambda inputs, training=None: 100 - before(inputs)
        expected = network(images).numpy()
        FGSM(network)(images, np.zeros(3, int), 0.1)
        SmoothedClassifier(network, 0.1).vote(images, 10)
        np.testing.assert_array_equal(network(images).numpy(), expected)
        assert (expected > 50).all()


def test_deepfool_says_where_a_gradient_is_infinite_on_its_way() -> None:
    """It clips to 0, where a root has no derivative; Foolbox gives NaN then."""

    class Root(layers.Layer):
        def call(self, inputs: tf.Tensor) -> tf.Tensor:
            return tf.sqrt(inputs)

    network = keras.Sequential([keras.Input(SHAPE), Root(), layers.Flatten(), layers.Dense(CLASSES)])
    kernel = np.random.default_rng(0).normal(0, 0.1, (36, CLASSES))
    kernel[:, 0] = 0.3
    network.layers[-1].set_weights([kernel, np.array([2.0, 0, 0])])
    images = 0.02 + 0.9 * images_of(20)
    with pytest.raises(InputError, match=r"the attack on image .* is not finite"):
        DeepFool(network, "l2")(images, np.zeros(20, np.int64))


class TestSigmoids:
    """Wherever they are, and however they are written, they are no logits."""

    @pytest.mark.parametrize(
        "end",
        [
            lambda: [layers.Dense(CLASSES, activation=tf.nn.sigmoid)],
            lambda: [layers.Dense(CLASSES, activation=keras.ops.sigmoid)],
            lambda: [layers.Dense(CLASSES, activation="hard_sigmoid")],
            lambda: [layers.Dense(CLASSES, activation="sigmoid"), layers.Identity(), layers.Dropout(0.5)],
            lambda: [layers.Dense(CLASSES), layers.Activation("sigmoid"), layers.Activation("linear")],
        ],
    )
    def test_are_refused(self, end: Callable) -> None:
        network = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), *end()])
        with pytest.raises(InputError, match="emits probabilities"):
            FGSM(network)

    def test_inside_they_are_no_offence(self) -> None:
        class Gate(keras.Model):
            def __init__(self) -> None:
                super().__init__()
                self.flat, self.values, self.gate = layers.Flatten(), layers.Dense(3), layers.Dense(3, "sigmoid")

            def call(self, inputs: tf.Tensor) -> tf.Tensor:
                flat = self.flat(inputs)
                return 5 * self.values(flat) * self.gate(flat)

        begin = keras.Input(SHAPE)
        FGSM(keras.Model(begin, Gate()(begin)))

    @pytest.mark.parametrize("bias", [0.0, 0.3, 1.0])
    def test_a_network_that_is_nearly_constant_is_no_offence(self, bias: float) -> None:
        network = dense()
        network.layers[-1].set_weights([np.zeros((36, CLASSES)), np.full(CLASSES, bias)])
        images = images_of(2)
        np.testing.assert_array_equal(FGSM(network)(images, np.zeros(2, int), 0.1), images)


def test_a_class_of_weights_alone_works() -> None:
    class Weights(keras.Model):
        def build(self, shape: tuple[int, ...]) -> None:
            self.kernel = self.add_weight(shape=(36, CLASSES))

        def call(self, inputs: tf.Tensor) -> tf.Tensor:
            return tf.reshape(inputs, [-1, 36]) @ self.kernel

    begin = keras.Input(SHAPE)
    network = keras.Model(begin, Weights()(begin))
    assert FGSM(network)(images_of(2), np.zeros(2, int), 0.1).shape == (2, *SHAPE)
    assert SmoothedClassifier(network, 0.1).vote(images_of(2), 10).counts.sum() == 20


@pytest.mark.parametrize("kind", ["batch statistics", "mean of the batch"])
def test_a_network_that_mixes_the_images_of_a_batch_is_refused(kind: str) -> None:
    class Mixing(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.normalisation = layers.BatchNormalization()

        def call(self, inputs: tf.Tensor) -> tf.Tensor:
            if kind == "batch statistics":
                return self.normalisation(inputs, training=True)
            return inputs - tf.reduce_mean(inputs, axis=0)

    network = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(8), Mixing(), layers.Dense(CLASSES)])
    with pytest.raises(InputError, match="mixes the images of a batch"):
        SmoothedClassifier(network, 0.1)


def test_a_mask_of_infinities_is_no_offence_and_nan_in_it_is() -> None:
    class Masked(layers.Layer):
        def build(self, shape: tuple[int, ...]) -> None:
            self.mask = self.add_weight(shape=(36,), trainable=False, name="mask", initializer="zeros")

        def call(self, inputs: tf.Tensor) -> tf.Tensor:
            return tf.nn.softmax(inputs + self.mask)

    masked = Masked(name="masked")
    network = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), masked, layers.Dense(CLASSES)])
    masked.set_weights([np.where(np.arange(36) < 5, -np.inf, 0.0)])
    assert SmoothedClassifier(network, 0.1).vote(images_of(2), 10).counts.sum() == 20
    masked.set_weights([np.where(np.arange(36) < 5, np.nan, 0.0)])
    with pytest.raises(InputError, match="weights of layer 'masked'"):
        SmoothedClassifier(network, 0.1)


@pytest.mark.parametrize("scale", [1.0, 100.0, 1e4])
def test_restarts_count_however_confident_the_network_is(scale: float) -> None:
    """Where the cross-entropy of all of them rounds to 0, the best one is still told from the first."""
    kernel = np.random.default_rng(3).normal(0, 1, (36, 8))
    network = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(8, "tanh"), layers.Dense(CLASSES),
                                layers.Rescaling(scale)])  # fmt: skip
    head = np.random.default_rng(4).normal(0, 1, (8, CLASSES))
    network.set_weights([kernel, np.zeros(8), head, np.zeros(CLASSES)])
    images = images_of(40)
    labels = network(images).numpy().argmax(axis=1)
    for build in (
        lambda restarts: PGD(network, "l2", 2, restarts),
        lambda restarts: SmoothedPGD(network, 0.01, "l2", 2, 4, restarts),
    ):
        first, best = build(1)(images, labels, 0.3), build(6)(images, labels, 0.3)
        assert (first != best).any(axis=(1, 2, 3)).mean() > 0.1


class TestOddImages:
    @pytest.mark.parametrize(
        ("images", "saying"),
        [
            ([[1.0], [2.0, 3.0]], "expected an array of numbers"),
            (np.zeros((2, *SHAPE), complex), "expected real numbers, got complex128"),
            (np.full((2, *SHAPE), "a"), "expected real numbers"),
            (np.full((2, *SHAPE), 1e300), "image 0 has a value that is not finite"),
        ],
    )
    def test_are_told(self, images: object, saying: str) -> None:
        for use in (
            lambda: FGSM(dense(), bounds=(0, 1))(images, [0, 0], 0.1),  # type: ignore[arg-type]
            lambda: SmoothedClassifier(dense(), 0.1).vote(images, 10),  # type: ignore[arg-type]
        ):
            with pytest.raises(InputError, match=saying):
                use()

    def test_dark_whole_numbers_are_no_offence(self) -> None:
        images = np.random.default_rng(0).integers(0, 3, (2, *SHAPE), np.uint8)
        assert FGSM(dense(), bounds=(0, 255))(images, np.zeros(2, int), 8.0).max() > 7

    @pytest.mark.parametrize("bounds", [(0, np.inf), (-np.inf, np.inf), (np.nan, 1)])
    def test_bounds_that_are_not_finite(self, bounds: tuple[float, float]) -> None:
        with pytest.raises(InputError, match="bounds: "):
            FGSM(dense(), bounds=bounds)

    def test_diagnose_of_an_attack_that_it_does_not_know(self) -> None:
        with pytest.raises(InputError, match="expected FGSM or PGD, got DeepFool"):
            diagnose(DeepFool(dense(), "l2"), images_of(2), np.zeros(2, int), 0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["float16", "mixed_float16", "bfloat16", "float64"])
@pytest.mark.parametrize("recipe", [Consistency(0.25), MACER(0.25, k=4)])
def test_objectives_compute_in_float32_whatever_the_network_does(dtype: str, recipe: Recipe) -> None:
    network, images = dense(dtype=dtype), tf.constant(images_of(4))
    value, logits = loss_of(recipe)(network, images, tf.constant([0, 1, 2, 0], tf.int64), tf.constant([1, 2], tf.int64))
    assert value.dtype == logits.dtype == tf.float32 and np.isfinite(value)


class TestFaintNoise:
    """A sigma meant for [0, 1] beside pixels from 0 to 255 gives the largest radius for every image."""

    def test_is_told_once(self) -> None:
        smoothed = SmoothedClassifier(dense(), 0.25)
        with pytest.warns(FaintNoiseWarning, match=r"sigma 0\.25 is 0\.1.% of the images' range, 0.*scale these"):
            smoothed.certify(255 * images_of(3), 100, 0.01)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            smoothed.vote(255 * images_of(3), 10)

    @pytest.mark.parametrize(
        ("scale", "sigma"), [(1, 0.15 / 255), (1, 0.0), (255, 64.0), (6, 0.01), (255, 0.0)]
    )
    def test_no_other_noise_is(self, scale: float, sigma: float) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            votes = SmoothedClassifier(dense(), sigma).vote(scale * images_of(3), 10)
        assert (votes.counts.sum(axis=1) == 10).all()
