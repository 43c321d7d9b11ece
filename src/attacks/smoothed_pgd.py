"""PGD on the smoothed classifier itself (Salman et al. 2019, section 2.2): expectation over its noise."""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from src.attacks.balls import STEP, Norm, check_norm, project, random_points, steepest, sums_of_draws
from src.attacks.gradients import in_float32
from src.attacks.inputs import as_bounds, check_batch, check_count, check_epsilon, keys_of, padded_blocks
from src.attacks.losses import padded_to_lanes, smoothed_ascent
from src.base import Bounds, InputError
from src.smoothing.checks import check_emits_logits, check_network, check_sigma
from src.smoothing.finite import check_finite_with_noise
from src.smoothing.monte_carlo import MonteCarlo, rows_that_fit
from src.smoothing.noise import DRAW_BLOCK, Stream, check_seed, noise_blocks

CHOICE_BLOCKS = 10
"""The first draw blocks of Stream.ATTACK choose among restarts, the same for all; a restart's own follow."""


class SmoothedPGD:
    """Lowers the softmax of the true class averaged over m noisy copies, drawn anew at every step.

    It climbs `smoothed_ascent`, whose gradient does not vanish where a softmax saturates.

    Restart 0 starts at the image, further ones at random points of the ball; kept is the one with the lowest mean
    softmax over 100 further draws. All draws are of Stream.ATTACK, which never scores. They depend on (seed, index)
    alone, so neither the batch nor the order changes a result.

    Args:
        network: (batch, ...) float32 -> (batch, classes) logits.
        sigma: of the noise, in the unit of the images, 0 or more.
        norm: of the ball, "linf" or "l2".
        steps: gradients, at least 1; each moves by 2.5 * epsilon / steps.
        m: draws for each gradient, at least 1.
        restarts: at least 1.
        seed: of the noise and the random starts.
        bounds: of valid pixel values, as Bounds or (lower, upper); the noise itself is never clipped.

    Raises:
        InputError: a number is out of range, `norm` is unknown, the network can't be attacked, or it emits
            probabilities.
    """

    def __init__(
        self,
        network: keras.Model,
        sigma: float,
        norm: Norm,
        steps: int = 20,
        m: int = 16,
        restarts: int = 1,
        seed: int = 0,
        bounds: Bounds | tuple[float, float] | None = None,
    ) -> None:
        check_sigma(sigma)
        check_norm(norm)
        check_seed(seed)
        check_network(network)
        check_emits_logits(network)
        self._network, self._tried = network, False
        self._sigma, self._seed, self._bounds = sigma, seed, as_bounds(bounds)
        self._shape, self._classes = tuple(network.input_shape[1:]), network.output_shape[-1]
        self._restarts = check_count("restarts", restarts)
        steps, m = check_count("steps", steps), check_count("m", m)
        self._chunk = max(1, rows_that_fit(network) // m)
        self._ascend = _compile(network, sigma, norm, steps, m, self._chunk, seed, self._bounds)
        self._scores = MonteCarlo(network, _softmax_and_log_odds)

    def __call__(
        self, images: np.ndarray, labels: np.ndarray, epsilon: float, indices: np.ndarray | None = None
    ) -> np.ndarray:
        """Adversarial images.

        Args:
            images: (batch, ...) float32 within the bounds.
            labels: (batch,) the true classes, which the attack leads away from.
            epsilon: budget in the norm, in the unit of the images, 0 or more.
            indices: (batch,) what the noise is keyed by; the positions by default.

        Returns:
            Float32, in the shape of the images.

        Raises:
            InputError: `epsilon` is out of range, images, labels and indices do not fit the network, bounds or each
                other, or the network's gradients are not finite.
        """
        check_epsilon(epsilon)
        images, labels = check_batch(images, labels, self._shape, self._classes, self._bounds, type(self).__name__)
        indices = keys_of(indices, len(images))
        self._try(images, indices)
        best = self._restart(images, labels, epsilon, indices, 0)
        if self._restarts > 1:
            highest = self._log_odds(best, labels, indices)
            for restart in range(1, self._restarts):
                found = self._restart(images, labels, epsilon, indices, restart)
                scores = self._log_odds(found, labels, indices)
                equal = scores[:, 0] == highest[:, 0]
                better = (scores[:, 0] > highest[:, 0]) | (equal & (scores[:, 1] > highest[:, 1]))
                best[better], highest[better] = found[better], scores[better]
        return best

    def _restart(
        self, images: np.ndarray, labels: np.ndarray, epsilon: float, indices: np.ndarray, restart: int
    ) -> np.ndarray:
        adversarial = np.empty_like(images)
        for places, rows in padded_blocks(len(images), self._chunk):
            arguments = (tf.constant(values[rows]) for values in (images, labels, indices))
            found = self._ascend(*arguments, tf.constant(epsilon, tf.float32), tf.constant(restart, tf.int64))
            adversarial[places] = found.numpy()[: places.stop - places.start]
        broken = indices[~np.isfinite(adversarial).all(axis=tuple(range(1, images.ndim)))]
        if len(broken):
            raise InputError(f"the network's gradients for image {broken[0]} are not finite; so there is no attack.")
        return adversarial

    def _try(self, images: np.ndarray, indices: np.ndarray) -> None:
        """Before the first attack, look for NaN on a few images with noise: a graph need not show it."""
        if not self._tried and len(images):
            check_finite_with_noise(self._network, images, self._sigma, self._seed, indices)
            self._tried = True

    def _log_odds(self, images: np.ndarray, labels: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """(batch, 2) float64: against the labels, those of the mean softmax over the draws that choose, and their mean.

        The second tell restarts apart where even float64 makes the first infinite.
        """
        n = CHOICE_BLOCKS * DRAW_BLOCK
        sums = self._scores(images, indices, self._sigma, n, self._seed, Stream.ATTACK).numpy()
        softmax, odds = np.split(sums, 2, axis=1)
        is_label = np.arange(self._classes) == labels[:, None]
        # The others' sum, not one minus the label's, which rounds to nothing.
        with np.errstate(divide="ignore"):
            of_mean = np.log(softmax.sum(axis=1, where=~is_label)) - np.log(softmax.sum(axis=1, where=is_label))
        return np.stack([of_mean, odds[is_label]], axis=1)


def _softmax_and_log_odds(logits: tf.Tensor) -> tf.Tensor:
    """(rows, 2 * classes) float64: the softmax, and the log-odds against each class."""
    logits = tf.cast(logits, tf.float64)
    each = tf.repeat(logits[:, None], logits.shape[-1], axis=1)
    others = tf.linalg.set_diag(each, tf.fill(tf.shape(logits), tf.constant(-math.inf, tf.float64)))
    return tf.concat([tf.nn.softmax(logits), tf.reduce_logsumexp(others, axis=-1) - logits], axis=-1)


def _compile(
    network: keras.Model, sigma: float, norm: Norm, steps: int, m: int, chunk: int, seed: int, bounds: Bounds
) -> Callable[..., tf.Tensor]:
    shape = tuple(network.input_shape[1:])
    size = math.prod(shape)
    blocks = math.ceil(m / DRAW_BLOCK)
    key = (tf.constant(seed, tf.int64), tf.constant(int(Stream.ATTACK), tf.int64))
    outputs = in_float32(network)

    def noise_of(indices: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
        numbers = tf.tile(first + tf.range(blocks, dtype=tf.int64), [chunk])
        noise = noise_blocks(*key, tf.repeat(indices, blocks), numbers, size)
        return tf.reshape(noise, [chunk, blocks * DRAW_BLOCK, size])[:, :m]

    @tf.function(
        input_signature=[
            tf.TensorSpec([chunk, *shape], tf.float32),
            tf.TensorSpec([chunk], tf.int64),
            tf.TensorSpec([chunk], tf.int64),
            tf.TensorSpec([], tf.float32),
            tf.TensorSpec([], tf.int64),
        ]
    )
    def ascend(
        images: tf.Tensor, labels: tf.Tensor, indices: tf.Tensor, epsilon: tf.Tensor, restart: tf.Tensor
    ) -> tf.Tensor:
        clean = tf.reshape(images, [chunk, size])
        first = CHOICE_BLOCKS + restart * (1 + steps * blocks)
        moved = clean
        if restart > 0:
            start = random_points(seed, indices, tf.fill([chunk], first), size, norm)
            moved = tf.clip_by_value(clean + epsilon * start, bounds.lower, bounds.upper)
        for step in tf.range(steps, dtype=tf.int64):
            noise = noise_of(indices, first + 1 + step * blocks)
            noisy = tf.reshape(moved[:, None] + sigma * noise, [chunk * m, *shape])
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(noisy)
                logits = padded_to_lanes(tf.reshape(outputs(noisy), [chunk, m, -1]))
                loss = smoothed_ascent(logits, padded_to_lanes(labels))[:chunk]
            ascent = steepest(sums_of_draws(tf.reshape(tape.gradient(loss, noisy), [chunk, m, size])), norm)
            within = project(moved + STEP / steps * epsilon * ascent - clean, epsilon, norm)
            moved = tf.clip_by_value(clean + within, bounds.lower, bounds.upper)
        return tf.reshape(moved, [chunk, *shape])

    # Traced here, once: of attacks with other m or steps TensorFlow would say that one function is traced often.
    return ascend.get_concrete_function()
