"""One training loop: a compiled step that takes a loss, and a checkpoint after every epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from src.architectures.keras_defaults import keras_defaults
from src.base import InputError, LabeledImages, TrainingError, checked_labels
from src.cli.progress import stage
from src.smoothing.checks import check_emits_logits, check_network, check_takes_images
from src.smoothing.finite import TRIED, check_finite_outputs
from src.storage.files import write_text
from src.training.beginning import begin
from src.training.checkpoints import load_checkpoint, save_checkpoint
from src.training.provenance import provenance
from src.training.trial import BEGUN_WITH, TrialFolder

Loss = Callable[[keras.Model, tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
"""(network, images, labels, key) -> (scalar loss, logits for the training accuracy).

Images are (batch, height, width, channels) float32 in [0, 1], labels (batch,) int64; `key` is (2,) int64, another in
every step, from which all random numbers of the loss are drawn.
"""

SHUFFLING, DROPOUT, NOISE = 2, 3, 5
"""Set seeds that derive from one number apart."""


Step = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
"""(uint8 images, labels, key) -> (loss, number of right answers); changes the network."""


@dataclass(frozen=True)
class TrainingConfig:
    """How long and in what portions; the optimizer is Adam from Keras's default learning rate, as in the paper.

    Attributes:
        epochs: passes through the training images.
        batch_size: images a step.
        annealed: whether the learning rate falls to zero along half a cosine (Loshchilov and Hutter 2017).
        warmup_epochs: through which an annealed rate first rises, linearly from zero.

    Raises:
        InputError: there is no epoch left to anneal in, or a warm-up without annealing.
    """

    epochs: int = 10
    batch_size: int = 32
    annealed: bool = False
    warmup_epochs: int = 0

    def __post_init__(self) -> None:
        if self.warmup_epochs and not (self.annealed and 0 < self.warmup_epochs < self.epochs):
            raise InputError(
                f"warmup_epochs: expected 0, or with annealed=True a number from 1 to {self.epochs - 1} (of "
                f"{self.epochs} epochs), got {self.warmup_epochs}."
            )

    @keras_defaults()
    def optimizer(self, images: int) -> keras.optimizers.Adam:
        """Adam for a training on so many images."""
        if not self.annealed:
            return keras.optimizers.Adam()
        warmup = self.warmup_epochs * self.steps(images)
        falling = self.epochs * self.steps(images) - warmup
        if warmup == 0:
            return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.001, falling))
        return keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(0.0, falling, warmup_target=0.001, warmup_steps=warmup)
        )

    def steps(self, images: int) -> int:
        """How many steps an epoch of so many images has."""
        return -(-images // self.batch_size)


def cross_entropy(
    network: keras.Model, images: tf.Tensor, labels: tf.Tensor, key: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Sparse categorical cross-entropy from logits, mean over the images; nothing is random."""
    logits = network(images, training=True)
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)), logits


@keras_defaults()
def train(
    network: keras.Model,
    data: LabeledImages,
    loss: Loss,
    config: TrainingConfig,
    seed: int,
    folder: TrialFolder,
    description: str,
) -> None:
    """Train `network` in place, resuming from the folder's checkpoint, and mark the trial complete.

    A checkpoint holds weights, optimizer state and history; shuffling, dropout and noise are seeded from
    (seed, epoch): so a training killed at any moment and resumed ends in the same weights as an unbroken one.

    Args:
        network: (batch, height, width, channels) float32 in [0, 1] -> (batch, classes) logits.
        data: uint8 training images, with labels below the number of classes.
        loss: what to minimise.
        config: epochs and batch size.
        seed: of shuffling, dropout and the loss's noise.
        folder: of the trial; `begin` has been called.
        description: for the progress bar.

    Raises:
        TrainingError: the loss or a weight is not finite.
        InputError: there are no images, they do not fit the network, or that can't be trained; the folder was begun
            with other data, another objective, seed or network; or its checkpoint is damaged.
        StorageError: the folder can't be written.
    """
    _check(network, data)
    begun_with = begin(folder, data, loss, seed, network)
    optimizer = config.optimizer(len(data))
    optimizer.build(network.trainable_variables)
    history = load_checkpoint(folder, network, optimizer) if folder.checkpoint.exists() else []
    step = _compiled_step(network, optimizer, loss)
    with stage(description, total=(config.epochs - len(history)) * config.steps(len(data)), unit="steps") as advance:
        for epoch in range(len(history) + 1, config.epochs + 1):
            history.append(_train_epoch(network, data, config.batch_size, step, seed, epoch, advance))
            _refuse_unusable_weights(network, epoch)
            save_checkpoint(folder, network, optimizer, history)
            _write_history(folder, history)
    # Once more, for a run that was killed between its last checkpoint and this.
    _write_history(folder, history)
    folder.complete(
        network.get_weights(),
        {
            "parameters": network.count_params(),
            "seconds": round(sum(row["seconds"] for row in history), 1),
            BEGUN_WITH: begun_with,
            **{name: fact for name, fact in provenance(network).items() if name != "precision"},
        },
    )


def _check(network: keras.Model, data: LabeledImages) -> None:
    """Raise InputError for what would fail in the midst of the training, or be trained without a word and be wrong."""
    if len(data) == 0:
        raise InputError("training images: there are none.")
    check_takes_images(network)
    expected = tuple(network.input_shape[1:])
    if data.images.shape[1:] != expected:
        raise InputError(f"training images: the network takes {expected}, got {data.images.shape[1:]}. Resize them.")
    checked_labels(data.labels, network.output_shape[-1])
    if not network.trainable_variables:
        raise InputError("network: it has nothing to train; set layer.trainable = True where weights may change.")
    check_network(network)
    check_finite_outputs(network, data.take(slice(0, TRIED)).as_float(), data.indices)
    check_emits_logits(network)


def _write_history(folder: TrialFolder, history: list[dict[str, float]]) -> None:
    write_text(folder.history, pd.DataFrame(history).to_csv(index=False, float_format="%.6g"))


def _refuse_unusable_weights(network: keras.Model, epoch: int) -> None:
    broken = next((weight for weight in network.weights if not np.isfinite(weight.numpy()).all()), None)
    if broken is not None:
        raise TrainingError(
            f"weights of layer {broken.path.split('/')[-2]!r} are not finite after epoch {epoch}. The last checkpoint "
            "is from before it: look at the training images, or train at --precision float32."
        )


def _compiled_step(
    network: keras.Model, optimizer: keras.optimizers.Optimizer, loss: Loss
) -> Step:
    shape = (None, *network.input_shape[1:])
    labels_and_key = [tf.TensorSpec([None], tf.int64), tf.TensorSpec([2], tf.int64)]

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.uint8), *labels_and_key])
    def step(images: tf.Tensor, labels: tf.Tensor, key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            value, logits = loss(network, tf.cast(images, tf.float32) / 255.0, labels, key)
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(value, variables), variables)
        correct = tf.reduce_sum(tf.cast(tf.argmax(logits, axis=-1) == labels, tf.int64))
        return value, correct

    return step


def _train_epoch(
    network: keras.Model,
    data: LabeledImages,
    batch_size: int,
    step: Step,
    seed: int,
    epoch: int,
    advance: Callable[[int], None],
) -> dict[str, float]:
    start = time.monotonic()
    _seed_dropout(network, seed, epoch)
    order = np.random.default_rng([seed, SHUFFLING, epoch]).permutation(len(data))
    total_loss, total_correct = 0.0, 0
    for first in range(0, len(order), batch_size):
        batch = order[first : first + batch_size]
        key = np.random.SeedSequence([seed, NOISE, epoch, first]).generate_state(2).astype(np.int64)
        arguments = (data.images[batch], data.labels[batch], key)
        value, correct = (float(x) for x in step(*map(tf.constant, arguments)))
        if not np.isfinite(value):
            raise TrainingError(
                f"the loss is {value} at epoch {epoch}, image {first} of {len(order)}. The last checkpoint "
                "is from before it: look at the training images, or train at --precision float32."
            )
        total_loss += value * len(batch)
        total_correct += int(correct)
        advance(1)
    return {
        "epoch": epoch,
        "loss": total_loss / len(order),
        "accuracy": total_correct / len(order),
        "seconds": round(time.monotonic() - start, 2),
    }


def _seed_dropout(network: keras.Model, seed: int, epoch: int) -> None:
    # Layers inside layers too; a Dropout of rate 0 has no generator.
    for place, layer in enumerate(network._flatten_layers(include_self=False)):
        if isinstance(getattr(layer, "seed_generator", None), keras.random.SeedGenerator):
            state = np.random.SeedSequence([seed, DROPOUT, epoch, place]).generate_state(2)
            layer.seed_generator.state.assign(state)
