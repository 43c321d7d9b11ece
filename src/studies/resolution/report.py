"""The study's report: its verdicts, tables and figures in one file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from src.claims.claim import Judgement
from src.claims.tables import verdict_rows
from src.datasets.mnist import MNIST_NPZ_SHA256
from src.experiments.folders import Places
from src.experiments.trial_table import trial_facts
from src.reporting.report import Report, write_report
from src.studies.resolution.claims import READINGS
from src.studies.resolution.config import Profile
from src.studies.resolution.corrected.config import CORRECTED
from src.studies.resolution.evidence import Evidence
from src.studies.resolution.finding import finding
from src.studies.resolution.report_sections import sections

REPORT = "report.html"

TITLE = "Does resolution change what randomized smoothing buys?"

PAPER = "Effects of Image Resolution on Accuracy and Robustness in CNNs and Smoothed Classifiers (Nissan, 2023)"


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
            lead=f"A reproduction of {PAPER}, profile {profile.name}.",
            caution=profile.caution,
            findings=tuple(finding(folder)),
            verdicts=verdict_rows(judged, READINGS),
            sections=tuple(sections(folder)),
            facts=_facts(places, profile),
        ),
    )


def _facts(places: Places, profile: Profile) -> dict[str, str]:
    facts = {"Profile": json.dumps(asdict(profile), default=str), "MNIST, SHA-256": MNIST_NPZ_SHA256}
    for folder in (places.profile(profile), places.profile(profile) / CORRECTED):
        facts |= trial_facts(folder / "trials.csv")
    return facts
