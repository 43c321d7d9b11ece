"""The command line as a user meets it: whole runs in a small profile, interruptions, and every kind of bad input."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from src import reproduce
from src.cli.parser import INTERRUPTED
from src.studies.blur import config as blur
from src.studies.resolution import execute
from src.studies.resolution.config import PROTOCOLS, SMOKE, STUDY, VARIANTS
from src.studies.resolution.figures import FIGURES
from src.studies.resolution.tables import TABLES
from tests.killed_at import APPENDED, ASIDE, IN_PLACE, TORN, TORN_ASIDE, assert_kills_change_nothing
from tests.workplace import Workplace

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path / "work")


SMALL = ("--variants", "Downscaled", "Normal", "--protocol", "released")
SIX = ("--protocol", "released", "written")

NAMES = (*(f"{protocol.name} " for protocol in PROTOCOLS), *(f"{variant.name} " for variant in VARIANTS))
"""How a network's line in a plan begins."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A complete run of two networks; tests that change it work on a copy."""
    workplace = Workplace(tmp_path_factory.mktemp("finished") / "work")
    assert workplace.run(*SMALL) == 0
    return workplace


@pytest.fixture
def copy(finished: Workplace, tmp_path: Path) -> Workplace:
    return Workplace(shutil.copytree(finished.folder, tmp_path / "copy", symlinks=True))


def one(folder: Path, pattern: str) -> Path:
    (path,) = folder.glob(pattern)
    return path


class TestRuns:
    def test_writes_every_table_and_figure(self, finished: Workplace) -> None:
        for name in TABLES:
            assert len(pd.read_csv(finished.profile / name)) > 0, name
        for name in FIGURES:
            assert (finished.profile / "figures" / name).stat().st_size > 10_000, name
        assert len(list((finished.profile / "records").glob("*.csv.gz"))) == 2
        assert not list(finished.profile.rglob("*.partial")) and not list(finished.folder.rglob("*.part"))

    def test_one_record_for_each_image_and_condition(self, finished: Workplace) -> None:
        for path in (finished.profile / "records").glob("*.csv.gz"):
            records = pd.read_csv(path)
            keys = [name for name in records.columns if name not in ("label", "prediction", "loss")]
            assert not records.duplicated(keys).any()
            images = records.groupby(keys[:-1])["image"].nunique()
            assert set(images) <= {SMOKE.sweep_images, SMOKE.test_images[-1]}

    def test_again_does_nothing_but_say_so(
        self, copy: Workplace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = {path: path.stat().st_mtime_ns for path in copy.folder.rglob("*") if path.is_file()}
        monkeypatch.setattr(execute, "execute", lambda *_: pytest.fail("work was done again"))
        assert copy.run(*SMALL) == 0
        assert "Nothing to do" in capsys.readouterr().out
        after = {path: path.stat().st_mtime_ns for path in copy.folder.rglob("*") if path.is_file()}
        before.pop(copy.profile / ".lock"), after.pop(copy.profile / ".lock")
        assert after == before

    def test_same_seed_gives_identical_files_in_another_order_and_after_interruptions(
        self, finished: Workplace, workplace: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another folder, Normal first, cut off in its training, then in the evaluation of Downscaled."""
        from src.storage.records import Records
        from src.training import trainer

        save, append = trainer.save_checkpoint, Records.append
        calls = {"save": 0, "append": 0}

        def save_once(*arguments: object) -> None:
            calls["save"] += 1
            if calls["save"] == 2:
                raise KeyboardInterrupt
            save(*arguments)

        def append_thrice(*arguments: object) -> None:
            calls["append"] += 1
            if calls["append"] == 4:
                raise KeyboardInterrupt
            append(*arguments)

        monkeypatch.setattr(trainer, "save_checkpoint", save_once)
        monkeypatch.setattr(Records, "append", append_thrice)
        released = ("--protocol", "released", "--variants")
        assert workplace.run(*released, "Normal") == INTERRUPTED
        assert workplace.run(*released, "Normal") == INTERRUPTED
        assert workplace.run(*released, "Normal") == 0
        assert workplace.run(*released, "Downscaled") == 0
        assert calls["save"] > 2 and calls["append"] > 4
        assert workplace.contents() == finished.contents()

    @pytest.mark.parametrize("moment", ["write_tables", "write_figures"])
    def test_a_kill_between_the_last_network_and_the_figures_leaves_none_stale(
        self, copy: Workplace, workplace: Workplace, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        """The figures of an earlier run are there, and every network is complete."""
        from src.studies.resolution import run

        more = (*SMALL, "--seeds", "0", "1")
        write, calls = getattr(run, moment), []

        def killed(*arguments: object) -> None:
            calls.append(arguments)
            if moment == "write_figures" or len(calls) == 3:
                raise KeyboardInterrupt
            write(*arguments)

        monkeypatch.setattr(run, moment, killed)
        assert copy.run(*more) == INTERRUPTED
        monkeypatch.undo()
        assert copy.run(*more) == 0
        assert workplace.run(*more) == 0
        assert copy.contents() == workplace.contents()

    def test_records_in_the_making_are_not_complete(
        self, copy: Workplace, finished: Workplace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from src.storage.records import Records

        for path in (copy.profile / "records").iterdir():
            path.unlink()
        monkeypatch.setattr(Records, "finish", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        assert copy.run(*SMALL) == INTERRUPTED
        monkeypatch.undo()
        assert copy.run(*SMALL) == 0
        assert copy.contents() == finished.contents()

    def test_a_clone_without_the_large_weights_has_nothing_to_do(
        self, copy: Workplace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Only the marker of a large network is committed; a lost table of trials is written from it."""
        for path in copy.models.rglob("weights.npz"):
            path.unlink()
        (copy.profile / "trials.csv").unlink()
        assert copy.run(*SMALL) == 0
        assert not list(copy.models.rglob("weights.npz"))
        assert copy.run(*SMALL) == 0
        assert "Nothing to do" in capsys.readouterr().out

    def test_two_upscalers_stand_beside_each_other(
        self, copy: Workplace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        import tensorflow as tf

        class Repeat(tf.Module):
            @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)])
            def __call__(self, images: tf.Tensor) -> tf.Tensor:
                return tf.repeat(tf.repeat(images, 4, axis=1), 4, axis=2)

        options = ("--variants", "UpscaledAI Small", "--protocol", "released")
        handles = []
        for name in ("one", "two"):
            module = Repeat()
            module.name_of_the_copy = tf.constant(name)  # so that their files differ
            tf.saved_model.save(module, str(tmp_path / name))
            handles.append(str(tmp_path / name))
            assert copy.run(*options, "--esrgan", handles[-1]) == 0
        table = pd.read_csv(copy.profile / "accuracy.csv").query("variant == 'UpscaledAI Small'")
        assert table["trial"].nunique() == 2 and set(table["resized_by"]) == {"esrgan"}
        assert capsys.readouterr().out.count("UpscaledAI Small") >= 4

    def test_another_seed_is_another_trial_beside_the_first(self, copy: Workplace, finished: Workplace) -> None:
        assert copy.run("--variants", "Downscaled", "--protocol", "released", "--seeds", "1") == 0
        table = pd.read_csv(copy.profile / "accuracy.csv")
        assert set(table.query("variant == 'Downscaled'")["seed"]) == {0, 1}
        kept = table[table["seed"] == 0].reset_index(drop=True)
        pd.testing.assert_frame_equal(kept, pd.read_csv(finished.profile / "accuracy.csv"))
        losses = table.query("variant == 'Downscaled' and metric == 'cnn_loss'")["measured"]
        assert losses.nunique() == 2

    def test_list_prints_a_plan_and_runs_nothing(
        self, workplace: Workplace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert workplace.run("--list") == 0
        printed = capsys.readouterr().out
        for variant in VARIANTS:
            assert f"released {variant.name}" in printed
        assert "Profile smoke: plan" in printed
        assert "In all about" in printed and "GB of memory" in printed
        assert not workplace.results.exists() and not workplace.models.exists()

    def test_the_plan_of_what_is_done_says_so(self, finished: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
        assert finished.run(*SMALL, "--list") == 0
        printed = capsys.readouterr().out
        assert "Nothing to do: 2 of 2 networks are done; nothing was run." in printed
        assert "In all" not in printed
        assert finished.run(*SMALL, "--seeds", "0", "1", "--list") == 0
        printed = capsys.readouterr().out
        assert "In all about" in printed and "Nothing to do" not in printed

    @pytest.mark.parametrize(
        ("several", "once", "networks"),
        [
            ("--protocol released --protocol written", "--protocol released written", 8),
            ("--protocol released released", "--protocol released", 6),
            ("--protocol corrected corrected", "--protocol corrected", 11),
            (
                "--protocol released --variants Normal --variants normal Downscaled --variants Normal",
                "--protocol released --variants Normal Downscaled",
                2,
            ),
            ("--protocol released --seeds 0 --seeds 1 0 --seeds 00", "--protocol released --seeds 0 1", 12),
            ("--recipes macer --recipes gaussian macer", "--recipes macer gaussian", 8),
            ("--sigmas 0.25 --sigmas 0.125 0.250", "--sigmas 0.25 0.125", 11),
        ],
    )
    def test_what_is_named_in_several_options_counts_and_what_is_named_twice_counts_once(
        self, workplace: Workplace, several: str, once: str, networks: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        printed = []
        for options in (several, once):
            assert workplace.run(*options.split(), "--list") == 0
            printed.append(capsys.readouterr().out)
        assert printed[0] == printed[1]
        assert sum(line.strip().startswith(NAMES) for line in printed[0].splitlines()) == networks

    def test_a_protocol_that_says_nothing_of_a_network_does_not_train_it(
        self, workplace: Workplace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert workplace.run("--profile", "seeds", "--variants", "Normal", "UpscaledAI", "--list") == 0
        lines = [line for line in capsys.readouterr().out.splitlines() if line.strip().startswith(NAMES)]
        assert len(lines) == 5
        assert len([line for line in lines if "Normal" in line]) == 2

    def test_default_profile_is_quick_without_a_gpu_and_says_so(
        self, workplace: Workplace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reproduce, "start_tensorflow", lambda: False)
        assert reproduce.main([*workplace.arguments("--list")[2:]]) == 0
        output = capsys.readouterr()
        assert "Profile quick, because TensorFlow sees no GPU" in output.err and "Profile quick" in output.out


def test_the_released_attack_is_told_to_be_broken_and_the_written_one_is_not(
    workplace: Workplace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert workplace.run("--variants", "Downscaled", "--protocol", "released", "written") == 0
    warned = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert any("FGSM on Downscaled (released): the attack is given probabilities" in line for line in warned)
    assert not any("(written)" in line for line in warned)


class TestBadInput:
    """Each gives one clear message with the way out, a non-zero exit, and nothing is lost."""

    @pytest.fixture(autouse=True)
    def _one_message(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def refused(self, workplace: Workplace, *options: str, saying: tuple[str, ...]) -> None:
        before = {path: path.read_bytes() for path in workplace.folder.rglob("*") if path.is_file()}
        before.pop(workplace.profile / ".lock", None)
        assert workplace.run(*options) == 2
        errors = self.capsys.readouterr().err
        assert errors.count("error: ") == 1 and "Traceback" not in errors
        for words in saying:
            assert words in errors, f"{words!r} is not in {errors!r}"
        for path, content in before.items():
            assert path.read_bytes() == content, f"{path} was changed"

    @pytest.mark.parametrize(
        ("options", "saying"),
        [
            (["--variants", "Huge"], ["unknown variant 'Huge'", "'Control Small'"]),
            (["--profile", "gigantic"], ["gigantic", "quick"]),
            (["--protocol", "imagined"], ["imagined", *(protocol.name for protocol in PROTOCOLS)]),
            (["--study", "alchemy"], ["alchemy", "resolution"]),
            (["--precision", "float8"], ["float8", "bfloat16"]),
            (["--recipes", "alchemy"], ["alchemy", "gaussian", "macer"]),
            (["--sigmas", "0.3"], ["0.3", "0.25"]),
            (["--recipes", "macer", "--protocol", "released"], ["--recipes", "Add it to --protocol"]),
            (["--variants", "Normal", "--recipes", "macer"], ["trains no such network", "--list"]),
            (["--frobnicate"], ["--frobnicate", "--help"]),
            (["--seeds"], ["--seeds", "at least one"]),
            (["--seeds", "-1"], ["-1", "whole number"]),
            (["--seeds", "one"], ["'one'", "whole number"]),
            (["--esrgan", "no/such/folder"], ["no/such/folder", "--esrgan"]),
        ],
    )
    def test_options(self, workplace: Workplace, options: list[str], saying: list[str]) -> None:
        self.refused(workplace, *options, saying=tuple(saying))
        assert not workplace.models.exists()

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                "--protocol released-112",
                "protocol released-112: profile smoke has protocols released, written, corrected. Name one of these, "
                "or take another profile.",
            ),
            (
                "--protocol released released-112",
                "protocol released-112: profile smoke has protocols released, written, corrected. Name one of these, "
                "or take another profile.",
            ),
            (
                "--profile seeds --protocol written corrected --variants Normal --recipes macer",
                "protocol corrected: profile seeds has protocols released, written, released-112. Name one of these, "
                "or take another profile.",
            ),
            (
                "--profile seeds --sigmas 0.25",
                "protocol corrected: profile seeds has protocols released, written, released-112. Leave out --sigmas, "
                "or take another profile.",
            ),
            (
                "--protocol released --recipes macer --sigmas 0.25",
                "--recipes and --sigmas: for protocol corrected alone. Add it to --protocol.",
            ),
            (
                "--variants Normal --recipes macer",
                "profile smoke trains no such network under protocol corrected. Leave out --variants or --recipes; "
                "--list shows what there is.",
            ),
            (
                "--protocol released corrected --sigmas 1",
                "profile smoke trains no such network under protocol corrected. Leave out --sigmas; --list shows what "
                "there is.",
            ),
            (
                "--profile seeds --protocol released released-112 --variants Normal",
                "protocol released-112 is about 'UpscaledAI' or 'UpscaledAI Small' alone. Name one of them with "
                "--variants.",
            ),
            (
                "--protocol released --variants Normal Control --esrgan some/folder",
                "--esrgan some/folder: no network of this run has ESRGAN's images. Leave it out, or name 'UpscaledAI' "
                "or 'UpscaledAI Small' with --variants.",
            ),
        ],
    )
    def test_what_a_profile_does_not_have(self, workplace: Workplace, options: str, message: str) -> None:
        for more in ([], ["--list"]):
            assert workplace.run(*options.split(), *more) == 2
            assert self.capsys.readouterr().err == f"error: {message}\n"

    @pytest.mark.parametrize("damage", ["truncated", "flipped", "text"])
    def test_mnist(self, workplace: Workplace, damage: str) -> None:
        path = workplace.data / "mnist.npz"
        whole = path.read_bytes()
        path.unlink()  # it is a link to the bundled file
        middle = len(whole) // 2
        damaged = {
            "truncated": whole[:middle],
            "flipped": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            "text": b"not an archive",
        }
        path.write_bytes(damaged[damage])
        self.refused(workplace, *SMALL, saying=("mnist.npz", "git checkout"))

    def test_cache(self, copy: Workplace) -> None:
        shard = next(copy.data.glob("cache/*/*.npz"))
        shard.write_bytes(shard.read_bytes()[:-100])
        self.refused(copy, *SMALL[:2], "--protocol", "released", "--seeds", "7", saying=(str(shard), "Delete"))

    def test_checkpoint(self, workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
        from src.training import trainer

        monkeypatch.setattr(trainer, "write_text", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert workplace.run(*SMALL) == INTERRUPTED
        monkeypatch.undo()
        checkpoint = one(workplace.models, "resolution/*/checkpoint.npz")
        content = checkpoint.read_bytes()
        checkpoint.write_bytes(content[: len(content) // 2])
        self.capsys.readouterr()
        self.refused(workplace, *SMALL, saying=(str(checkpoint), "Delete", "only this network"))
        checkpoint.unlink()
        assert workplace.run(*SMALL) == 0

    def test_records(self, copy: Workplace, finished: Workplace) -> None:
        path = one(copy.profile, "records/released-normal*")
        content = path.read_bytes()
        path.write_bytes(content[:-50])
        self.refused(copy, *SMALL, saying=(str(path), "Delete it and run again"))
        path.unlink()
        assert copy.run(*SMALL) == 0
        assert copy.contents() == finished.contents()

    def test_trained_weights(self, copy: Workplace) -> None:
        path = one(copy.models, "resolution/released-normal*/weights.npz")
        content = bytearray(path.read_bytes())
        content[1000] ^= 1
        path.write_bytes(bytes(content))
        one(copy.profile, "records/released-normal*").unlink()
        self.refused(copy, *SMALL, saying=(str(path), "damaged", "trained anew"))

    def test_table_of_trials(self, copy: Workplace, finished: Workplace) -> None:
        path = copy.profile / "trials.csv"
        path.write_text(path.read_text().replace("float32", "float16", 1))
        self.refused(copy, *SMALL, saying=(str(path), "Delete it and run again"))
        path.unlink()
        assert copy.run(*SMALL) == 0
        assert copy.contents() == finished.contents()

    def test_records_of_another_training(self, copy: Workplace) -> None:
        """A network trained anew elsewhere may differ in its last digits; its rows are never mixed with others'."""
        table = pd.read_csv(copy.profile / "trials.csv")
        table["weights_sha256"] = "0" * 64
        table.to_csv(copy.profile / "trials.csv", index=False)
        one(copy.profile, "examples/released-normal*").unlink()
        self.refused(copy, *SMALL, saying=("another training", "Delete"))
        for path in copy.profile.rglob("released-normal*"):
            path.unlink()
        assert copy.run(*SMALL) == 0

    @pytest.mark.parametrize("content", ["", "protocol,variant\nreleased,Normal\n"])
    def test_a_table_where_nothing_is_to_do(self, copy: Workplace, content: str) -> None:
        (copy.profile / "accuracy.csv").write_text(content)
        self.refused(copy, *SMALL, saying=("accuracy.csv",))

    @pytest.mark.parametrize("place", ["results", "models", "data"])
    def test_a_folder_that_cannot_be_written(self, workplace: Workplace, place: str) -> None:
        file = workplace.folder / "file"
        file.write_text("not a folder")
        blocked = {"results": file / "results", "models": file / "models", "data": workplace.data}[place]
        if place == "data":
            (workplace.data / "cache").write_text("not a folder")
        self.refused(workplace, *SMALL, f"--{place}={blocked}", saying=("can't write", "folder"))

    def test_full_disk(self, workplace: Workplace, finished: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
        """Full at the 2nd, 6th, 12th, 20th, ... write: each run ends with the message, the last with everything."""
        sync, calls = os.fsync, {"count": 0}
        fatal = {k * (k + 1) for k in range(1, 30)}

        def full(file: int) -> None:
            calls["count"] += 1
            if calls["count"] in fatal:
                raise OSError(errno.ENOSPC, "No space left on device")
            sync(file)

        monkeypatch.setattr(os, "fsync", full)
        exits = []
        while not exits or exits[-1] == 2:
            exits.append(workplace.run(*SMALL))
            errors = self.capsys.readouterr().err
            assert exits[-1] == 0 or ("The disk is full" in errors and "what is complete is kept" in errors)
            assert len(exits) <= len(fatal)
        assert exits[-1] == 0 and len(exits) > 5
        assert workplace.contents() == finished.contents()

    def test_two_runs_at_once(self, copy: Workplace) -> None:
        from src.storage.files import only_writer

        with only_writer(copy.profile / ".lock", copy.profile, "wait"):
            self.refused(copy, *SMALL, saying=("another run", "--results"))


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize("study", [STUDY, blur.STUDY])
def test_git_ignores_trained_networks_and_no_tables(study: str, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    weights, table = f"models/{study}/plain-seed0/weights.npz", f"results/{study}/paper/claims.csv"
    told = subprocess.run(["git", "check-ignore", weights, table], cwd=tmp_path, capture_output=True, text=True)
    assert told.stdout.splitlines() == [weights]


def test_startup_is_quiet_and_warnings_are_not(workplace: Workplace) -> None:
    script = (
        "import sys\nfrom src.cli.tensorflow_setup import start_tensorflow\nstart_tensorflow()\n"
        "import tensorflow as tf\ntf.get_logger().warning('a real warning')"
    )
    # As a user starts it, but where there is a GPU, TensorFlow is right to speak of it.
    told = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env={**told, "CUDA_VISIBLE_DEVICES": ""}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert done.stdout == ""
    assert done.stderr.splitlines() == ["WARNING:tensorflow:a real warning"]


INTERRUPTIBLE = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("src.reproduce", run_name="__main__", alter_sys=True)
"""
"""The command line where SIGINT may be ignored, as children of a shell's background job inherit it."""


def test_ctrl_c_ends_a_run_with_a_message(workplace: Workplace) -> None:
    started = [sys.executable, "-c", INTERRUPTIBLE, *workplace.arguments()]
    process = subprocess.Popen(started, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while not list(workplace.models.glob("resolution/*/trial.json")):
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == INTERRUPTED
    assert "run the same command again" in errors and "Traceback" not in errors


def one_network(folder: Path) -> int:
    return Workplace(folder).run("--protocol", "released", "--variants", "Downscaled")


def six_networks(folder: Path) -> int:
    return Workplace(folder).run(*SIX)


def test_kills_in_the_middle_of_writes_change_nothing(tmp_path: Path) -> None:
    assert_kills_change_nothing(one_network, tmp_path, [
        (TORN_ASIDE, "checkpoint.npz"), (IN_PLACE, "checkpoint.npz"), (IN_PLACE, "weights.npz"),
        (IN_PLACE, "complete.json"), (TORN, "records/*.partial"), (APPENDED, "records/*.partial"),
        (IN_PLACE, "records/*.gz"), (IN_PLACE, "smoke/*.csv"), (ASIDE, "figures/*.png"), (TORN_ASIDE, "smoke/*.json"),
    ])  # fmt: skip


@pytest.mark.slow
def test_kills_at_every_kind_of_write_change_nothing(tmp_path: Path) -> None:
    assert_kills_change_nothing(six_networks, tmp_path)
