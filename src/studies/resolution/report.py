"""The study's report: its verdicts, tables and figures in one file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from src.claim_tables import least_in_favour
from src.claims import Claim, Judgement
from src.datasets.mnist import MNIST_NPZ_SHA256
from src.report import Picture, Report, Section, Table, write_report
from src.studies.resolution.config import PAPER_PROTOCOLS, Profile
from src.studies.resolution.corrected.config import CORRECTED
from src.studies.resolution.evidence import Evidence
from src.studies.resolution.finding import finding
from src.studies.resolution.plan import Places
from src.trials_table import load_trials

REPORT = "report.html"

TITLE = "Does resolution change what randomized smoothing buys?"

PAPER = "Effects of Image Resolution on Accuracy and Robustness in CNNs and Smoothed Classifiers (Nissan, 2023)"

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

FACTS = ("weights_sha256", "device", "versions")
"""Of a trial, as its table has them."""


def write_study_report(places: Places, profile: Profile, judged: Sequence[Judgement[Evidence]]) -> None:
    """Write report.html into a profile's folder, from its tables and figures.

    Args:
        places: whose results.
        profile: which.
        judged: the claims with their tests.

    Raises:
        InputError: a figure is missing or no PNG, or the report would be too large.
        StorageError: the folder can't be written.
    """
    folder = places.profile(profile)
    write_report(
        folder / REPORT,
        Report(
            title=TITLE,
            lead=" ".join([f"A reproduction of {PAPER}, profile {profile.name}.", *finding(folder)]),
            verdicts=_verdicts(judged),
            sections=tuple(_sections(folder)),
            facts=_facts(places, profile),
        ),
    )


def _verdicts(judged: Sequence[Judgement[Evidence]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "claim": _said(judgement.claim),
                "reported": judgement.claim.reported,
                "measured": "; ".join(_measured(judgement, protocol.name) for protocol in PAPER_PROTOCOLS)
                + f"; {_measured(judgement, CORRECTED)}",
                "verdict": judgement.verdict.value,
            }
            for judgement in judged
        ]
    )


def _said(claim: Claim[Evidence]) -> str:
    words = f"“{claim.statement}”" if claim.wording == "quoted" else claim.statement
    return f"{words} ({claim.source}{', inferred' if claim.wording == 'inferred' else ''})"


def _measured(judgement: Judgement[Evidence], protocol: str) -> str:
    tests = judgement.under(protocol)
    if not tests:
        return f"{protocol}: not measured" if protocol in judgement.claim.decided_by else f"{protocol}: –"
    test = least_in_favour(tests)
    value = f"{test.value.estimate:.4g} [{test.value.low:.4g}, {test.value.high:.4g}]"
    others = f", first of {len(tests)} tests" if len(tests) > 1 else ""
    return f"{protocol}: {value}, {test.outcome} ({test.subject}{others})"


def _sections(folder: Path) -> Iterator[Section]:
    yield Section(
        "The paper's two tables",
        "Each cell beside the number measured here. The interval is of the sample of test images; the difference is "
        "measured minus paper. Another seed of the training gives another network.",
        _parts(
            folder,
            ("accuracy.png", "Accuracy of each network and its smoothed classifier, clean and under FGSM, beside the "
                             "paper's."),
            ("cells.png", "Accuracy, measured minus reported, cell by cell."),
            ("smoothing_differences.png", "Accuracy of the smoothed classifier minus its network's, against the margin "
                                          "of no difference."),
            ("accuracy.csv", "Clean images, one row a cell"),
            ("adversarial_accuracy.csv", "Under FGSM, one row a cell"),
            ("differences.csv", "Smoothed classifier minus network on the same images"),
        ),
    )  # fmt: skip
    yield Section(
        "What sigma means",
        "The notebook adds noise of 0.15 to pixels from 0 to 255; the paper writes sigma up to 255. In between lies "
        "all that smoothing does.",
        _parts(
            folder,
            ("sigma_sweep.png", "Accuracy of each network and its smoothed classifier against sigma."),
            ("resolutions.png", "A test digit at the study's resolutions."),
        ),
    )
    yield Section(
        "What epsilon means",
        "The notebook attacks one network with 10/255 and the others with 2/255.",
        _parts(
            folder,
            ("epsilon_sweep.png", "Accuracy of each network and its smoothed classifier against FGSM's epsilon."),
            ("outlier.png", "Parts of the gap between UpscaledAI and Control."),
            ("outlier.csv", "Parts of the gap between the ESRGAN networks and their controls"),
            ("adversarial_examples.png", "Test images, clean and attacked."),
        ),
    )
    yield Section(
        "Resolution, certified",
        "Protocol corrected: networks trained for the noise, abstention, certificates that hold with probability 0.999 "
        "each. An l2 radius grows with the side of the image, so radii are also in 28x28 units.",
        _parts(
            folder,
            ("corrected/certified_by_resolution.png", "Certified accuracy by resolution, radii in 28x28 units."),
            ("corrected/resolution.csv", "Average certified radius against that of the 28x28 network"),
            ("corrected/certified_accuracy.png", "Certified accuracy against radius, beside the published."),
            ("corrected/trade_off.png", "What smoothing costs on clean images, and what it certifies."),
            ("corrected/certificates.csv", "One row a log of certificates"),
            ("corrected/draws.png", "Draws that an image takes."),
            ("corrected/sequential.csv", "Sequential against fixed draws, one row a radius"),
        ),
    )
    yield Section(
        "Training for noise",
        "The recipes on equal terms, by paired bootstrap on the same images.",
        _parts(
            folder,
            ("corrected/recipes.png", "Average certified radius by recipe."),
            ("corrected/recipes.csv", "One row a recipe"),
        ),
    )
    yield Section(
        "Attacks",
        "On the network, transferred to its smoothed classifier, and on the smoothed classifier itself.",
        _parts(
            folder,
            ("corrected/robustness.png", "Accuracy of network and smoothed classifier under attack."),
            ("corrected/smoothed_attack.png", "PGD on the smoothed classifier against transferred PGD."),
            ("corrected/smoothed_attack.csv", "One row a setting of PGD"),
        ),
    )
    yield Section(
        "The comparisons behind the verdicts",
        "Every comparison that a verdict rests on. An interval is simultaneous over those of its claim and protocol.",
        _parts(folder, ("claim_tests.csv", "One row a comparison")),
    )


def _parts(folder: Path, *named: tuple[str, str]) -> tuple[Table | Picture, ...]:
    """The tables and pictures among these that there are, each with its caption."""
    found: list[Table | Picture] = []
    for name, caption in named:
        path = folder / name
        if path.suffix == ".png":
            path = path.with_name("figures") / path.name
            found += [Picture(path, caption)] if path.exists() else []
        elif path.exists() and not (rows := pd.read_csv(path)).empty:
            found.append(Table(f"{caption} ({name})", rows[list(COLUMNS.get(name, rows.columns))]))
    return tuple(found)


def _facts(places: Places, profile: Profile) -> dict[str, str]:
    facts = {"Profile": json.dumps(asdict(profile), default=str), "MNIST, SHA-256": MNIST_NPZ_SHA256}
    for folder in (places.profile(profile), places.profile(profile) / CORRECTED):
        for key, (_, row) in load_trials(folder / "trials.csv").items():
            facts[key] = "; ".join(f"{name} {row[name]}" for name in FACTS if name in row)
    return facts
