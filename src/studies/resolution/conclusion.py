"""What follows from all that was measured: the claims with their verdicts, and the report."""

from __future__ import annotations

import json

from src.claims.claim import judge
from src.claims.tables import described, print_verdicts
from src.cli.progress import stage
from src.experiments.folders import Places
from src.experiments.run import ANOTHER, Products
from src.reporting.plotting import save
from src.storage.files import only_writer, write_text
from src.studies.resolution.claims import CLAIM_TABLES, all_claims, write_claims
from src.studies.resolution.config import SEEDS, Profile
from src.studies.resolution.corrected import run as corrected_run
from src.studies.resolution.corrected.config import CORRECTED
from src.studies.resolution.evidence import load_evidence
from src.studies.resolution.figure_claims import cells, smoothing_differences
from src.studies.resolution.figure_outlier import outlier
from src.studies.resolution.outlier_table import OUTLIER, outlier_table
from src.studies.resolution.report import REPORT, write_study_report
from src.studies.resolution.run import made_from

FIGURES = {"cells.png": cells, "smoothing_differences.png": smoothing_differences, "outlier.png": outlier}


def conclude(places: Places, profile: Profile) -> None:
    """Judge the paper's claims by a profile's records and write the report, unless both are up to date.

    Raises:
        InputError: a file is damaged.
        StorageError: something can't be written.
    """
    folder = places.profile(profile)
    claims = all_claims()
    asked = {one.name: described(one) for one in claims}

    def sources() -> str:
        made = [made_from(folder), corrected_run.made_from(folder / CORRECTED), made_from(places.profile(SEEDS))]
        return "".join([*made, json.dumps(asked, indent=2), "\n"])

    def write() -> None:
        with stage("Judging the claims", total=1, unit="profiles") as advance:
            evidence = load_evidence(places, profile)
            judged = judge(claims, evidence)
            write_claims(folder, judged)
            outlier = outlier_table(evidence.jobs, evidence.reduced)
            write_text(folder / OUTLIER, outlier.to_csv(index=False, float_format="%.6g"))
            for name, draw in FIGURES.items():
                save(draw(folder), folder / "figures" / name)
            write_study_report(places, profile, judged)
            advance(1)

    names = (*CLAIM_TABLES, OUTLIER, *(f"figures/{name}" for name in FIGURES), REPORT)
    products = Products(tuple(folder / name for name in names), folder / "conclusion.json", sources, write)
    with only_writer(folder / ".lock", folder, ANOTHER):
        if not products.are_current():
            products.make()
    print_verdicts(folder / CLAIM_TABLES[0])
    print(f"Verdicts, tables and figures in one file: {folder / REPORT}")
