"""What does a chunk of votes cost beside the network's forward pass?

    python -m benchmarks.vote_costs [--rounds 15] [--side 14 28 56]

Prints, for each network and precision, milliseconds a chunk by the clock and by the CPU (all cores together): the
parts, each timed alone, and the whole loop. "Rest" is what the loop takes beyond its parts: keys, gathering of
images, sums, and waiting. It is a difference of medians, so it can fall below zero.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

from src.cli.tensorflow_setup import check_bfloat16, start_tensorflow

GPU = start_tensorflow()  # before anything else imports TensorFlow; hence E402 below

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from benchmarks.timing import Task, Times, alternate  # noqa: E402
from src.architectures.cnn import CNNConfig, build_cnn  # noqa: E402
from src.base import InputError, Precision  # noqa: E402
from src.smoothing.classifier import SmoothedClassifier  # noqa: E402
from src.smoothing.monte_carlo import rows_that_fit  # noqa: E402
from src.smoothing.noise import DRAW_BLOCK, Stream, noise_blocks  # noqa: E402
from src.smoothing.votes import votes_and_softmax  # noqa: E402

SIGMA = 0.25
CHUNKS = 4
PARTS = ("forward pass", "random bits", "bits to normal", "adding noise", "softmax and votes", "sums")


def chunk_tasks(side: int, precision: Precision) -> dict[str, Task]:
    """The parts of a chunk and the loop itself, over CHUNKS chunks each."""
    network = build_cnn(CNNConfig().scaled(side / 28), (side, side, 1), 10, precision=precision)
    smoothed = SmoothedClassifier(network, SIGMA)
    rows, size = rows_that_fit(network), side * side
    items = rows // DRAW_BLOCK
    keys = tf.constant(np.stack([np.full(items, 257), np.arange(items)], axis=1))
    noise = tf.random.stateless_normal([rows, size], [0, 0])
    forward = tf.function(partial(network, training=False))
    logits = forward(tf.reshape(noise, [rows, side, side, 1]))
    image = np.full((1, side, side, 1), 0.5, np.float32)

    @tf.function
    def bits() -> tf.Tensor:
        def draw(key: tf.Tensor) -> tf.Tensor:
            half = DRAW_BLOCK * size // 2
            return tf.random.stateless_uniform([2, half], key, minval=None, maxval=None, dtype=tf.uint32)[0, :1]

        return tf.map_fn(draw, keys, fn_output_signature=tf.TensorSpec([1], tf.uint32))

    @tf.function
    def normal(blocks: tf.Tensor) -> tf.Tensor:
        seed, stream = tf.constant(0, tf.int64), tf.constant(int(Stream.ESTIMATION), tf.int64)
        return noise_blocks(seed, stream, tf.zeros_like(blocks), blocks, size)

    @tf.function
    def add(noise: tf.Tensor) -> tf.Tensor:
        return 0.5 + SIGMA * noise

    statistic = tf.function(votes_and_softmax)

    @tf.function
    def sums(values: tf.Tensor) -> tf.Tensor:
        values = tf.reshape(tf.cast(values, tf.float64), [items, DRAW_BLOCK, 20])
        counted = tf.where(tf.ones([items, DRAW_BLOCK, 1], tf.bool), values, 0.0)
        position = tf.zeros([items, 1], tf.int64)
        return tf.tensor_scatter_nd_add(tf.zeros([1, 20], tf.float64), position, tf.reduce_sum(counted, axis=1))

    values = statistic(logits)
    blocks = tf.range(items, dtype=tf.int64)
    images = tf.reshape(noise, [rows, side, side, 1])
    once = {
        "forward pass": lambda: forward(images).numpy(),
        "random bits": lambda: bits().numpy(),
        "noise": lambda: normal(blocks).numpy(),
        "adding noise": lambda: add(noise).numpy(),
        "softmax and votes": lambda: statistic(logits).numpy(),
        "sums": lambda: sums(values).numpy(),
    }

    def repeat(run: Callable[[], object]) -> None:
        for _ in range(CHUNKS):
            run()

    tasks = {name: Task(partial(repeat, run), CHUNKS) for name, run in once.items()}
    return tasks | {"whole loop": Task(partial(smoothed.vote, image, CHUNKS * rows), CHUNKS)}


def breakdown(times: dict[str, Times]) -> dict[str, tuple[float, float]]:
    """Medians in milliseconds a chunk, (wall, CPU), for each part, the rest and the whole loop."""
    medians = {name: np.array([np.median(taken.wall), np.median(taken.cpu)]) * 1e3 for name, taken in times.items()}
    medians["bits to normal"] = medians.pop("noise") - medians["random bits"]
    parts = {name: medians[name] for name in PARTS}
    rest = medians["whole loop"] - sum(parts.values())
    rows = parts | {"rest": rest, "whole loop": medians["whole loop"]}
    return {name: (float(wall), float(cpu)) for name, (wall, cpu) in rows.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Costs of a chunk of votes.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--side", type=int, nargs="+", default=[14, 28, 56], help="of the images, in pixels")
    options = parser.parse_args()
    precisions: list[Precision] = ["float32"]
    try:
        check_bfloat16(GPU)
        precisions.append("bfloat16")
    except InputError as unfit:
        print(f"bfloat16 is left out: {unfit}")
    for side in options.side:
        for precision in precisions:
            costs = breakdown(alternate(chunk_tasks(side, precision), options.rounds))
            print(f"\n{f'{side}x{side} {precision}, ms a chunk':<34}{'wall':>9}{'share':>8}{'CPU':>9}{'share':>8}")
            for name, (wall, cpu) in costs.items():
                total_wall, total_cpu = costs["whole loop"]
                print(f"{name:<34}{wall:>9.2f}{wall / total_wall:>8.3f}{cpu:>9.2f}{cpu / total_cpu:>8.3f}", flush=True)


if __name__ == "__main__":
    main()
