"""The one loop over noise draws: draw, classify, reduce, all in one compiled graph."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.python.client import device_lib

from src.base import InputError
from src.smoothing.finite import answers, showing_nan
from src.smoothing.noise import DRAW_BLOCK, Stream, check_seed, noise_blocks

Statistic = Callable[[tf.Tensor], tf.Tensor]
"""Network outputs of noisy images, (rows, ...) -> what to sum over the draws, (rows, k) float32."""

MAX_ROWS_CPU, MAX_ROWS_GPU = 500, 4000
"""Noisy images a chunk, at the most: beyond, throughput no longer grows and padding wastes more."""

MEMORY_SHARE = 1 / 16
"""Of the device's memory that a chunk's activations may take."""


class MonteCarlo:
    """Sums of a statistic of network(image + sigma * noise) over n draws of keyed noise.

    Memory does not grow with n: noisy images exist one chunk at a time, in chunks of a fixed size that suits the
    memory of the device. There is one trace for all batch sizes, n, sigma and seeds.

    Args:
        network: maps (rows, height, width, channels) float32 to outputs; run with training=False.
        statistic: what to sum.
    """

    def __init__(self, network: keras.Model, statistic: Statistic) -> None:
        shape = tuple(network.input_shape[1:])
        self.rows = rows_that_fit(network)
        self._sums = _compile(network, statistic, shape, self.rows)

    def __call__(
        self, images: tf.Tensor, indices: tf.Tensor, sigma: float, n: int, seed: int, stream: Stream, first: int = 0
    ) -> tf.Tensor:
        """The sums for each image over draws `first` to `first + n`.

        Args:
            images: (batch, height, width, channels) float32.
            indices: (batch,) int64, what the noise is keyed by.
            sigma: standard deviation of the noise, in the images' unit.
            n: draws for each image.
            seed, stream: of the noise.
            first: draws to skip, a multiple of DRAW_BLOCK.

        Returns:
            (batch, k) float64.

        Raises:
            InputError: `seed` or `first` is out of range.
        """
        check_seed(seed)
        if first < 0 or first % DRAW_BLOCK:
            raise InputError(f"first: expected a multiple of {DRAW_BLOCK}, 0 or more, got {first}.")
        arguments = (
            tf.convert_to_tensor(images, tf.float32),
            tf.convert_to_tensor(indices, tf.int64),
            tf.constant(sigma, tf.float32),
            *(tf.constant(value, tf.int64) for value in (n, seed, int(stream), first // DRAW_BLOCK)),
        )
        return self._sums(*arguments)


def _compile(
    network: keras.Model, statistic: Statistic, shape: tuple[int, ...], rows: int
) -> Callable[..., tf.Tensor]:
    size = math.prod(shape)
    items_per_chunk = rows // DRAW_BLOCK
    outputs = showing_nan(network)
    width = statistic(outputs(tf.zeros((1, *shape)))).shape[1]

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, *shape], tf.float32),
            tf.TensorSpec([None], tf.int64),
            tf.TensorSpec([], tf.float32),
            *[tf.TensorSpec([], tf.int64)] * 4,
        ]
    )
    def sums(
        images: tf.Tensor,
        indices: tf.Tensor,
        sigma: tf.Tensor,
        n: tf.Tensor,
        seed: tf.Tensor,
        stream: tf.Tensor,
        first_block: tf.Tensor,
    ) -> tf.Tensor:
        batch = tf.shape(images, tf.int64)[0]
        blocks_per_image = (n + DRAW_BLOCK - 1) // DRAW_BLOCK
        # An item is one draw block of one image; a chunk is a fixed number of items, whatever the batch and n.
        items = batch * blocks_per_image
        totals = tf.zeros([batch, width], tf.float64)
        for start in tf.range(0, items, items_per_chunk):
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            chunk = tf.range(start, start + items_per_chunk)
            item = tf.minimum(chunk, items - 1)
            position, block = item // blocks_per_image, item % blocks_per_image
            noise = noise_blocks(seed, stream, tf.gather(indices, position), first_block + block, size)
            clean = tf.reshape(tf.gather(images, position), [items_per_chunk, 1, size])
            noisy = tf.reshape(clean + sigma * noise, [rows, *shape])
            values = tf.cast(statistic(outputs(noisy)), tf.float64)
            values = tf.reshape(values, [items_per_chunk, DRAW_BLOCK, width])
            draw = block[:, None] * DRAW_BLOCK + tf.range(DRAW_BLOCK, dtype=tf.int64)
            counted = (draw < n) & (chunk < items)[:, None]
            # Summed within a draw block first, then block after block: the rounding does not depend on where an
            # image's blocks fall in the chunks.
            sums_of_items = tf.reduce_sum(tf.where(counted[:, :, None], values, 0.0), axis=1)
            totals = tf.tensor_scatter_nd_add(totals, position[:, None], sums_of_items)
        return totals

    return sums


def rows_that_fit(network: keras.Model) -> int:
    """How many images a chunk holds, from the device's total memory, so that it is the same in every run.

    Returns:
        A multiple of DRAW_BLOCK.
    """
    values = _values_of_layers(network)
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    if on_gpu:
        memory = max(device.memory_limit for device in device_lib.list_local_devices() if device.device_type == "GPU")
    else:
        memory = _host_memory()
    fitting = int(memory * MEMORY_SHARE / (4 * values)) // DRAW_BLOCK * DRAW_BLOCK
    return max(DRAW_BLOCK, min(fitting, MAX_ROWS_GPU if on_gpu else MAX_ROWS_CPU))


def _host_memory() -> int:
    """Bytes of memory, or the container's limit where that is less."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.exists() else "max"
    return physical if text == "max" else min(physical, int(text))


def _values_of_layers(network: keras.Model) -> int:
    """How many numbers the layers give for one image."""
    layers = list(innermost_layers(network))
    try:
        outputs = [output for layer in layers for output in keras.tree.flatten(layer.output)]
    except (AttributeError, ValueError):
        # The layers of a user's own class are no part of a graph that Keras knows; those of the trace are.
        image = tf.TensorSpec((1, *network.input_shape[1:]), tf.float32)
        graph = tf.function(lambda images: answers(network, images)).get_concrete_function(image).graph
        outputs = [output for operation in graph.get_operations() for output in operation.outputs]
    shapes = [tf.TensorShape(output.shape) for output in outputs]
    return sum(math.prod(size or 1 for size in shape[1:]) for shape in shapes if shape.rank)


def innermost_layers(network: keras.Model) -> Iterator[keras.Layer]:
    """The layers of a network, those of models inside it in the place of the models."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from innermost_layers(layer)
        else:
            yield layer
