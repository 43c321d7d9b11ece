"""What a protocol's folder may hold when its tables are written: nothing, parts, or what does not belong. 4 seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from src.base import InputError
from src.certification.log import Fixed
from src.studies.resolution.config import DOWNSCALED, NORMAL
from src.studies.resolution.corrected.config import FULL
from src.studies.resolution.corrected.plan import corrected_jobs
from src.studies.resolution.corrected.tables import TABLES, write_tables
from src.training.recipes import Gaussian

from .corrected_folder import job, make_folder, write_log
from .test_tables import RADII, log_rows, table

ROOT = Path(__file__).parents[4]


class TestFolder:
    def test_an_empty_folder_gives_headers(self, tmp_path: Path) -> None:
        write_tables(tmp_path)
        for name in TABLES:
            (header,) = (tmp_path / name).read_text().splitlines()
            assert header.startswith("variant,resized_by,side,recipe,schedule,") and header.endswith(",trial")

    def test_a_trial_that_only_begins_gives_headers(self, tmp_path: Path) -> None:
        one = job(NORMAL, Gaussian(0.25), FULL)
        write_log(one, tmp_path, Fixed(1_000), log_rows([]))
        for name in TABLES:
            assert table(one, tmp_path, name).empty

    def test_same_measurements_give_the_same_bytes(self, tmp_path: Path) -> None:
        jobs = corrected_jobs("smoke", [0], "float32", None)
        folders = [make_folder(tmp_path / name, order, images=8) for name, order in (("a", jobs), ("b", jobs[::-1]))]
        for folder in folders:
            write_tables(folder)
        logs = [sorted(folder.glob("certificates/*.tsv"))[0].read_bytes() for folder in folders]
        assert logs[0] != logs[1]  # the seconds differ
        for name in TABLES:
            content = (folders[0] / name).read_bytes()
            assert content == (folders[1] / name).read_bytes() and content.count(b"\n") > 1, name

    def test_every_column_that_is_computed_is_written(self, tmp_path: Path) -> None:
        """A column of the header that no row fills would be a misspelt one."""
        folder = make_folder(tmp_path, corrected_jobs("paper", [0], "float32", None, [NORMAL, DOWNSCALED]), images=100)
        write_tables(folder)
        for name in TABLES:
            rows = pd.read_csv(folder / name)
            empty = [column for column in rows if rows[column].isna().all()]
            # Recipes are compared at a fixed number of draws.
            assert empty == (["grid"] if name == "recipes.csv" else []), name
            assert "time" not in rows and len(rows)

    def test_a_torn_line_is_left_out(self, tmp_path: Path) -> None:
        one = job(NORMAL, Gaussian(0.25), FULL)
        write_log(one, tmp_path, Fixed(1_000), log_rows(RADII))
        (path,) = tmp_path.rglob("*.tsv")
        path.write_bytes(path.read_bytes()[:-9])
        assert table(one, tmp_path, "certificates.csv").loc[0, "images"] == 9

    @pytest.mark.parametrize(
        ("change", "complaint"),
        [({"trial": "another"}, "it is of trial another"), ({"method": None}, "does not describe"),
         ({"sigma": "wide"}, "does not describe")],
    )  # fmt: skip
    def test_settings_that_do_not_belong(self, change: dict[str, object], complaint: str, tmp_path: Path) -> None:
        one = job(NORMAL, Gaussian(0.25), FULL)
        write_log(one, tmp_path, Fixed(1_000), log_rows(RADII))
        (sidecar,) = tmp_path.rglob("*.tsv.json")
        sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), **change}))
        with pytest.raises(InputError, match=f"{complaint}.*Delete"):
            table(one, tmp_path, "certificates.csv")

    def test_a_log_without_settings(self, tmp_path: Path) -> None:
        one = job(NORMAL, Gaussian(0.25), FULL)
        write_log(one, tmp_path, Fixed(1_000), log_rows(RADII))
        next(tmp_path.rglob("*.tsv.json")).unlink()
        with pytest.raises(InputError, match=r"json does not describe its log .*Delete"):
            table(one, tmp_path, "certificates.csv")

    def test_a_trial_of_another_protocol(self, tmp_path: Path) -> None:
        one = job(NORMAL, Gaussian(0.25), FULL)
        object.__setattr__(one.trial, "protocol", "released")
        with pytest.raises(InputError, match="lists released-normal"):
            table(one, tmp_path, "certificates.csv")

    def test_needs_neither_tensorflow_nor_pyplot(self) -> None:
        code = (
            "import sys, src.studies.resolution.corrected.tables, src.studies.resolution.corrected.figures;"
            "sys.exit(', '.join({'tensorflow', 'keras', 'matplotlib.pyplot'} & set(sys.modules)) or None)"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
        assert result.returncode == 0, result.stderr
