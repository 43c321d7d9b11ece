"""Does the memory of the votes stay the same however many there are?

    python -m benchmarks.vote_memory [--side 28] [--n 1000 100000]

Prints the peak memory (resident set) of a process that votes on one image, a fresh process for each n, and fails if
they differ by more than 10%.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys

import numpy as np

TOLERANCE = 0.1
SIGMA = 0.25


def peak_of_this_process(side: int, n: int) -> float:
    """Vote on one image; returns MiB."""
    from src.cli.tensorflow_setup import start_tensorflow

    start_tensorflow()
    from src.architectures.cnn import CNNConfig, build_cnn
    from src.smoothing.classifier import SmoothedClassifier

    network = build_cnn(CNNConfig().scaled(side / 28), (side, side, 1), 10)
    SmoothedClassifier(network, SIGMA).vote(np.full((1, side, side, 1), 0.5, np.float32), n)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def peak(side: int, n: int) -> float:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.vote_memory", "--side", str(side), "--n", str(n), "--here"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description="Peak memory of votes.")
    parser.add_argument("--side", type=int, default=28, help="of the images, in pixels")
    parser.add_argument("--n", type=int, nargs="+", default=[1_000, 100_000], help="votes")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        print(peak_of_this_process(options.side, options.n[0]))
        return
    peaks = []
    for n in options.n:
        peaks.append(peak(options.side, n))
        ratio = peaks[-1] / peaks[0]
        print(f"{options.side}x{options.side}, n = {n:>7}: {peaks[-1]:>7.0f} MiB, {ratio:.3f} of the first", flush=True)
    if max(peaks) > (1 + TOLERANCE) * min(peaks):
        sys.exit(f"the peaks differ by more than {TOLERANCE:.0%}.")


if __name__ == "__main__":
    main()
