"""What is measured at a network's stages: identities that hold for any network, and cases worked out by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from src.architectures.cnn import CNNConfig, build_cnn
from src.architectures.convnet import ConvNetConfig, build_convnet
from src.base import InputError, LabeledImages
from src.lipschitz.blur_inequality import attained
from src.perturbations.blur import GaussianBlur
from src.studies.blur.measurement import BLOCK, constants, length, measured
from src.studies.blur.networks import exact_float32
from src.studies.blur.stages import Stage, stages

SIGMAS = (0.5, 2.0)
BLURS = tuple(map(GaussianBlur, SIGMAS))


def images(count: int, side: int, channels: int) -> LabeledImages:
    pixels = np.random.default_rng(0).integers(0, 256, (count, side, side, channels), np.uint8)
    return LabeledImages(pixels, np.zeros(count, np.int64), np.arange(100, 100 + count))


@pytest.fixture(scope="module")
def colour() -> keras.Sequential:
    keras.utils.set_random_seed(1)
    network = build_convnet(ConvNetConfig((4, 6)), (16, 16, 3), 10, seed=1)
    for layer in network.layers:
        if hasattr(layer, "bias"):
            layer.bias.assign(0.1 * np.random.default_rng(2).normal(size=layer.bias.shape))
    return network


class TestStages:
    def test_together_they_are_the_network(self, colour: keras.Sequential) -> None:
        gray = build_cnn(CNNConfig((3, 4), 8), (14, 14, 1), 10, seed=3)
        for network, data in ((colour, images(5, 16, 3)), (gray, images(5, 14, 1))):
            values = data.as_float()
            for stage in stages(network):
                values = stage.apply(values)
            assert np.allclose(values, network(data.as_float(), training=False), atol=1e-5)

    def test_kinds_and_places(self, colour: keras.Sequential) -> None:
        found = stages(colour)
        assert [stage.kind for stage in found] == ["conv", "conv", "pool", "conv", "conv", "pool", "dense"]
        assert [stage.place for stage in found] == list(range(7))
        assert [stage.convolution is not None for stage in found] == [stage.kind == "conv" for stage in found]

    def test_names_are_kinds_and_running_numbers_whatever_was_built_before(self) -> None:
        chains, keras_names = [], []
        for built_before in (0, 3):
            for _ in range(built_before):
                build_convnet(ConvNetConfig((1,)), (8, 8, 3), 10)
            network = build_convnet(ConvNetConfig((2, 3)), (16, 16, 3), 10, seed=1)
            chains.append(stages(network))
            keras_names.append([layer.name for layer in network.layers])
        assert keras_names[0] != keras_names[1], "Keras counts on"
        expected = ["conv 1", "conv 2", "pool 1", "conv 3", "conv 4", "pool 2", "dense 1"]
        assert [[stage.name for stage in chain] for chain in chains] == [expected, expected]
        tables = [constants(chain, 16, BLURS) for chain in chains]
        assert tables[0]["name"].tolist() == [name for name in expected for _ in BLURS]
        assert tables[0].to_csv() == tables[1].to_csv()

    def test_no_stage_moves_two_inputs_further_apart_than_its_constant_allows(self, colour: keras.Sequential) -> None:
        generator = np.random.default_rng(4)
        for stage in stages(colour):
            shape = (200, *self.input_shape(colour, stage))
            one, other = (generator.normal(size=shape).astype(np.float32) for _ in range(2))
            ratio = length(stage.apply(one) - stage.apply(other)) / length(one - other)
            assert ratio.max() <= stage.lipschitz * (1 + 1e-5)
            assert ratio.max() > 0.1 * stage.lipschitz

    def test_a_convolutions_constant_is_nearly_its_norm(self, colour: keras.Sequential) -> None:
        for stage in stages(colour):
            if stage.convolution is not None:
                # Against a blur that leaves nothing, the layer's linear part itself.
                norm = attained(stage.convolution.weights, np.zeros((1, 1)), stage.convolution.shape, 200)
                assert 0.9 * stage.lipschitz < norm <= stage.lipschitz * (1 + 1e-9)

    @staticmethod
    def input_shape(network: keras.Sequential, stage: Stage) -> tuple[int, ...]:
        values = np.zeros((1, *network.input_shape[1:]), np.float32)
        for before in stages(network)[: stage.place]:
            values = before.apply(values)
        return values.shape[1:]

    def test_a_dense_layers_constant_is_its_norm(self) -> None:
        network = keras.Sequential([keras.Input((5,)), keras.layers.Dense(9)])
        weights = np.random.default_rng(5).normal(size=(5, 9))
        network.layers[0].set_weights([weights, np.zeros(9)])
        assert stages(network)[0].lipschitz == pytest.approx(np.linalg.norm(weights, 2), rel=1e-5)

    def test_an_unknown_activation_is_named(self) -> None:
        network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="exponential")])
        with pytest.raises(InputError, match="its activation 'exponential' is not known to be 1-Lipschitz"):
            stages(network)

    def test_poolings_that_leave_gaps_do_not_overlap(self) -> None:
        network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.MaxPooling2D(2, strides=3)])
        assert [(stage.kind, stage.lipschitz) for stage in stages(network)] == [("pool", 1.0)]

    @pytest.mark.parametrize(
        "layer",
        [keras.layers.AveragePooling2D(2), keras.layers.MaxPooling2D(3, strides=2), keras.layers.UpSampling2D(2)],
        ids=lambda layer: type(layer).__name__,
    )
    def test_what_is_not_known_is_named(self, layer: keras.layers.Layer) -> None:
        with pytest.raises(InputError, match=rf"layer {layer.name} \({type(layer).__name__}\): only Conv2D"):
            stages(keras.Sequential([keras.Input((8, 8, 1)), layer]))


class TestMeasured:
    def test_a_row_for_each_stage_blur_and_image_whatever_the_blocks(self, colour: keras.Sequential) -> None:
        data = images(BLOCK + 3, 16, 3)
        found = measured(stages(colour), data, BLURS)
        assert len(found) == 7 * 2 * (BLOCK + 3)
        assert not found.duplicated(["stage", "size", "image"]).any()
        alone = measured(stages(colour), data.take(slice(BLOCK, BLOCK + 1)), BLURS)
        same = found[found["image"] == 100 + BLOCK].reset_index(drop=True)
        columns = ["norm", "error", "own_error", "commuting_error", "image_error"]
        assert np.allclose(same[columns], alone[columns], rtol=1e-4, equal_nan=True)

    def test_the_first_stages_own_input_is_the_image(self, colour: keras.Sequential) -> None:
        data = images(4, 16, 3)
        found = measured(stages(colour), data, BLURS).query("stage == 0 and size == 2.0")
        layer, sharp = stages(colour)[0], data.as_float()
        # Zeros lie around a layer's own input, its mirror image around an image that a network is asked about.
        for column, boundary in (("own_error", "constant"), ("error", "reflect")):
            soft = BLURS[1].apply(sharp, boundary)
            assert np.allclose(found[column], length(layer.apply(sharp) - layer.apply(soft)), rtol=1e-4)
        assert np.allclose(found["input_norm"], found["image_norm"])

    def test_ends_are_those_of_the_network(self, colour: keras.Sequential) -> None:
        data = images(4, 16, 3)
        soft = BLURS[1].apply(data.as_float(), "reflect")
        logits, blurred = (np.asarray(colour(x, training=False)) for x in (data.as_float(), soft))
        last = measured(stages(colour), data, BLURS).query("stage == 6 and size == 2.0")
        assert np.allclose(last["error"], np.linalg.norm(logits - blurred, axis=1), rtol=1e-4)
        assert np.allclose(last["norm"], np.linalg.norm(logits, axis=1), rtol=1e-4)
        assert last[["own_error", "commuting_error", "relu_excess"]].isna().all(axis=None)

    def test_the_inequalities_hold(self, colour: keras.Sequential) -> None:
        chain, data = stages(colour), images(10, 16, 3)
        found = measured(chain, data, BLURS).merge(constants(chain, 16, BLURS), on=["stage", "blur", "size", "angle"])
        convolutions = found[found["bound"].notna()]
        ratio = convolutions["own_error"] / convolutions["input_norm"]
        assert (ratio <= convolutions["bound"] * 1.0001).all()
        for tighter, looser in (("bound", "absolute"), ("absolute", "parameters")):
            assert (convolutions[tighter] <= convolutions[looser] * 1.0001).all()
        # T3, where the kernels leave an inside.
        assert convolutions["relu_excess"].max() < 1e-5 and convolutions["relu_excess"].notna().any()
        reach = found.groupby(["size", "image"]).apply(
            lambda rows: rows.sort_values("stage")["lipschitz"].cumprod().iloc[-1], include_groups=False
        )
        last = found[found["stage"] == 6].set_index(["size", "image"])
        assert (last["error"] <= reach * last["image_error"]).all()

    def test_a_network_that_commutes(self) -> None:
        """One convolution that scales its input, without a bias: the blur of the output is the output of the blur."""
        network = keras.Sequential([keras.Input((12, 12, 1)), keras.layers.Conv2D(1, 1, use_bias=False)])
        network.layers[0].set_weights([np.full((1, 1, 1, 1), 3.0)])
        found = measured(stages(network), images(3, 12, 1), BLURS)
        assert np.allclose(found["error"], found["commuting_error"])
        assert np.allclose(found["error"], 3 * found["image_error"])

    def test_a_blur_shrinks_with_the_pooling_until_it_is_none(self, colour: keras.Sequential) -> None:
        blurs = (GaussianBlur(2.0), GaussianBlur(0.4))
        table = constants(stages(colour), 16, blurs).query("kind == 'conv'").set_index(["size", "stage"])["own_size"]
        assert table[2.0].to_dict() == {0: 2.0, 1: 2.0, 3: 1.0, 4: 1.0}
        assert table[0.4].dropna().to_dict() == {0: 0.4, 1: 0.4}
        found = measured(stages(colour), images(2, 16, 3), blurs).query("size == 0.4").set_index("stage")
        assert found.loc[[0, 1], "own_error"].notna().all() and found.loc[[3, 4], "own_error"].isna().all()
        assert found["error"].notna().all()

    def test_a_layer_that_gives_nothing_is_no_error(self) -> None:
        network = keras.Sequential([keras.Input((12, 12, 1)), keras.layers.Conv2D(1, 3, padding="same")])
        network.layers[0].set_weights([np.zeros((3, 3, 1, 1)), np.zeros(1)])
        found = measured(stages(network), images(2, 12, 1), BLURS)
        assert (found[["norm", "error", "own_error"]] == 0).all(axis=None)
        assert found.loc[found["size"] == 0.5, "relu_excess"].eq(0).all()

    def test_what_a_stride_breaks_is_left_out(self) -> None:
        network = keras.Sequential([keras.Input((12, 12, 1)), keras.layers.Conv2D(2, 3, strides=2, activation="relu")])
        found = measured(stages(network), images(2, 12, 1), BLURS)
        assert found["relu_excess"].isna().all() and found["own_error"].notna().all()

    def test_what_is_attained_is_below_the_bound_and_above_what_is_measured(self, colour: keras.Sequential) -> None:
        table = constants(stages(colour), 16, BLURS).dropna(subset="bound")
        assert (table["attained"] <= table["bound"] * 1.0001).all() and (table["attained"] > 0.3 * table["bound"]).all()
        assert (table["symbol"] < 1.001).all()


def test_float32_is_exact_for_as_long_as_it_is_asked() -> None:
    enabled = tf.config.experimental.tensor_float_32_execution_enabled
    before = enabled()
    with pytest.raises(ZeroDivisionError), exact_float32():
        assert not enabled()
        raise ZeroDivisionError
    assert enabled() == before
