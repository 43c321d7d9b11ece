"""The blur study on the command line: what belongs to it, what it plans, and what it asks of the first study."""

from __future__ import annotations

from pathlib import Path

import pytest

from src import reproduce
from src.experiments.folders import Places
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
    assert f"Profile {profile.resolution_profile}: plan" in printed and "nothing was run" in printed
    assert not (tmp_path / "results").exists() and not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("several", "once", "networks"),
    [
        ("--variants Normal --variants Downscaled normal", "--variants Normal Downscaled", 2 + 2 + 12),
        ("--variants Normal Normal --seeds 3 3", "--variants Normal --seeds 3", 1 + 1 + 6),
        ("--seeds 4 --seeds 3 --seeds 4", "--seeds 4 3", 2 + 2 + 12),
    ],
)
def test_what_is_named_in_several_options_counts_and_what_is_named_twice_counts_once(
    tmp_path: Path, several: str, once: str, networks: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counted are the first study's networks to be trained, and all that are looked at."""
    printed = []
    for options in (several, once):
        assert run(tmp_path, "--profile", "smoke", "--list", *options.split()) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    rows = (line.strip().split(" ")[0] for line in printed[0].splitlines())
    assert sum(row in ("released", "mnist", "cifar10") for row in rows) == networks


class TestUpscaler:
    @pytest.mark.parametrize("handle", ["no/such/folder", "https://example.org/esrgan"])
    def test_is_refused_where_no_network_has_its_images(
        self, tmp_path: Path, handle: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(tmp_path, "--profile", "smoke", "--esrgan", handle, "--list") == 2
        assert capsys.readouterr().err == (
            f"error: --esrgan {handle}: no network of this run has ESRGAN's images. Leave it out, or name 'UpscaledAI' "
            "or 'UpscaledAI Small' with --variants.\n"
        )

    def test_is_taken_where_one_has(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        options = ("--profile", "smoke", "--list", "--variants", "Normal", "UpscaledAI Small", "--esrgan")
        assert run(tmp_path, *options, "https://example.org/esrgan") == 0
        assert "mnist UpscaledAI Small 0" in capsys.readouterr().out
        assert run(tmp_path, *options, "no/such/folder") == 2
        assert "there is no such folder" in capsys.readouterr().err


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
