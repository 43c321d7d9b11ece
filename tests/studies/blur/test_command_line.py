"""The blur study on the command line: what belongs to it, what it plans, and what it asks of the first study."""

from __future__ import annotations

from pathlib import Path

import pytest

from src import reproduce
from src.places import Places
from src.studies.blur.config import PROFILES, TRAININGS, Profile
from src.studies.blur.plan import cifar10_trial
from src.studies.resolution.config import RELEASED, SMOKE, VARIANTS
from src.studies.resolution.plan import resolution_trial


def run(tmp_path: Path, *options: str) -> int:
    folders = ("--results", str(tmp_path / "results"), "--models", str(tmp_path / "models"))
    return reproduce.main(["--study", "blur", *folders, *options])


@pytest.mark.parametrize("option", [("--protocol", "released"), ("--recipes", "gaussian"), ("--sigmas", "0.25")])
def test_options_of_the_first_study_are_refused(
    tmp_path: Path, option: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "--profile", "smoke", *option) == 2
    assert f"error: {option[0]} belongs to --study resolution. Leave it out." in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_profile_of_the_first_study_alone_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "--profile", "seeds") == 2
    assert "error: profile seeds: this study has smoke, quick, paper." in capsys.readouterr().err


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_the_plan_names_every_network_and_runs_nothing(
    tmp_path: Path, profile: Profile, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "--profile", profile.name, "--list", "--seeds", "7") == 0
    printed = capsys.readouterr().out
    for name in (*profile.variants, *(training.name for training in TRAININGS)):
        assert name in printed
    assert f"Profile {profile.resolution_profile}: still to do" in printed and "nothing was run" in printed
    assert not (tmp_path / "results").exists() and not (tmp_path / "models").exists()


def test_keys_tell_networks_apart() -> None:
    keys = {
        cifar10_trial(profile, training, seed, precision).key
        for profile in PROFILES
        for training in TRAININGS
        for seed in (0, 1)
        for precision in ("float32", "bfloat16")
    }
    assert len(keys) == len(PROFILES) * len(TRAININGS) * 4
    assert all("," not in key and " " not in key for key in keys)


class TestNetworksOfTheFirstStudy:
    @pytest.fixture
    def looked_at(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The keys of the networks that the study would look at."""
        keys: list[str] = []
        monkeypatch.setattr(reproduce.blur_run, "fetch_data", lambda jobs, places: keys.append("fetched"))
        monkeypatch.setattr(
            reproduce.blur_run, "run", lambda jobs, *_, **__: keys.extend(job.trial.key for job in jobs[:1])
        )
        return keys

    def test_one_that_is_missing_is_trained_and_nothing_else_done(self, tmp_path: Path, looked_at: list[str]) -> None:
        assert run(tmp_path, "--profile", "smoke", "--variants", "Downscaled") == 0
        first, key = looked_at
        assert first == "fetched", "data that can't be had are known before any training"
        assert (tmp_path / "models" / "resolution" / key / "complete.json").exists()
        assert not (tmp_path / "results").exists()
        before = (tmp_path / "models" / "resolution" / key / "weights.npz").stat().st_mtime_ns
        assert run(tmp_path, "--profile", "smoke", "--variants", "Downscaled") == 0
        assert (tmp_path / "models" / "resolution" / key / "weights.npz").stat().st_mtime_ns == before

    def test_one_in_another_precision_will_do(self, tmp_path: Path, looked_at: list[str]) -> None:
        (variant,) = (one for one in VARIANTS if one.name == "Downscaled")
        trial = resolution_trial(SMOKE, RELEASED, variant, 0, "bfloat16", None)
        folder = Places(tmp_path, tmp_path / "models", tmp_path).trial(trial)
        folder.begin(trial)
        folder.complete([], {})
        assert run(tmp_path, "--profile", "smoke", "--variants", "Downscaled") == 0
        assert looked_at == ["fetched", trial.key]
