from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import pytest

from src.base import InputError
from src.datasets.resolution import Resolution
from src.experiments.folders import Places
from src.experiments.trial_table import save_trial
from src.reporting.notebooks import DISPLAYED
from src.reporting.plotting import PANEL
from src.studies.resolution import showing
from src.studies.resolution.config import DOWNSCALED, NORMAL, RELEASED, SMOKE
from src.studies.resolution.evidence import load_evidence
from src.studies.resolution.plan import resolution_trial
from src.studies.resolution.sweep_tables import sigma_sweep
from src.studies.resolution.tables import evaluated
from tests.studies.resolution.records_folder import SMALL, job, write

ROOT = Path(__file__).parents[3]


class TestPlaces:
    def test_the_repository_s_and_profile_paper_by_default(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("DATA", "MODELS", "RESULTS", "PROFILE"):
            monkeypatch.delenv(f"REPRODUCE_{name}", raising=False)
        monkeypatch.chdir(tmp_path)
        places = showing.places()
        assert (places.data, places.models, places.results) == (ROOT / "data", ROOT / "models", ROOT / "results")
        assert showing.results_folder() == ROOT / "results" / "resolution" / "paper"

    def test_those_of_the_environment(self, folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert showing.places().models == folders / "models"
        assert showing.results_folder() == folders / "results" / "resolution" / "smoke"
        monkeypatch.setenv("REPRODUCE_MODELS", "elsewhere")
        assert showing.places().models == ROOT / "elsewhere"

    @pytest.mark.parametrize(("profile", "saying"), [("huge", "smoke, quick, paper"), ("quick", "--profile quick")])
    def test_what_is_not_there_is_told(
        self, folders: Path, monkeypatch: pytest.MonkeyPatch, profile: str, saying: str
    ) -> None:
        monkeypatch.setenv("REPRODUCE_PROFILE", profile)
        with pytest.raises(InputError, match=saying):
            showing.results_folder()


def test_pictures_keep_every_pixel_when_shown() -> None:
    sides = (14, 28, 56)
    images = {str(side): np.indices((side, side)).sum(axis=0) % 2 for side in sides}
    shown = showing.show(showing.pictures([images]), "three boards")
    pixels = np.asarray(PIL.Image.open(io.BytesIO(shown.data)).convert("L"))
    assert shown.width <= DISPLAYED and shown.alt == "three boards"
    for place, side in enumerate(sides):
        size, left = PANEL // side, 24 + place * (PANEL + 24)
        # The middles of the squares, away from the frame.
        middles = np.arange(2, side - 2) * size + size // 2
        found = pixels[130 + middles][:, left + middles] > 127
        np.testing.assert_array_equal(found, images[str(side)][2:-2, 2:-2].astype(bool))


def test_a_table_shows_nothing_where_there_is_no_value() -> None:
    text = showing.as_table(pd.DataFrame({"a": ["x", "y"], "b": [0.12345, np.nan]}), digits=2).data
    cells = re.findall(r"<td>(.*?)</td>", text)
    assert cells == ["x", "0.12", "y", ""]


class TestDigits:
    def test_of_the_digit_at_the_resolution_one_after_another(self, folders: Path) -> None:
        first = showing.digit_image(7)
        assert first.images.shape == (1, 14, 14, 1) and first.labels.tolist() == [7]
        second = showing.digit_image(7, Resolution(28, "original"), which=1)
        assert second.images.shape == (1, 28, 28, 1) and second.labels.tolist() == [7]
        assert first.indices != second.indices

    @pytest.mark.parametrize(
        ("digit", "which", "message"),
        [
            (10, 0, "digit: expected 0 to 9, got 10"),
            (7, 5000, "which: expected 0 to 1027 of the test set's images of 7, got 5000"),
            (7, -1, "which: expected 0 to 1027"),
        ],
    )
    def test_one_that_is_not_there(self, folders: Path, digit: int, which: int, message: str) -> None:
        with pytest.raises(InputError, match=message):
            showing.digit_image(digit, which=which)


def test_histories_in_the_order_of_the_study(folders: Path) -> None:
    results = showing.results_folder()
    assert showing.histories(results).empty
    for variant in (NORMAL, DOWNSCALED):
        trial = resolution_trial(SMOKE, RELEASED, variant, 0, "float32", None)
        save_trial(results / "trials.csv", trial, {})
        path = showing.places().trial(trial).history
        path.parent.mkdir(parents=True)
        path.write_text("epoch,loss,accuracy,seconds\n1,0.5,0.8,3\n2,0.25,0.9,3\n")
    found = showing.histories(results)
    assert found["variant"].tolist() == ["Downscaled"] * 2 + ["Normal"] * 2
    assert found["accuracy"].tolist() == [0.8, 0.9] * 2 and found["sigma"].isna().all()
    assert set(found["precision"]) == {"float32"}
    path.unlink()
    assert set(showing.histories(results)["variant"]) == {"Normal"}


class TestFirstSeed:
    @staticmethod
    def table(*trainings: tuple[str, str, int, str]) -> pd.DataFrame:
        """Two rows of each (protocol, variant, seed, precision), the trial being its place."""
        rows = [(*training, str(place)) for place, training in enumerate(trainings) for _ in range(2)]
        return pd.DataFrame(rows, columns=["protocol", "variant", "seed", "precision", "trial"])

    def test_of_each_network_under_each_protocol_the_smallest(self) -> None:
        table = self.table(
            ("released", "Normal", 2, "float32"),
            ("released", "Normal", 1, "bfloat16"),
            ("written", "Normal", 2, "float32"),
            ("released", "Downscaled", 10, "float32"),
            ("released", "Downscaled", 9, "float32"),
        )
        # All rows of a training, in the table's order.
        assert showing.first_seed(table)["trial"].tolist() == ["1", "1", "2", "2", "4", "4"]

    def test_of_one_seed_float32_else_the_first(self) -> None:
        pair = [("released", "Normal", 0, "bfloat16"), ("released", "Normal", 0, "float32")]
        assert set(showing.first_seed(self.table(*pair))["trial"]) == {"1"}
        # As with two ESRGANs.
        alike = [("released", "UpscaledAI", 0, "bfloat16")] * 2
        assert set(showing.first_seed(self.table(*alike))["trial"]) == {"0"}

    def test_of_nothing_is_nothing(self) -> None:
        assert showing.first_seed(self.table()).empty

    def test_is_what_the_claims_take(self, tmp_path: Path) -> None:
        places = Places(tmp_path / "data", tmp_path / "models", tmp_path / "results")
        for seed, precision in ((1, "float32"), (2, "float32"), (1, "bfloat16")):
            write(places, job(NORMAL, seed=seed, precision=precision))
        write(places, job(DOWNSCALED, seed=3))
        table = sigma_sweep(list(evaluated(places.profile(SMALL), SMALL)))
        claimed = {one.trial.key for one, _ in load_evidence(places, SMALL).of(RELEASED)}
        assert table["trial"].nunique() == 4 and set(showing.first_seed(table)["trial"]) == claimed
