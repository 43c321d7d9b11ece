"""How much of a network's raw forward throughput do its noise votes reach, and how much do other libraries'?

    pip install -r requirements.txt -r benchmarks/requirements.txt
    python -m benchmarks.vote_throughput [--rounds 9]

For the 28x28 network and n = 1000, alternating in one process: the bare forward pass on noise that lies ready (the
limit, at the batch that suits it best), this layer in float32 and bfloat16, ART's randomized smoothing (predict,
and certify with n0 = 100, on the same network), and a loop over images that calls `model.predict` on n = 10 noisy
copies of each, as the paper's author does. Without the second requirements file ART is left out.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from src.cli.tensorflow_setup import check_bfloat16, start_tensorflow

GPU = start_tensorflow()  # before anything else imports TensorFlow; hence E402 below

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from benchmarks.timing import Task, alternate, fastest, rates_table  # noqa: E402
from src.architectures.cnn import CNNConfig, build_cnn  # noqa: E402
from src.base import InputError  # noqa: E402
from src.smoothing.classifier import SmoothedClassifier  # noqa: E402

SIDE, CLASSES = 28, 10
SIGMA, N0, N, ALPHA = 0.25, 100, 1000, 0.001
IMAGES = 3
LOOP_IMAGES, LOOP_N = 20, 10
BATCHES = (250, 500, 1000)


def bare_tasks(network: keras.Model, name: str) -> dict[str, Task]:
    """The compiled forward pass over IMAGES x N noisy images that lie ready, for each size of batch."""
    forward = tf.function(partial(network, training=False))
    noise = np.random.default_rng(0)

    def run(batch: tf.Tensor) -> None:
        for _ in range(IMAGES * N // len(batch)):
            forward(batch).numpy()

    ready = {rows: tf.constant(noise.standard_normal((rows, SIDE, SIDE, 1), np.float32)) for rows in BATCHES}
    return {f"bare pass, {name}, batch {rows}": Task(partial(run, ready[rows]), IMAGES * N) for rows in BATCHES}


def layer_tasks(network: keras.Model, images: np.ndarray, name: str) -> dict[str, Task]:
    """This project's votes and certificates."""
    smoothed = SmoothedClassifier(network, SIGMA)
    certify = partial(smoothed.certify, images, N, ALPHA, N0)
    return {
        f"this layer, {name}, vote": Task(partial(smoothed.vote, images, N), IMAGES * N),
        f"this layer, {name}, certify": Task(certify, IMAGES * (N0 + N)),
    }


def art_tasks(network: keras.Model, images: np.ndarray) -> dict[str, Task]:
    """ART's predict and certify; none where ART is not installed.

    It passes all copies of an image through the network at once, whatever `batch_size`; at n = 1000 that is also the
    batch that suits the bare pass. Its `sample_size` is the n of predict and the n0 of certify.
    """
    try:
        import statsmodels  # noqa: F401
        from art.estimators.certification.randomized_smoothing import TensorFlowV2RandomizedSmoothing
    except ImportError as missing:
        print(f"ART is left out ({missing}): pip install -r benchmarks/requirements.txt", file=sys.stderr)
        return {}
    build = partial(
        TensorFlowV2RandomizedSmoothing, network, CLASSES, (SIDE, SIDE, 1), scale=SIGMA, alpha=ALPHA,
        loss_object=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )  # fmt: skip
    predict, certify = build(sample_size=N), build(sample_size=N0)
    return {
        "ART 1.20.1, predict": Task(partial(predict.predict, images, batch_size=N), IMAGES * N),
        "ART 1.20.1, certify": Task(partial(certify.certify, images, N, batch_size=N), IMAGES * (N0 + N)),
    }


def loop_task(network: keras.Model) -> Task:
    """One `model.predict` for each image."""
    images = np.random.default_rng(1).random((LOOP_IMAGES, SIDE, SIDE, 1), np.float32)

    def run() -> None:
        generator = np.random.default_rng(0)
        for image in images:
            noisy = image + SIGMA * generator.standard_normal((LOOP_N, SIDE, SIDE, 1))
            np.bincount(network.predict(noisy, verbose=0).argmax(axis=1), minlength=CLASSES).argmax()

    return Task(run, LOOP_IMAGES * LOOP_N)


def main() -> None:
    parser = argparse.ArgumentParser(description="Throughput of votes at 28x28, n = 1000.")
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    images = np.random.default_rng(0).random((IMAGES, SIDE, SIDE, 1), np.float32)
    network = build_cnn(CNNConfig(), (SIDE, SIDE, 1), CLASSES)
    tasks = bare_tasks(network, "float32") | layer_tasks(network, images, "float32")
    try:
        check_bfloat16(GPU)
        reduced = build_cnn(CNNConfig(), (SIDE, SIDE, 1), CLASSES, precision="bfloat16")
        tasks |= bare_tasks(reduced, "bfloat16") | layer_tasks(reduced, images, "bfloat16")
    except InputError as unfit:
        print(f"bfloat16 is left out: {unfit}", file=sys.stderr)
    tasks |= art_tasks(network, images)
    tasks["model.predict for each image, n = 10"] = loop_task(network)

    times = alternate(tasks, rounds)
    limit = fastest(times, [name for name in times if name.startswith("bare pass, float32")])
    print(f"{SIDE}x{SIDE}, n = {N}, {rounds} rounds; ratios to: {limit}\n{rates_table(times, limit)}")
    references = {"ART 1.20.1, predict": "vote", "ART 1.20.1, certify": "certify", "this layer, float32, vote": "vote"}
    for reference, ours in references.items():
        if reference in times:
            layers = [name for name in times if name.startswith("this layer") and name.endswith(ours)]
            compared = {name: times[name] for name in dict.fromkeys([*layers, reference])}
            print(f"\nratios to: {reference}\n{rates_table(compared, reference)}")


if __name__ == "__main__":
    main()
