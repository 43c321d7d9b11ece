"""Does bfloat16 decide as float32 does?

    python -m benchmarks.vote_precision [FOLDER] [--images 100] [--n 1000] [--sigma 0.25]

FOLDER holds a trained 14x14 or 28x28 network (`trial.json`, `weights.npz`); by default the one in the repository. On
images of the MNIST test set, with the same noise, prints how many votes, predictions and certificates differ.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from src.cli.tensorflow_setup import check_bfloat16, start_tensorflow

GPU = start_tensorflow()  # before anything else imports TensorFlow; hence E402 below

import numpy as np  # noqa: E402

from src.base import Precision  # noqa: E402
from src.datasets.mnist import load_mnist  # noqa: E402
from src.datasets.resolution import Resolution, at_resolution  # noqa: E402
from src.smoothing.classifier import SmoothedClassifier  # noqa: E402
from src.smoothing.radius import lower_confidence_bound  # noqa: E402
from src.training.networks import load_network  # noqa: E402
from src.training.trial import Trial, TrialFolder  # noqa: E402

BUNDLED = "models/resolution/released-downscaled-seed0-0ff6916f6d"
ALPHA = 0.001


def images_of(trial: Trial, count: int) -> np.ndarray:
    """The first `count` test images at the network's resolution, float32 in [0, 1]."""
    source = load_mnist().test.take(np.arange(count))
    resolution = Resolution(trial.training["side"], trial.training["resized_by"])
    with tempfile.TemporaryDirectory() as cache:
        return at_resolution(source, "test", resolution, Path(cache), None).images.astype(np.float32) / 255


def main() -> None:
    parser = argparse.ArgumentParser(description="bfloat16's decisions beside float32's.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path(BUNDLED))
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--sigma", type=float, default=0.25)
    options = parser.parse_args()
    check_bfloat16(GPU)

    configuration = json.loads((options.folder / "trial.json").read_text())
    images = images_of(Trial(**configuration), options.images)
    precisions: tuple[Precision, Precision] = ("float32", "bfloat16")
    votes, certificates = [], []
    for precision in precisions:
        network = load_network(Trial(**configuration | {"precision": precision}), TrialFolder(options.folder))
        smoothed = SmoothedClassifier(network, options.sigma)
        votes.append(smoothed.vote(images, options.n))
        certificates.append(smoothed.certify(images, options.n, ALPHA))

    moved = np.abs(votes[0].counts - votes[1].counts).sum(axis=1) / 2
    full, reduced = certificates
    both = (full.prediction == reduced.prediction) & (full.prediction >= 0)
    difference = np.abs(full.radius - reduced.radius)[both]
    top = np.stack([said.counts.max(axis=1) for said in votes])
    bounds = np.asarray(lower_confidence_bound(top, options.n, ALPHA))
    print(f"{options.folder.name}, sigma {options.sigma}, n = {options.n}, {options.images} images, same noise")
    print(f"votes that moved, net, of {options.n} an image: mean {moved.mean():.2f}, most {moved.max():.0f}")
    print(f"largest difference of the bound of the top class: {np.abs(bounds[0] - bounds[1]).max():.4f}")
    print(f"images whose majority differs: {(votes[0].prediction != votes[1].prediction).sum()}")
    differing = int((full.prediction != reduced.prediction).sum())
    print(f"images whose certified answer differs, abstention included: {differing}")
    print(f"abstentions: {(full.prediction < 0).sum()} in float32, {(reduced.prediction < 0).sum()} in bfloat16")
    if both.any():
        print(f"radii, {both.sum()} certified alike: mean {full.radius[both].mean():.4f}, mean difference "
              f"{difference.mean():.5f}, largest {difference.max():.4f}")  # fmt: skip


if __name__ == "__main__":
    main()
