"""The study's report: its verdicts, tables and figures in one file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from src.claims.claim import Judgement
from src.claims.tables import verdict_rows
from src.datasets.cifar10 import ARRAY_SHA256
from src.datasets.mnist import MNIST_NPZ_SHA256
from src.experiments.trial_table import trial_facts
from src.reporting.parts import parts_of
from src.reporting.report import Report, Section, write_report
from src.studies.blur.config import Profile
from src.studies.blur.evidence import DATASETS, Evidence
from src.studies.blur.finding import finding

REPORT = "report.html"

TITLE = "What does blur do to convolutional layers?"

PAPER = "Robustness Analysis of Convolutional Layers in Image Classification Neural Networks (abstract, 2023)"

SECTIONS = (
    (
        "The inequality, layer by layer",
        "||L(x) - L(Kx)|| <= C ||x|| for each convolution L, its own input x and a Gaussian blur K. The abstract gives "
        "no formula: C is this project's, from the layer's weights and the kernel, and holds with zeros around the "
        "image.",
        ("layers.png", "Bound and largest measured ratio of each convolution."),
        ("layers.csv", "One row a convolution and Gaussian blur"),
    ),
    (
        "Through the network",
        "The relative error after each layer for an image under Gaussian blur: measured, as it would be if layers "
        "commuted with the blur, and as the product of Lipschitz constants allows.",
        ("propagation.png", "Relative error after each layer, and if layers commuted with the blur."),
        ("product.png", "The same error, and what the product of Lipschitz constants allows."),
        ("propagation.csv", "One row a network, Gaussian blur and layer"),
    ),
    (
        "Accuracy under blur",
        "The first study's networks on MNIST, and a small network on CIFAR-10. Outside an image lies its mirror image.",
        ("images.png", "A test image of each kind, sharp and blurred; sizes in pixels of that image."),
        ("accuracy.png", "Accuracy of the MNIST networks against Gaussian blur."),
        ("kinds.png", "Accuracy under box and motion blur."),
        ("accuracy.csv", "One row a network and blur"),
    ),
    (
        "Training on slightly blurred copies",
        "CIFAR-10. The control has as many copies, none of them blurred; with a frozen base only the dense layer is "
        "trained anew, on the convolutions of plain training.",
        ("training.png", "Accuracy under blur by training, and the gain over unblurred copies."),
        ("training.csv", "One row a training and blur, over seeds"),
    ),
    (
        "Smoothing and blur together",
        "Randomized smoothing with the noise that MNIST's networks were trained with, and a smaller one for CIFAR-10.",
        ("smoothing.png", "Smoothed classifier minus network under blur."),
        ("smoothing.csv", "One row a network and blur"),
    ),
    (
        "The comparisons behind the verdicts",
        "Every comparison that a verdict rests on; where several do, their intervals hold together with 95%, each with "
        "the confidence of its row.",
        ("claim_tests.csv", "One row a comparison"),
    ),
)
"""Of each its title, its text, and the files that it shows with their captions."""


def write_study_report(folder: Path, profile: Profile, judged: Sequence[Judgement[Evidence]]) -> None:
    """Write report.html into a profile's folder, from its tables and figures.

    Args:
        folder: results/blur/<profile>.
        profile: which.
        judged: the claims.

    Raises:
        InputError: a picture can't be used.
        StorageError: the file can't be written.
    """
    write_report(
        folder / REPORT,
        Report(
            title=TITLE,
            lead=f"A reconstruction of {PAPER}, profile {profile.name}.",
            caution=profile.caution,
            findings=tuple(finding(folder)),
            verdicts=verdict_rows(judged, DATASETS),
            sections=tuple(_sections(folder)),
            facts=_facts(folder, profile),
        ),
    )


def _sections(folder: Path) -> Iterator[Section]:
    for title, text, *named in SECTIONS:
        yield Section(title, text, tuple(parts_of(folder, named, {})))


def _facts(folder: Path, profile: Profile) -> dict[str, str]:
    hashes = {"MNIST, SHA-256": MNIST_NPZ_SHA256, "CIFAR-10, SHA-256 of its arrays": json.dumps(ARRAY_SHA256)}
    return {"Profile": json.dumps(asdict(profile)), **hashes, **trial_facts(folder / "trials.csv")}
