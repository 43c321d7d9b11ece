"""The sections of the study's report: which tables and figures it shows, and what it says of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from src.reporting.parts import parts_of
from src.reporting.report import Section

CELLS = (
    "protocol", "variant", "seed", "test_images", "metric", "paper", "author_notebook", "measured", "low", "high",
    "difference", "difference_low", "difference_high", "paper_is",
)  # fmt: skip

COLUMNS = {
    "accuracy.csv": CELLS,
    "adversarial_accuracy.csv": (*CELLS, "epsilon_255"),
    "differences.csv": (
        "protocol", "variant", "seed", "test_images", "table", "quantity", "paper", "author_notebook", "measured",
        "low", "high", "p_value", "paper_is",
    ),
    "corrected/certificates.csv": (
        "variant", "recipe", "schedule", "sigma", "sigma_28", "method", "draws", "images", "acr", "acr_low",
        "acr_high", "acr_28", "largest_radius", "abstention_rate", "accuracy", "draws_mean", "published_acr",
    ),
    "corrected/resolution.csv": (
        "comparison", "schedule", "n", "images", "variant", "sigma", "sigma_28", "acr_28", "normal_acr_28",
        "difference", "simultaneous_low", "simultaneous_high", "largest_acr_28", "normal_largest_acr_28",
    ),
    "corrected/sequential.csv": (
        "variant", "sigma", "radius", "images", "cap", "n", "sequential_accuracy", "fixed_accuracy",
        "decided_otherwise", "sequential_draws_mean", "share_of_draws",
    ),
    "corrected/recipes.csv": (
        "variant", "recipe", "schedule", "sigma", "draws", "common_images", "acr", "acr_low", "acr_high",
        "largest_radius", "minus_gaussian", "minus_gaussian_low", "minus_gaussian_high", "above_gaussian",
    ),
    "corrected/smoothed_attack.csv": (
        "variant", "schedule", "sigma", "epsilon", "steps", "restarts", "m", "images", "errors", "wrong",
        "abstentions", "transfer_errors", "transfer_wrong", "transfer_abstentions", "difference", "p_value",
    ),
}  # fmt: skip
"""Of the tables that have more than a page takes; the CSVs have all."""

SECTIONS = (
    (
        "The paper's two tables",
        "Each cell beside the number measured here. The interval is of the sample of test images; the difference is "
        "measured minus paper. Another seed of the training gives another network.",
        ("accuracy.png", "Accuracy of each network and its smoothed classifier, clean and under FGSM, beside the "
         "paper's."),
        ("cells.png", "Accuracy, measured minus reported, cell by cell."),
        ("smoothing_differences.png", "Accuracy of the smoothed classifier minus its network's, against the margin "
         "of no difference."),
        ("accuracy.csv", "Clean images, one row a cell"),
        ("adversarial_accuracy.csv", "Under FGSM, one row a cell"),
        ("differences.csv", "Smoothed classifier minus network on the same images"),
    ),
    (
        "What sigma means",
        "The notebook adds noise of 0.15 to pixels from 0 to 255; the paper writes sigma up to 255. In between lies "
        "all that smoothing does.",
        ("sigma_sweep.png", "Accuracy of each network and its smoothed classifier against sigma."),
        ("resolutions.png", "A test digit at the study's resolutions."),
    ),
    (
        "What epsilon means",
        "The notebook attacks one network with 10/255 and the others with 2/255.",
        ("epsilon_sweep.png", "Accuracy of each network and its smoothed classifier against FGSM's epsilon."),
        ("outlier.png", "Parts of the gap between UpscaledAI and Control."),
        ("outlier.csv", "Parts of the gap between the ESRGAN networks and their controls"),
        ("adversarial_examples.png", "Test images, clean and attacked."),
    ),
    (
        "Resolution, certified",
        "Protocol corrected: networks trained for the noise, abstention, certificates that hold with probability 0.999 "
        "each. An l2 radius grows with the side of the image, so radii are also in 28x28 units.",
        ("corrected/certified_by_resolution.png", "Certified accuracy by resolution, radii in 28x28 units."),
        ("corrected/resolution.csv", "Average certified radius against that of the 28x28 network"),
        ("corrected/certified_accuracy.png", "Certified accuracy against radius, beside the published."),
        ("corrected/trade_off.png", "What smoothing costs on clean images, and what it certifies."),
        ("corrected/certificates.csv", "One row a log of certificates"),
        ("corrected/draws.png", "Draws that an image takes."),
        ("corrected/sequential.csv", "Sequential against fixed draws, one row a radius"),
    ),
    (
        "Training for noise",
        "The recipes on equal terms, by paired bootstrap on the same images.",
        ("corrected/recipes.png", "Average certified radius by recipe."),
        ("corrected/recipes.csv", "One row a recipe"),
    ),
    (
        "Attacks",
        "On the network, transferred to its smoothed classifier, and on the smoothed classifier itself.",
        ("corrected/robustness.png", "Accuracy of network and smoothed classifier under attack."),
        ("corrected/smoothed_attack.png", "PGD on the smoothed classifier against transferred PGD."),
        ("corrected/smoothed_attack.csv", "One row a setting of PGD"),
    ),
    (
        "The comparisons behind the verdicts",
        "Every comparison that a verdict rests on; where several do, their intervals hold together with 95%, each with "
        "the confidence of its row.",
        ("claim_tests.csv", "One row a comparison"),
    ),
)  # fmt: skip
"""Of each its title, its text, and the files that it shows with their captions."""


def sections(folder: Path) -> Iterator[Section]:
    """The sections with those tables and figures that there are.

    Args:
        folder: results/resolution/<profile>.
    """
    for title, text, *named in SECTIONS:
        yield Section(title, text, tuple(parts_of(folder, named, COLUMNS)))
