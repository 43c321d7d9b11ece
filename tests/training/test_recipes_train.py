"""Every recipe trains a small separable problem, at both precisions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from src.architectures.cnn import CNNConfig, build_cnn
from src.base import LabeledImages, Precision
from src.studies.resolution.corrected.config import recipes
from src.training.losses import loss_of
from src.training.noise import apart, copies, noise_like
from src.training.recipes import Recipe
from src.training.trainer import TrainingConfig, train
from src.training.trial import TrialFolder

SIGMA, DRAWS = 0.25, 20


def halves(count: int) -> LabeledImages:
    """The class is which half of the rows is bright."""
    labels = np.arange(count) % 2
    images = np.random.default_rng(0).integers(0, 60, (count, 6, 6, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[3 * label : 3 * label + 3] += 180
    return LabeledImages(images, labels.astype(np.int64), np.arange(count))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("recipe", recipes(SIGMA), ids=lambda recipe: type(recipe).__name__)
def test_training_lowers_the_error_of_the_smoothed_classifier(
    tmp_path: Path, recipe: Recipe, precision: Precision
) -> None:
    data = halves(96)
    model = build_cnn(CNNConfig((4, 4), 16, dropout=0.1), (6, 6, 1), 2, precision=precision)
    images, key = tf.constant(data.as_float()), tf.constant([1, 2], tf.int64)

    def smoothed_error() -> float:
        noisy = copies(images, DRAWS) + noise_like(images, DRAWS, SIGMA, key)
        mean = tf.reduce_mean(apart(tf.nn.softmax(model(noisy, training=False)), DRAWS), axis=0)
        return float(-np.log(mean.numpy()[np.arange(len(data)), data.labels]).mean())

    before, folder = smoothed_error(), TrialFolder(tmp_path)
    train(model, data, loss_of(recipe), TrainingConfig(20, 16, annealed=True), 0, folder, "Training")
    assert smoothed_error() < 0.6 * before
    history = pd.read_csv(folder.history)
    assert np.isfinite(history["loss"]).all()
    assert history["accuracy"].iloc[-1] > 0.9
    assert all(np.isfinite(array).all() and array.dtype == np.float32 for array in model.get_weights())
