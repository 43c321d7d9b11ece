"""What the README promises: its commands, options, paths, numbers and example."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from src import reproduce
from src.certification import options as certify_options
from src.studies.blur.config import PROFILES as BLUR_PROFILES
from src.studies.blur.tables import TABLES as BLUR_TABLES
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
        assert len(examples) == 9
        for line in examples:
            options = reproduce.parser().parse_args(shlex.split(line)[3:])
            known = BLUR_PROFILES if options.study == "blur" else PROFILES
            assert options.profile in {None, *(profile.name for profile in known)}

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
        expected = {"reproduce", "attacks.fgsm.FGSM", "statistics.intervals", "training.trainer.train"}
        assert {f"src.{name}" for name in expected} <= named
        assert "benchmarks.vote_throughput" in named
        for name in named:
            parts = name.split(".")
            whole, holder = ROOT.joinpath(*parts).with_suffix(".py"), ROOT.joinpath(*parts[:-1]).with_suffix(".py")
            if not whole.is_file():
                assert holder.is_file(), name
                assert re.search(rf"^(?:class|def) {parts[-1]}\b", holder.read_text(), re.MULTILINE), name

    def test_every_table_is_described(self) -> None:
        described = (
            ("What comes out", TABLES), ("Three protocols", CORRECTED_TABLES), ("Second study: blur", BLUR_TABLES)
        )  # fmt: skip
        for title, names in described:
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


def examples(text: str) -> list[str]:
    """The Python in it."""
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_constants_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras

    (code,) = examples(section("Second study: blur"))
    assert len(examples(README)) == 2
    layers = [keras.layers.Conv2D(3, 5, strides=2, name="first"), keras.layers.Conv2D(2, 3, name="second")]
    keras.Sequential([keras.Input((12, 12, 1)), *layers]).save(tmp_path / "mine.keras")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["first", "second"]
    assert all(float(line.split()[1]) > 0 for line in lines)


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    (code,) = examples(section("Use a part alone"))
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


class TestBlur:
    """The second study's section, held against the committed tables."""

    folder = ROOT / "results" / "blur" / "paper"

    def table(self, name: str, **where: Any) -> pd.DataFrame:
        rows = pd.read_csv(self.folder / f"{name}.csv", keep_default_na=name != "claims")
        for column, value in where.items():
            rows = rows[rows[column] == value]
        return rows

    def says(self, *numbers: str) -> None:
        said = " ".join(section("Second study: blur").split())
        for words_and_numbers in numbers:
            assert words_and_numbers in said

    @staticmethod
    def interval(row: pd.Series, name: str) -> str:
        return f"{row[name]:+.3f} [{row[f'{name}_low']:+.3f}, {row[f'{name}_high']:+.3f}]"

    def test_every_claim(self) -> None:
        for row in self.table("claims").to_dict("records"):
            outcomes = f"{row['mnist_outcome']} | {row['cifar10_outcome']} | {row['verdict']}"
            self.says(f"| `{row['claim']}` | {row['statement']} | {outcomes} |".replace("  ", " "))

    def test_trainings_and_images(self) -> None:
        (seeds,) = self.table("training")["seeds"].unique()
        self.says(f"; {seeds} trainings of each kind", f"{self.table('accuracy')['images'].max():,} test images")

    def test_the_inequality(self) -> None:
        rows = self.table("layers")
        rows = rows[~rows["variant"].str.startswith("frozen")]
        self.says(
            f"In all {len(rows)} pairs",
            f"{rows['tightness'].min():.1%} to {rows['tightness'].max():.0%} of the bound",
            f"({rows['bound'].min():.1f} to {rows['bound'].max():.1f} times",
            f"by at most {rows['relative_max'].max():.4f} times its own length",
        )
        assert (rows["bound"] >= 1).all()
        beyond = rows[rows["relative_max"] >= 1]
        assert beyond[["variant", "layer", "size"]].values.tolist() == [["Downscaled", "conv 2", 3.0]]

    def test_explanation(self) -> None:
        rows = self.table("claim_tests", claim="explanation")
        gray, colour = (rows[rows["protocol"] == dataset]["outcome"] for dataset in ("mnist", "cifar10"))
        undecided = [f"{(outcomes == 'inconclusive').sum()} of {len(outcomes)}" for outcomes in (gray, colour)]
        self.says(f"is open for {undecided[0]} comparisons on MNIST and {undecided[1]} on CIFAR-10, and fails for none")
        assert set(rows["outcome"]) == {"holds", "inconclusive"}
        # "By its own 95% interval each of them would hold."
        assert (rows["value"] > 0).all() and (rows["p_value"] < 0.05).all()

    def test_propagation(self) -> None:
        rows = self.table("propagation").query("stage >= 0 and (dataset == 'mnist' or variant == 'plain')")
        growth = {}
        for kind, of_kind in (("conv", rows[rows["kind"] == "conv"]), ("logits", rows)):
            ends = of_kind.sort_values("stage").groupby(["dataset", "trial", "size"])["error"].agg(["first", "last"])
            first = rows[rows["stage"] == 0].set_index(["dataset", "trial", "size"])["error"]
            ratio = ends["last"] / first
            growth |= {(kind, dataset): ratio[dataset] for dataset in ("mnist", "cifar10")}
        spans = {name: f"{ratio.min():.2f} to {ratio.max():.2f}" for name, ratio in growth.items()}
        gray = growth["conv", "mnist"]
        self.says(
            f"was {spans['conv', 'cifar10']} times that after the first on CIFAR-10, {spans['conv', 'mnist']} on MNIST",
            f"below 1 in {(gray < 1).sum()} of {len(gray)} cases",
            f"that of the logits {spans['logits', 'cifar10']} and {spans['logits', 'mnist']} times",
        )
        assert all("upscaledai" in trial and size <= 1 for trial, size in gray[gray < 1].index)

    def test_accuracy(self) -> None:
        plain = self.table("training", variant="plain").set_index(["blur", "size"])["accuracy"]
        gray = self.table("accuracy", dataset="mnist")
        soft, sharp = gray[gray["size_28"].round(6) == 2]["accuracy"], gray[gray["blur"] == "none"]["accuracy"]
        self.says(
            f"from {plain['none', 0.0]:.3f} to {plain['gaussian', 2.0]:.3f}",
            f"from {sharp.min():.3f} or more to {soft.min():.3f} to {soft.max():.3f}",
        )
        heavy = self.table("claim_tests", claim="misclassified")
        assert len(heavy) and (heavy["low"] > 0).all()

    def test_training_on_copies(self) -> None:
        rows = self.table("training").set_index(["variant", "blur", "size"])
        own, frozen = (
            [self.interval(rows.loc[(name, "gaussian", size)].squeeze(), "minus_control") for size in (2.0, 3.0)]
            for name in ("blurred copies", "frozen, blurred copies")
        )
        sharp = self.interval(rows.loc[("blurred copies", "none", 0.0)].squeeze(), "minus_control")
        self.says(
            f"{own[0]} at 2 pixels and {own[1]} at 3", f"{frozen[0]} and {frozen[1]}; without blur by {sharp}"
        )

    def test_smoothing(self) -> None:
        rows = self.table("smoothing")
        noisy = [self.interval(row, "rs_minus_cnn") for _, row in rows[rows["variant"] == "noise"].iterrows()]
        soft = rows[rows["size"] > 0]
        rest = soft[soft["trained_with_noise"] == "no"]["rs_minus_cnn"]
        gray = soft[soft["dataset"] == "mnist"].sort_values("rs_minus_cnn")
        ends = [f"{row['rs_minus_cnn']:+.3f} ({row['variant']}, {row['size']:g} pixels)" for _, row in gray.iterrows()]
        self.says(
            f"{noisy[0]} without blur, {noisy[1]}, {noisy[2]} and {noisy[3]} at 1, 2 and 3 pixels",
            f"under blur {rest.min():+.3f} to {rest.max():+.3f} for networks trained without noise",
            f"from {ends[0]} to {ends[-1]}",
        )
        assert rest.max() < 0
