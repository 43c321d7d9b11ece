"""How much of a network's raw forward throughput do its noise votes reach?

    python -m benchmarks.vote_throughput

Prints, for the 28x28 network and n = 1000: images classified a second by the bare forward pass, by the smoothing
layer, and by a loop over images that calls `model.predict` on n = 10 noisy copies of each, as the paper's author does.
All three alternate in one process, so that the ratio holds while the machine's speed drifts.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from src.startup import start_tensorflow

start_tensorflow()  # before anything else imports TensorFlow; hence E402 below

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from src.architectures.cnn import CNNConfig, build_cnn  # noqa: E402
from src.smoothing.classifier import SmoothedClassifier  # noqa: E402

SIDE, IMAGES, N = 28, 5, 1000
LOOP_IMAGES, LOOP_N = 20, 10
ROUNDS = 9


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    network = build_cnn(CNNConfig(), (SIDE, SIDE, 1), 10)
    images = np.random.default_rng(0).random((LOOP_IMAGES, SIDE, SIDE, 1), np.float32)
    smoothed = SmoothedClassifier(network, sigma=0.25)
    forward = tf.function(lambda batch: network(batch, training=False))
    # The bare pass gets whichever batch suits it best.
    batches = {rows: tf.constant(np.resize(images, (rows, SIDE, SIDE, 1))) for rows in (100, 250, 500)}

    def bare(rows: int) -> None:
        for _ in range(IMAGES * N // rows):
            forward(batches[rows]).numpy()

    def loop() -> None:
        generator = np.random.default_rng(0)
        for image in images:
            noisy = image + 0.25 * generator.standard_normal((LOOP_N, SIDE, SIDE, 1))
            np.bincount(network.predict(noisy, verbose=0).argmax(axis=1), minlength=10).argmax()

    runs: dict[str, tuple[Callable[[], object], int]] = {
        **{f"bare forward pass, batch {rows}": (lambda rows=rows: bare(rows), IMAGES * N) for rows in batches},
        "smoothing layer, n = 1000": (lambda: smoothed.vote(images[:IMAGES], N), IMAGES * N),
        "model.predict for each image, n = 10": (loop, LOOP_IMAGES * LOOP_N),
    }
    for run, _ in runs.values():
        run()
    rates = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, (run, classified) in runs.items():
            rates[name].append(classified / seconds(run))
    medians = {name: float(np.median(values)) for name, values in rates.items()}
    best = max(value for name, value in medians.items() if name.startswith("bare"))
    print(f"{'28x28 network, medians of ' + str(ROUNDS) + ' rounds':<42}{'images/s':>10}{'of the best bare pass':>24}")
    for name, value in medians.items():
        print(f"{name:<42}{value:>10.0f}{value / best:>24.3f}")


if __name__ == "__main__":
    main()
