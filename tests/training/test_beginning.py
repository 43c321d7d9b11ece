"""A training goes on only from a folder that was begun with the same data, objective and seed."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from src.base import InputError, LabeledImages, TrainingError
from src.training import trainer
from src.training.losses import loss_of
from src.training.recipes import Consistency, Gaussian
from src.training.trainer import Loss, TrainingConfig, cross_entropy, train
from src.training.trial import TrialFolder

CONFIG = TrainingConfig(2, 8)


def data(changed: str = "") -> LabeledImages:
    images = np.random.default_rng(0).integers(0, 256, (16, 4, 4, 1), np.uint8)
    labels = np.arange(16) % 3
    if changed == "a pixel":
        images[15, 3, 3, 0] ^= 1
    if changed == "a label":
        labels[15] = 1
    return LabeledImages(images, labels, np.arange(16))


def network(*hidden: keras.Layer) -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), *hidden, keras.layers.Dense(3)])


def interrupted_once(monkeypatch: pytest.MonkeyPatch, folder: Path, loss: Loss, after: int) -> None:
    """A training that ends with its first epoch's checkpoint (after=1), or before it (after=0)."""
    genuine = trainer._train_epoch

    def stop(*arguments: object) -> dict[str, float]:
        if arguments[5] > after:
            raise KeyboardInterrupt
        return genuine(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(trainer, "_train_epoch", stop)
    with pytest.raises(KeyboardInterrupt):
        train(network(), data(), loss, CONFIG, 3, TrialFolder(folder), "Training")
    monkeypatch.undo()


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize(
    ("changes", "saying"),
    [
        ({"data": data("a pixel")}, "other images or labels"),
        ({"data": data("a label")}, "other images or labels"),
        ({"data": data().take(slice(0, 15))}, "other images or labels"),
        ({"loss": cross_entropy}, "another objective"),
        ({"loss": loss_of(Gaussian(0.5))}, r"another objective \(.*sigma=0\.25.*there, .*sigma=0\.5"),
        ({"seed": 4}, r"another seed \(3 there, 4 now\)"),
    ],
)
def test_another_beginning_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changes: dict[str, object], saying: str, after: int
) -> None:
    interrupted_once(monkeypatch, tmp_path, loss_of(Gaussian(0.25)), after)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    given = {"data": data(), "loss": loss_of(Gaussian(0.25)), "seed": 3, **changes}
    arguments = (given["data"], given["loss"], CONFIG, given["seed"])
    with pytest.raises(InputError, match=rf"begun with {saying}.*Name another folder"):
        train(network(), *arguments, TrialFolder(tmp_path), "Training")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def frozen() -> keras.Model:
    layer = keras.layers.Dense(16)
    layer.trainable = False
    return network(layer)


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("other", [network(keras.layers.Dense(5)), network(keras.layers.Dense(16)), frozen()])
def test_another_network_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, other: keras.Model, after: int
) -> None:
    interrupted_once(monkeypatch, tmp_path, cross_entropy, after)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    saying = r"begun with another network \(51 parameters in 2 arrays, .*Name another folder for this one, or move that"
    with pytest.raises(InputError, match=saying):
        train(other, data(), cross_entropy, CONFIG, 3, TrialFolder(tmp_path), "Training")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("loss", [cross_entropy, loss_of(Gaussian(0.25)), loss_of(Consistency(0.25))])
def test_the_same_goes_on_and_a_complete_folder_remembers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, loss: Loss
) -> None:
    interrupted_once(monkeypatch, tmp_path, loss, 1)
    folder = TrialFolder(tmp_path)
    assert folder.checkpoint.exists() and folder.beginning.exists()
    train(network(), data(), loss, CONFIG, 3, folder, "Training")
    assert folder.is_complete and not folder.beginning.exists()
    assert folder.facts()["begun_with"]["seed"] == 3
    with pytest.raises(InputError, match="another seed"):
        train(network(), data(), loss, CONFIG, 5, folder, "Training")


def test_a_folder_of_before_this_was_kept_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    interrupted_once(monkeypatch, tmp_path, cross_entropy, 1)
    folder = TrialFolder(tmp_path)
    folder.beginning.unlink()
    train(network(), data(), cross_entropy, CONFIG, 3, folder, "Training")
    facts = json.loads(folder.marker.read_text())
    del facts["begun_with"]
    folder.marker.write_text(json.dumps(facts))
    train(network(), data(), cross_entropy, CONFIG, 3, folder, "Training")


def test_a_damaged_file_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    interrupted_once(monkeypatch, tmp_path, cross_entropy, 1)
    TrialFolder(tmp_path).beginning.write_text("{")
    with pytest.raises(InputError, match=r"begun_with\.json is damaged"):
        train(network(), data(), cross_entropy, CONFIG, 3, TrialFolder(tmp_path), "Training")


class TestBadInput:
    """All of it before the first step, and nothing is written."""

    @pytest.mark.parametrize(
        ("labels", "saying"), [([0, 1, 3], "from 0 to 2, got 3 at position 2"), ([0, 1, 2**40], "got 1099511627776")]
    )
    def test_labels_beyond_the_classes(self, labels: list[int], saying: str, tmp_path: Path) -> None:
        images = LabeledImages(np.zeros((3, 4, 4, 1), np.uint8), np.array(labels), np.arange(3))
        with pytest.raises(InputError, match=saying):
            train(network(), images, cross_entropy, CONFIG, 0, TrialFolder(tmp_path), "Training")
        assert list(tmp_path.iterdir()) == []

    def test_images_of_another_shape(self, tmp_path: Path) -> None:
        images = LabeledImages(np.zeros((3, 5, 4, 1), np.uint8), np.arange(3), np.arange(3))
        with pytest.raises(InputError, match=r"the network takes \(4, 4, 1\), got \(5, 4, 1\)"):
            train(network(), images, cross_entropy, CONFIG, 0, TrialFolder(tmp_path), "Training")
        assert list(tmp_path.iterdir()) == []

    def test_a_network_without_anything_to_train(self, tmp_path: Path) -> None:
        frozen = network()
        frozen.trainable = False
        with pytest.raises(InputError, match="nothing to train"):
            train(frozen, data(), cross_entropy, CONFIG, 0, TrialFolder(tmp_path), "Training")

    def test_weights_that_break_name_their_layer(self, tmp_path: Path) -> None:
        def breaking(
            model: keras.Model, images: tf.Tensor, labels: tf.Tensor, key: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            logits = model(images)
            # Its gradient is infinite, its value is not.
            return tf.reduce_mean(tf.sqrt(tf.nn.relu(logits - tf.stop_gradient(logits)))), logits

        with pytest.raises(TrainingError, match=r"weights of layer 'dense.*' are not finite after epoch 1"):
            train(network(), data(), breaking, TrainingConfig(1, 16), 0, TrialFolder(tmp_path), "Training")
