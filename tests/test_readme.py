"""What the README promises: its commands, options, paths, numbers and example."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from src import certify_options, reproduce
from src.studies.resolution.config import PAPER, PROFILES, QUICK, RELEASED, SWEEP_EPSILONS, SWEEP_SIGMAS, VARIANTS
from src.studies.resolution.corrected.config import COMPARISON, FULL, REDUCED, SIGMAS
from src.studies.resolution.corrected.tables import TABLES as CORRECTED_TABLES
from src.studies.resolution.tables import TABLES

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SILENT = {"--quiet", "--disable-pip-version-check"}
"""Options of pip that change what it prints, not what it installs."""


def section(title: str) -> str:
    (found,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    return found


def commands(text: str) -> list[str]:
    """The indented lines."""
    return [line.strip() for line in text.splitlines() if line.startswith("    ")]


def words(line: str, first: str) -> list[str]:
    """Of a shell line's commands the one that begins with `first`."""
    (found,) = (part for part in line.split(" && ") if part.startswith(first))
    return shlex.split(found)


def test_no_placeholder_is_left() -> None:
    assert re.findall(r"@\w+@", README) == []


class TestCommands:
    def test_run_and_test(self) -> None:
        run, test = commands(section("Run it"))
        environment = "python3 -m venv .venv && . .venv/bin/activate && pip install -r requirements.txt"
        assert run == f"{environment} && python -m src.reproduce"
        assert test.startswith(f"{environment} ")

    def test_ci_executes_the_words_of_the_test_command(self) -> None:
        _, readme = commands(section("Run it"))
        script = [line for line in (ROOT / ".ci/run").read_text().splitlines() if not line.startswith("#")]
        (install,) = (shlex.split(line) for line in script if line.startswith("pip "))
        assert [word for word in install if word not in SILENT] == words(readme, "pip install")
        (run,) = (shlex.split(line) for line in script if line.startswith("python -m"))
        assert run == words(readme, "python -m pytest") == ["python", "-m", "pytest"]
        assert script[-1] == "python -m pytest", "its status must be the script's"
        for name in (word for word in install if word.endswith(".txt")):
            assert (ROOT / name).is_file()

    def test_examples_are_accepted_by_the_command_line(self) -> None:
        examples = [line for line in commands(README) if line.startswith("python -m src.reproduce")]
        assert len(examples) == 8
        for line in examples:
            options = reproduce.parser().parse_args(shlex.split(line)[3:])
            assert options.profile in {profile.name for profile in PROFILES} or options.study == "blur"

    def test_examples_of_certify_are_accepted(self) -> None:
        examples = commands(section("Certify your own model"))
        assert len(examples) == 4
        for line in examples:
            options = certify_options.parser().parse_args(shlex.split(line)[3:])
            if not options.plot:
                certify_options.checked(options)

    def test_every_option_exists(self) -> None:
        helps = reproduce.parser().format_help() + certify_options.parser().format_help()
        known = set(helps.split()) | {"--help"}
        known = {word.strip("[],") for word in known}
        mentioned = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", README))
        assert {"--profile", "--list", "--protocol", "--variants", "--seeds", "--precision", "--esrgan"} <= mentioned
        assert mentioned <= known

    def test_every_option_is_mentioned(self) -> None:
        own = set(reproduce.parser()._option_string_actions) - {"-h", "--help"}
        missing = {option for option in own if option not in README}
        assert not missing


class TestPaths:
    def test_every_path_of_the_layout_exists(self) -> None:
        layout = section("Layout")
        named = re.findall(r"[\w./]+(?:\.py\b|/(?=\s))", layout)
        assert len(named) > 15
        for name in named:
            # A bare file name is of `src/`.
            path = ROOT / name if "/" in name else ROOT / "src" / name
            assert path.is_dir() if name.endswith("/") else path.is_file(), name

    def test_the_layout_names_all_of_src(self) -> None:
        layout = section("Layout")
        for path in (ROOT / "src").iterdir():
            if path.name.startswith("_") or not (path.suffix == ".py" or (path / "__init__.py").exists()):
                continue
            assert re.search(rf"\b{re.escape(path.name)}(?:/|\b)", layout), path.name

    def test_every_linked_and_quoted_file_exists(self) -> None:
        linked = re.findall(r"\]\(([^)#]+)\)", README)
        quoted = re.findall(r"`((?:[\w-]+/)*(?:[\w-]+\.md|LICENSE))`", README)
        assert "results/resolution/paper/figures/sigma_sweep.png" in linked
        assert {"LICENSE", "data/README.md", "models/esrgan/README.md"} <= set(quoted)
        for name in [*(name for name in linked if "://" not in name), *quoted]:
            assert (ROOT / name).is_file(), name

    def test_every_module_exists(self) -> None:
        named = set(re.findall(r"\b((?:src|benchmarks)(?:\.\w+)+)", README))
        assert {"src.reproduce", "src.attacks.fgsm.FGSM", "src.metrics", "src.training.trainer.train"} <= named
        assert "benchmarks.vote_throughput" in named
        for name in named:
            parts = name.split(".")
            whole, holder = ROOT.joinpath(*parts).with_suffix(".py"), ROOT.joinpath(*parts[:-1]).with_suffix(".py")
            if not whole.is_file():
                assert holder.is_file(), name
                assert re.search(rf"^(?:class|def) {parts[-1]}\b", holder.read_text(), re.MULTILINE), name

    def test_every_table_is_described(self) -> None:
        for title, names in (("What comes out", TABLES), ("Three protocols", CORRECTED_TABLES)):
            for name in names:
                assert f"| `{name}` |" in section(title)


class TestNumbers:
    def row(self, title: str, first: str) -> str:
        (found,) = (line for line in section(title).splitlines() if line.startswith(f"| {first} |"))
        return found

    def test_of_the_profiles(self) -> None:
        quick = self.row("What comes out", "`quick`")
        assert f"{QUICK.train_images:,} training images ({QUICK.epochs} epochs, at 56x56 " in quick
        assert f"{QUICK.test_images[-1]:,} test images, sweeps on {QUICK.sweep_images:,} |" in quick
        paper = self.row("What comes out", "`paper`")
        assert f"{PAPER.epochs} epochs" in paper and PAPER.epochs == PAPER.epochs_56
        counts = " and ".join(f"{count:,}" for count in PAPER.test_images)
        assert f"{counts} test images, sweeps on {PAPER.sweep_images:,} |" in paper
        assert len(dict(QUICK.variants)[RELEASED]) == len(VARIANTS) == 6 and "all six networks" in quick

    def test_of_the_claims(self) -> None:
        """The table of verdicts and the count of cells are those of claims.csv."""
        claims = pd.read_csv(ROOT / "results/resolution/paper/claims.csv", keep_default_na=False).set_index("claim")
        row_pattern = r"^\| `([\w.-]+)` \| .* \| (.*) \| (.*) \| (.*) \| (.*) \|$"
        listed = re.findall(row_pattern, section("Claims"), re.MULTILINE)
        assert [name for name, *_ in listed] == [name for name in claims.index if "/" not in name]
        for name, *outcomes, verdict in listed:
            row = claims.loc[name]
            for protocol, said in zip(("released", "written", "corrected"), outcomes, strict=True):
                decides = protocol in row["decided_by"].split() or not row[f"{protocol}_outcome"]
                assert said == (row[f"{protocol}_outcome"] if decides else f"({row[f'{protocol}_outcome']})")
            assert verdict == row["verdict"]
        cells = claims[claims.index.str.contains("/")]
        (counted,) = re.findall(r"verdicts on the paper's 36 cells are\s+([^;]*);", README)
        (alone,) = re.findall(r" \((\d+) of them measured only so\)", counted)
        counted = re.sub(r"\s+\([^)]*\)", "", counted)
        said = {kind: int(number) for number, kind in (one.split(" ", 1) for one in counted.split(", "))}
        assert said == cells["verdict"].value_counts().to_dict()
        as_released = cells[cells["verdict"] == "reproduced only as released"]
        assert int(alone) == (as_released["measured_under"] == "released").sum()

    def test_of_the_sweeps(self) -> None:
        for name, values in (("sigma", SWEEP_SIGMAS), ("epsilon", SWEEP_EPSILONS)):
            line = self.row("What comes out", f"`{name}_sweep.csv`")
            (low, high) = re.search(r"from ([\d.]+)(?:/255)? to ([\d.]+)/255", line).groups()  # type: ignore[union-attr]
            assert (float(low), float(high)) == pytest.approx((values[0] * 255, values[-1] * 255))

    def test_of_the_protocols(self) -> None:
        noise = self.row("Three protocols", "training images")
        assert "12,000 with Gaussian noise of 0.15" in noise and "| 48,000, no noise | 48,000, fresh noise" in noise
        assert "2/255, and 10/255 for UpscaledAI alone | 10/255 |" in self.row("Three protocols", "FGSM epsilon")
        assert "| 10, argmax, no abstention |" in self.row("Three protocols", "votes")
        assert ", ".join(map(str, SIGMAS)) in self.row("Three protocols", "smoothing noise, sigma")
        text = " ".join(section("Three protocols").split())
        for schedule in (FULL, COMPARISON, REDUCED):
            assert re.search(rf"{schedule.train_images:,} images(?:,| and) {schedule.epochs} epochs", text)


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    (code,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    last = keras.layers.Dense(3, kernel_initializer=keras.initializers.GlorotUniform(seed=0))
    network = keras.Sequential([keras.Input((5, 5, 1)), keras.layers.Flatten(), last])
    network.save(tmp_path / "mine.keras")
    images = np.random.default_rng(0).random((4, 5, 5, 1), np.float32)
    np.save(tmp_path / "images.npy", images)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)

    votes = names["votes"]
    assert votes.counts.shape == votes.probabilities.shape == (4, 3) and votes.prediction.shape == (4,)
    assert votes.counts.sum(axis=1).tolist() == [1000] * 4
    np.testing.assert_array_equal(votes.prediction, votes.counts.argmax(axis=1))
    np.testing.assert_allclose(votes.probabilities.sum(axis=1), 1, rtol=1e-5)
    assert names["answers"].shape == (4,) and (names["certificates"].n == 1000).all()
    # At a sigma of 0.25 some copies go elsewhere: the noise is there.
    assert (votes.counts.max(axis=1) < 1000).any()
