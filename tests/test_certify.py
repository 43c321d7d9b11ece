"""The command line for a user's own model as a user meets it: whole runs, interruptions, figures."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from src import certify
from src.certification import curves as certified_curves
from src.certification.log import CertificationLog, read_log
from src.certification.options import parser
from src.reporting import plotting
from src.smoothing.radius import certified_radius, round_down
from src.statistics.intervals import wilson_interval
from src.storage.files import only_writer, sha256
from tests.killed_at import assert_kills_change_nothing
from tests.linear_models import labelled_images, true_radii, write_files

COUNT = 40


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_files(folder, COUNT)
    return folder


def command(files: Path, out: Path, *options: str, model: str = "linear", data: str = "data") -> list[str]:
    return [str(files / f"{model}.keras"), str(files / f"{data}.npz"), "--out", str(out), *options]


def rows(path: Path) -> pd.DataFrame:
    """All but the wall time."""
    return read_log(path).drop(columns="time")


FIXED = ("--sigma", "0.25", "--n", "1000", "--alpha", "0.0001")


@pytest.fixture(scope="module")
def fixed(files: Path) -> Path:
    """The log of a whole run."""
    out = files / "fixed" / "log.tsv"
    assert certify.main(command(files, out, *FIXED)) == 0
    return out


def test_a_linear_networks_radii_are_below_the_true_ones_and_near(fixed: Path) -> None:
    log = read_log(fixed)
    assert log["idx"].tolist() == list(range(COUNT))
    data = labelled_images(COUNT)
    true = true_radii(data["images"])
    # One of 40 certificates is beyond its true radius with probability 40 alpha = 0.004 or less; the seed is fixed.
    assert (log["radius_exact"] <= true).all()
    right = np.where(np.arange(COUNT) % 10 == 0, 1 - data["labels"], data["labels"])
    answered = log["predict"] != -1
    assert answered[true > 0.1].all() and (log["predict"] == right)[answered].all()
    # A count misses by less than 5 standard deviations (once in a million runs), and the bound takes another 4.
    probability = stats.norm.cdf(true / 0.25)
    slack = 9 * 0.25 * np.sqrt(probability * (1 - probability) / 1000) / stats.norm.pdf(true / 0.25)
    near = answered & (true < 1.26 * 0.25)
    assert near.sum() > 5
    assert (log["radius_exact"] > true - slack)[near].all()
    assert log["radius_exact"].max() == certified_radius(1000, 1000, 1e-4, 0.25)


def test_the_settings_are_beside_the_log(files: Path, fixed: Path) -> None:
    settings = json.loads(fixed.with_name("log.tsv.json").read_text())
    made_with = settings.pop("made_with")
    assert made_with["versions"]["keras"] == keras.__version__
    assert made_with["device"] in ("CPU", "GPU") and made_with["precision"] == "float32"
    assert settings == {
        "method": "fixed", "n": 1000, "n0": 100, "sigma": 0.25, "alpha": 0.0001, "seed": 0, "bounds": [0.0, 1.0],
        "model_sha256": sha256(files / "linear.keras"), "data_sha256": sha256(files / "data.npz"),
    }  # fmt: skip


def test_the_summary_has_intervals_and_a_complete_log_is_only_read(
    files: Path, fixed: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fixed.read_bytes()
    monkeypatch.setattr(certify, "_run", None)
    assert certify.main(command(files, fixed, *FIXED)) == 0
    assert fixed.read_bytes() == before
    said = capsys.readouterr().out
    log = read_log(fixed)
    for radius in (0, 0.25, 0.5):
        share = ((log["correct"] == 1) & (log["radius_exact"] >= radius)).mean()
        assert f"certified accuracy at {radius:<16g}{share:.4f} [" in said
    assert f"{round_down((log['correct'] * log['radius_exact']).mean(), 4):.4f} [" in said
    assert "lower bound" not in said
    assert f"abstentions                           {(log['predict'] == -1).mean():.4f} [" in said
    assert "draws for an image, mean              1000" in said


@pytest.mark.parametrize("how", [(), ("--sequential",), ("--predict",)])
def test_a_model_for_pixels_to_255_looks_as_wrong_as_it_is(
    files: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    how: tuple[str, ...],
) -> None:
    """Images in [0, 1], which it divides by 255: all are black to it, so it answers class 0, with and without noise."""
    labels = labelled_images(COUNT)["labels"]
    expected = wilson_interval(int((labels == 0).sum()), COUNT)
    assert 0.3 < expected.estimate < 0.7
    line = "accuracy of the network, no noise     {:.4f} [{:.4f}, {:.4f}]".format(*expected)
    options = ("--sigma", "0.25", "--n", "100", *how)
    out = tmp_path / "log.tsv"
    assert certify.main(command(files, out, *options, model="bytes")) == 0
    assert line in capsys.readouterr().out
    monkeypatch.setattr(certify, "_run", None)
    assert certify.main(command(files, out, *options, model="bytes")) == 0
    assert line in capsys.readouterr().out, "from the log alone"


@pytest.mark.parametrize("how", [(), ("--sequential",), ("--predict",)])
def test_a_log_made_before_further_columns_were_written_is_done_or_goes_on(
    files: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    how: tuple[str, ...],
) -> None:
    out, options = tmp_path / "log.tsv", ("--sigma", "0.25", "--n", "100", *how)
    assert certify.main(command(files, out, *options)) == 0
    whole = rows(out)
    lines = [line.split("\t") for line in out.read_text().splitlines()]
    width = lines[0].index("network")
    for kept in (len(lines), 8):
        out.write_text("".join("\t".join(line[:width]) + "\n" for line in lines[:kept]))
        capsys.readouterr()
        with monkeypatch.context() as patched:
            if kept == len(lines):
                patched.setattr(certify, "_run", None)
            assert certify.main(command(files, out, *options)) == 0
        assert "accuracy of the network, no noise     not recorded in this log" in capsys.readouterr().out
        pd.testing.assert_frame_equal(rows(out), whole.drop(columns=["network", "count_at", "n_at"], errors="ignore"))
        assert len(out.read_text().splitlines()[0].split("\t")) == width


def test_a_network_that_emits_probabilities_gets_the_same_votes(files: Path, fixed: Path, tmp_path: Path) -> None:
    assert certify.main(command(files, tmp_path / "log.tsv", *FIXED, model="probabilities")) == 0
    pd.testing.assert_frame_equal(rows(tmp_path / "log.tsv"), rows(fixed))


def test_pixels_to_255_are_certified_in_their_own_unit(files: Path, fixed: Path, tmp_path: Path) -> None:
    options = ("--sigma", "63.75", "--n", "1000", "--alpha", "0.0001", "--bounds", "0", "255")
    assert certify.main(command(files, tmp_path / "log.tsv", *options, model="bytes", data="bytes")) == 0
    there, small = rows(tmp_path / "log.tsv"), rows(fixed)
    assert np.allclose(there["radius_exact"] / 255, small["radius_exact"], atol=0.02)
    assert there["radius_exact"].max() > 100


def test_sequential_certificates_take_fewer_draws_where_it_is_easy(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "log.tsv"
    options = ("--sigma", "0.25", "--n", "5000", "--sequential", "--radii", "0", "0.2", "0.4")
    assert certify.main(command(files, out, *options)) == 0
    log, true = read_log(out), true_radii(labelled_images(COUNT)["images"])
    assert set(log["radius_exact"]) == {0.0, 0.2, 0.4}
    # At alpha = 0.001, one of 40 is wrong with probability 0.04 or less; the seed is fixed.
    assert (log["radius_exact"] <= true).all()
    assert (log["n"] <= 5000).all() and (log["n"][true > 1] < 500).all()
    settings = json.loads(out.with_name("log.tsv.json").read_text())
    assert settings["cap"] == 5000 and settings["radii"] == [0.0, 0.2, 0.4] and settings["method"] == "sequential"
    assert "(of a grid: a lower bound)" in capsys.readouterr().out


def test_the_grid_is_in_multiples_of_sigma_by_default(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "log.tsv"
    assert certify.main(command(files, out, "--sigma", "0.5", "--n", "100", "--sequential", "--max", "1")) == 0
    assert json.loads(out.with_name("log.tsv.json").read_text())["radii"] == [0, 0.5, 1, 1.5]


def test_predict_answers_without_radii(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "log.tsv"
    assert certify.main(command(files, out, "--sigma", "0.25", "--n", "100", "--predict")) == 0
    log, true = read_log(out), true_radii(labelled_images(COUNT)["images"])
    assert out.read_text().startswith("idx\tlabel\tpredict\tcorrect\ttime\tcount\tn\tnetwork\n")
    assert (log["predict"] != -1)[true > 0.2].all() and (log["predict"] == -1).any()
    assert f"accuracy, abstentions as errors       {log['correct'].mean():.4f} [" in capsys.readouterr().out
    assert "n0" not in json.loads(out.with_name("log.tsv.json").read_text())


def test_more_images_later_go_on_in_the_same_log(
    files: Path, fixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "log.tsv"
    for most in ("7", "25", "3", "1000"):
        assert certify.main(command(files, out, *FIXED, "--max", most)) == 0
        assert f"\n{min(int(most), COUNT)} images; 95% intervals" in capsys.readouterr().out
        assert len(read_log(out)) == {"7": 7, "25": 25, "3": 25, "1000": COUNT}[most]
    pd.testing.assert_frame_equal(rows(out), rows(fixed))


def test_ctrl_c_keeps_whole_blocks_and_says_how_to_go_on(
    files: Path, fixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, append = tmp_path / "log.tsv", CertificationLog.append

    def interrupted(log: CertificationLog, block: pd.DataFrame) -> None:
        if len(log.done()) >= 20:
            raise KeyboardInterrupt
        append(log, block)

    monkeypatch.setattr(CertificationLog, "append", interrupted)
    assert certify.main(command(files, out, *FIXED)) == 130
    assert "run the same command again to go on" in capsys.readouterr().err
    assert len(read_log(out)) == 20
    monkeypatch.undo()
    assert certify.main(command(files, out, *FIXED)) == 0
    pd.testing.assert_frame_equal(rows(out), rows(fixed))


def certified(files: Path, options: tuple[str, ...], folder: Path) -> int:
    return certify.main(command(files, folder / "log.tsv", *options))


@pytest.mark.parametrize("how", [(), pytest.param(("--sequential",), marks=pytest.mark.slow)])
def test_kills_at_every_kind_of_write_leave_the_same_log(files: Path, tmp_path: Path, how: tuple[str, ...]) -> None:
    assert_kills_change_nothing(functools.partial(certified, files, (*FIXED, *how)), tmp_path)


def test_a_second_run_is_kept_out(
    files: Path, fixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "log.tsv"
    assert certify.main(command(files, out, *FIXED, "--max", "3")) == 0
    before = out.read_bytes()
    with only_writer(tmp_path / ".log.tsv.lock", out, "wait"):
        assert certify.main(command(files, out, *FIXED)) == 2
    assert "another run is writing" in capsys.readouterr().err
    assert out.read_bytes() == before


def test_of_two_runs_that_start_together_one_begins(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "log.tsv"
    with only_writer(tmp_path / ".log.tsv.lock", out, "wait"):
        assert certify.main(command(files, out, *FIXED)) == 2
        assert [path.name for path in tmp_path.iterdir()] == [".log.tsv.lock"]
    assert "another run is writing" in capsys.readouterr().err

    @contextmanager
    def after_another_run(lock: Path, what: Path, way_out: str) -> Iterator[None]:
        with only_writer(lock, what, way_out):
            other = CertificationLog(out, {"method": "fixed", "n": 7})
            other.begin()
            other.append(pd.DataFrame({"idx": [0], "label": 1, "predict": 1, "radius": 0.1, "count": 7, "n": 7,
                                       "seconds": 0.1, "network": 1}))  # fmt: skip
            yield

    # Both looked, and saw nothing; the other was first, with other settings, and has ended.
    monkeypatch.setattr(certify, "only_writer", after_another_run)
    assert certify.main(command(files, out, *FIXED)) == 2
    assert "n is 7 there and 1000 now" in capsys.readouterr().err
    assert len(read_log(out)) == 1


def test_plot_draws_logs_and_overwrites_nothing(
    fixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "curves.png"
    assert certify.main(["--plot", str(fixed), str(fixed), "--out", str(out)]) == 0
    drawn = out.read_bytes()
    assert drawn.startswith(b"\x89PNG")
    assert certify.main(["--plot", str(fixed), "--out", str(out)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert out.read_bytes() == drawn


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (("sigma_0.25", "sigma_1.00"), ["sigma_0.25", "sigma_1.00"]),
        (("sigma_0.25.tsv", "sigma_0.5.tsv"), ["sigma_0.25", "sigma_0.5"]),
        (("sigma_0.25.tsv", "sigma_0.25"), ["{}/sigma_0.25.tsv", "{}/sigma_0.25"]),
        (("a/log.tsv", "b/log.tsv"), ["{}/a/log.tsv", "{}/b/log.tsv"]),
        (("log.csv", "log.txt", ".tsv"), ["log.csv", "log.txt", ".tsv"]),
    ],
)
def test_curves_are_named_by_what_tells_their_files_apart(
    fixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paths: tuple[str, ...], names: list[str]
) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(certified_curves, "certified_accuracy_curves", lambda logs: drawn.extend(logs))
    monkeypatch.setattr(plotting, "save", lambda figure, out: None)
    for path in paths:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(fixed.read_bytes())
    assert certify.main(["--plot", *(str(tmp_path / path) for path in paths), "--out", str(tmp_path / "x.png")]) == 0
    assert drawn == [name.format(tmp_path) for name in names]


def test_a_tilde_is_the_home_folder(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(files))
    options = ["--sigma", "0.25", "--n", "10", "--max", "1"]
    assert certify.main(["~/linear.keras", "~/data.npz", *options, "--out=~/home/log.tsv"]) == 0
    assert len(read_log(files / "home" / "log.tsv")) == 1
    assert certify.main(["--plot", "~/home/log.tsv", "--out", "~/home/curves.png"]) == 0
    assert (files / "home" / "curves.png").exists()
    assert list(tmp_path.iterdir()) == []
    # As in a shell, only at the start of a path.
    given = parser().parse_args(["./~/m.keras", "a/~/d.npz", "--out", "b~"])
    assert (given.model, given.data, given.out) == (Path("./~/m.keras"), Path("a/~/d.npz"), Path("b~"))


def test_an_option_of_several_values_given_twice_has_the_values_of_both() -> None:
    grid = parser().parse_args(["--sequential", "--radii", "0", "--radii", "0.5", "1"])
    assert grid.radii == [0, 0.5, 1]
    plot = parser().parse_args(["--plot", "one.tsv", "--plot", "two.tsv"])
    assert plot.plot == [Path("one.tsv"), Path("two.tsv")]


def test_a_log_made_before_bounds_were_stated_goes_on(files: Path, fixed: Path, tmp_path: Path) -> None:
    out = tmp_path / "log.tsv"
    assert certify.main(command(files, out, *FIXED, "--max", "7")) == 0
    sidecar = out.with_name("log.tsv.json")
    settings = json.loads(sidecar.read_text())
    del settings["bounds"]
    sidecar.write_text(json.dumps(settings))
    assert certify.main(command(files, out, *FIXED)) == 0
    pd.testing.assert_frame_equal(rows(out), rows(fixed))
    assert json.loads(sidecar.read_text()) == settings


def test_what_few_draws_cannot_certify_is_not_stated_as_0(
    files: Path, fixed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert certify.main(command(files, fixed, *FIXED)) == 0
    reach = certified_radius(1000, 1000, 1e-4, 0.25)
    assert 0.5 < reach < 0.75
    lines = [line for line in capsys.readouterr().out.splitlines() if "certified accuracy at 0.75 " in line]
    assert [line.split(maxsplit=4)[4] for line in lines] == [
        f"beyond {round_down(reach, 4):g}, the largest radius that n = 1000 draws can certify at alpha 0.0001: "
        "take a larger --n"
    ]


def test_plot_refuses_logs_in_different_units(
    files: Path, fixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels, out = tmp_path / "pixels.tsv", tmp_path / "curves.png"
    pixels.write_bytes(fixed.read_bytes())
    settings = json.loads(fixed.with_name("log.tsv.json").read_text())
    pixels.with_name("pixels.tsv.json").write_text(json.dumps({**settings, "bounds": [0, 255]}))
    assert certify.main(["--plot", str(fixed), str(pixels), "--out", str(out)]) == 2
    assert "different units: log in [0, 1], pixels in [0, 255]" in capsys.readouterr().err
    assert not out.exists()
    pixels.with_name("pixels.tsv.json").unlink()
    assert certify.main(["--plot", str(fixed), str(pixels), "--out", str(out)]) == 0


@pytest.mark.slow
def test_a_keras_application_is_certified(files: Path, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, classes=10).save(tmp_path / "mobile.keras")
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "images.npz", images=images, labels=np.arange(3))
    out = tmp_path / "log.tsv"
    options = ("--sigma", "64", "--n", "50", "--bounds", "0", "255")
    assert certify.main(command(tmp_path, out, *options, model="mobile", data="images")) == 0
    log = read_log(out)
    assert len(log) == 3 and (log["n"] == 50).all() and (log["count"] <= 50).all()
